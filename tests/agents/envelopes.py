"""What the command lines of agents print around an answer, in the shapes their makers document."""

from __future__ import annotations

import json
from typing import Any


def claude(text: str, **changed: Any) -> bytes:
    envelope: dict[str, Any] = {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "duration_ms": 4047,
        "num_turns": 1,
        "result": text,
        "stop_reason": "end_turn",
        "session_id": "20dde46c-b21a-4475-ac07-6a190b80c4e3",
        "total_cost_usd": 0.079,
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 25572,
            "cache_read_input_tokens": 6341,
            "output_tokens": 71,
        },
        "modelUsage": {
            "claude-haiku": {"inputTokens": 90, "outputTokens": 9, "costUSD": 0.001},
            "claude-sonnet": {"inputTokens": 3, "outputTokens": 71, "costUSD": 0.078},
        },
        "permission_denials": [],
    }
    return json.dumps(envelope | changed).encode()


def codex(text: str, *, ended: bool = True) -> bytes:
    events: list[dict[str, Any]] = [
        {"type": "thread.started", "thread_id": "019e49d4-05e3-7111-9bef-5f4f48c36e88"},
        {"type": "turn.started"},
        {"type": "error", "message": "Reconnecting... 2/5 (stream closed)"},
        {"type": "item.completed", "item": {"id": "item_0", "type": "reasoning", "text": '{"not": "it"}'}},
        {"type": "item.completed", "item": {"id": "item_1", "type": "agent_message", "text": "I look at {it} first."}},
        {"type": "item.completed", "item": {"id": "item_2", "type": "agent_message", "text": text}},
    ]
    usage = {"input_tokens": 12632, "cached_input_tokens": 3456, "output_tokens": 81}
    if ended:
        events.append({"type": "turn.completed", "usage": usage})
    return b"Reading prompt from stdin...\n" + b"".join(json.dumps(event).encode() + b"\n" for event in events)


def gemini(text: str, **changed: Any) -> bytes:
    tokens = {"prompt": 24939, "candidates": 20, "total": 25113, "cached": 21263, "thoughts": 154, "tool": 0}
    small = {"prompt": 100, "candidates": 5, "total": 105, "cached": 0, "thoughts": 0, "tool": 0}
    envelope: dict[str, Any] = {
        "session_id": "1",
        "response": text,
        "stats": {"models": {"gemini-flash-lite": {"tokens": small}, "gemini-pro": {"api": {}, "tokens": tokens}}},
    }
    return b"Loaded cached credentials.\n" + json.dumps(envelope | changed, indent=2).encode()
