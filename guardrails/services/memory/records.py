"""The memories an agent's answer and a verdict leave. Pure: from one record to entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from guardrails.config.layout import Layout
from guardrails.consensus.statements import stated
from guardrails.core.text import utf8
from guardrails.core.timestamps import parse_time
from guardrails.services.memory import entries
from guardrails.services.memory.entries import LONGEST, MemorySource, NewMemory, entry

OF_OUTPUT, OF_VERDICT = 8, 9
"""How important an agent's answer and a verdict are."""
_DEEPEST = 20
"""Levels that are indented; what lies deeper stands below each other."""

RememberedRecord = Mapping[str, Any]


def entries_of_output(document: RememberedRecord, source: MemorySource, layout: Layout) -> tuple[NewMemory, ...]:
    """What an agent's output (schema `agent_output`) leaves. One that failed leaves why it did."""
    said = ("type:output", entries.known("status", document.get("status"), layout))
    return (_entry(document, source, layout, OF_OUTPUT, said, _output(document)),)


def entries_of_verdict(document: RememberedRecord, source: MemorySource, layout: Layout) -> tuple[NewMemory, ...]:
    """What a verdict (schema `verdict`) leaves."""
    said = ("type:verdict", entries.known("verdict", document.get("verdict"), layout))
    return (_entry(document, source, layout, OF_VERDICT, said, _verdict(document)),)


def _entry(
    document: RememberedRecord,
    source: MemorySource,
    layout: Layout,
    importance: int,
    said: tuple[str | None, ...],
    lines: Iterable[str],
) -> NewMemory:
    of = (
        entries.known("spec", document.get("specId", document.get("spec_id")), layout),
        entries.known("stage", document.get("stage"), layout),
        entries.known("agent", document.get("agent"), layout),
        entries.known("session", document.get("session"), layout),
    )
    given = [tag for tag in (*of, *said) if tag]
    return entry(_joined(lines, source), given, importance, parse_time(document.get("timestamp")), source)


def _joined(lines: Iterable[str], source: MemorySource) -> str:
    """The lines as far as there is room, and then where the rest is."""
    note = utf8(f"[cut here; all of it is in {source.path[:1000]}]")
    room = LONGEST - len(note) - 1
    kept: list[str] = []
    for line in map(utf8, lines):
        if len(line) + 1 > room:
            return "\n".join((*kept, line[: max(0, room - 1)], note))
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept)


def _about(document: RememberedRecord) -> str:
    return f"{document.get('stage')} of {document.get('specId', document.get('spec_id'))}"


def _output(document: RememberedRecord) -> Iterator[str]:
    agent = document.get("agent")
    if document.get("error"):
        yield f"{agent} did not answer for {_about(document)}: {document['error']}"
    else:
        yield f"{agent} answered for {_about(document)}"
    for what in ("agreements", "conflicts"):
        for text in dict.fromkeys(text for _, text in stated(document, what)):
            yield f"{what.removesuffix('s')}: {text}"
    yield from _outline(document.get("output") if "output" in document else dict(document))


def _verdict(document: RememberedRecord) -> Iterator[str]:
    severe = " (severe)" if document.get("severe") else ""
    yield f"verdict on {_about(document)}: {document.get('verdict')}{severe}"
    for what in ("participation", "agreement"):
        yield f"{what}: {_words(document.get(what))}"
    yield f"usable: {', '.join(map(str, _list(document, 'usable'))) or 'none'}"
    for row in _rows(document, "unusable"):
        yield f"unusable: {row.get('agent')}: {row.get('reason')}"
    for row in _rows(document, "conflicts"):
        settled = row.get("resolved_by")
        yield f"conflict: {row.get('text')} ({f'resolved by {settled}' if settled else 'not resolved'})"


def _rows(document: RememberedRecord, key: str) -> Iterator[RememberedRecord]:
    return (row for row in _list(document, key) if isinstance(row, dict))


def _list(document: RememberedRecord, key: str) -> list[Any]:
    given = document.get(key)
    return given if isinstance(given, list) else []


def _outline(value: Any) -> Iterator[str]:
    """A JSON value as indented lines: what stands in it, without its punctuation."""
    stack: list[tuple[int, str, Any]] = [(0, "", value)]
    while stack:
        depth, label, item = stack.pop()
        indent = "  " * min(depth, _DEEPEST)
        below = depth + 1 if label else depth
        if isinstance(item, (dict, list)):
            if label:
                yield indent + label
            pairs = [(f"{key}:", item[key]) for key in item] if isinstance(item, dict) else [("-", x) for x in item]
            stack += [(below, name, inner) for name, inner in reversed(pairs)]
        elif item is not None or label:
            yield f"{indent}{label} {_words(item)}".rstrip() if label else _words(item)


def _words(item: Any) -> str:
    if isinstance(item, str):
        return item
    return "unknown" if item is None else str(item).lower() if isinstance(item, bool) else str(item)
