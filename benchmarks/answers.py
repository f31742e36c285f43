"""One consensus session as a run leaves it: the answers of a roster, their synthesis, and the verdict on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from benchmarks.data import File
from benchmarks.telemetry import EVIDENCE

ROSTER = ("gemini", "claude", "gpt_pro")
_STAMP = "20250201T093000Z-4f2a"
_AGREEMENTS = ["three milestones", "telemetry first", "one database file to begin with"]
_NOTES = ["Schema first, then the synchronisation of devices, then delivery by mail and chat."] * 12


def consensus(spec: str, document: File) -> Iterator[File]:
    """The plan session of a SPEC, made from one document."""
    inputs = [{"path": document[0], "sha256": _digest(document[1])}]
    answers = [_file(spec, agent, _head(spec) | _answer(agent, inputs)) for agent in ROSTER]
    synthesis = _file(spec, "synthesis", _head(spec) | _synthesis(answers))
    yield from answers
    yield from (_file(spec, f"{agent}_ballot", _head(spec) | _ballot(agent, answers)) for agent in ROSTER)
    yield synthesis
    yield _file(spec, "verdict", _head(spec) | _verdict(inputs, synthesis))


def _file(spec: str, tail: str, record: dict[str, Any]) -> File:
    return f"{EVIDENCE}/consensus/{spec}/spec-plan_{_STAMP}_{tail}.json", json.dumps(record, indent=2).encode() + b"\n"


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def _head(spec: str) -> dict[str, Any]:
    return {
        "schemaVersion": 1,
        "specId": spec,
        "stage": "plan",
        "timestamp": "2025-02-01T09:30:00Z",
        "session": _STAMP,
    }


def _answer(agent: str, inputs: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "agent": agent,
        "model": f"{agent}-model",
        "prompt_version": "20250101-plan-a",
        "prompt_sha256": _digest(agent.encode()),
        "inputs": inputs,
        "status": "ok",
        "error": None,
        "usage": {
            "input_tokens": 3100,
            "output_tokens": 900,
            "total_tokens": 4000,
            "cost_usd": 0.04,
            "source": "estimated",
        },
        "latency_ms": 28400,
        "consensus": {"agreements": _AGREEMENTS, "conflicts": []},
        "output": {"agent": agent, "notes": _NOTES, "decision": {"proceed": True, "because": "it can be built"}},
    }


def _ballot(agent: str, answers: list[File]) -> dict[str, Any]:
    """The votes of an agent, which agrees with everything."""
    names = [f"s{number}" for number in range(1, len(_AGREEMENTS) + 1)]
    agents = sorted(ROSTER)
    return {
        "agent": agent,
        "model": f"{agent}-model",
        "prompt_version": "20250101-ballot-a",
        "prompt_sha256": _digest(b"ballot " + agent.encode()),
        "inputs": [{"path": path, "sha256": _digest(data)} for path, data in sorted(answers)],
        "statements": [
            {"id": name, "text": text, "kind": "remark", "agents": agents}
            for name, text in zip(names, _AGREEMENTS, strict=True)
        ],
        "ballot": [{"id": name, "vote": "agree", "because": ""} for name in names],
        "status": "ok",
        "error": None,
        "usage": {
            "input_tokens": 300,
            "output_tokens": 60,
            "total_tokens": 360,
            "cost_usd": 0.004,
            "source": "estimated",
        },
        "latency_ms": 2100,
    }


def _synthesis(answers: list[File]) -> dict[str, Any]:
    outputs = [
        {"agent": agent, "path": path, "sha256": _digest(data)}
        for agent, (path, data) in zip(ROSTER, answers, strict=True)
    ]
    return {
        "roster": list(ROSTER),
        "outputs": outputs,
        "agreements": _AGREEMENTS,
        "conflicts": [],
        "method": "ballot",
        "status": "ok",
    }


def _verdict(inputs: list[dict[str, str]], synthesis: File) -> dict[str, Any]:
    prompts = [{"agent": each, "version": "20250101-plan-a", "sha256": _digest(each.encode())} for each in ROSTER]
    return {
        "verdict": "ok",
        "method": "ballot",
        "severe": False,
        "participation": 1.0,
        "agreement": 1.0,
        "roster": list(ROSTER),
        "usable": list(ROSTER),
        "unusable": [],
        "conflicts": [],
        "inputs": inputs,
        "prompts": prompts,
        "config_sha256": _digest(b""),
        "synthesis": {"path": synthesis[0], "sha256": _digest(synthesis[1])},
    }
