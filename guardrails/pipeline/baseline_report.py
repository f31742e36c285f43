"""The baseline report: what the packet and the tree were before a SPEC is planned."""

from __future__ import annotations

from collections.abc import Sequence

from guardrails.evidence.names import Session
from guardrails.pipeline.baseline import TreeState
from guardrails.pipeline.examined import Examined, Status
from guardrails.pipeline.packet import Document
from guardrails.printable import printable

OF_BASELINE = ("clean-tree", "documents", "lint")
"""The rows a baseline consists of."""
_LISTED = 50


def status(rows: Sequence[Examined]) -> Status:
    """The outcome of the baseline: passed when the packet and the tree were examined, and hold."""
    found = [row.status for row in rows if row.name in OF_BASELINE]
    if "failed" in found:
        return "failed"
    return "passed" if "passed" in found else "skipped"


def render(session: Session, start: TreeState, documents: Sequence[Document], rows: Sequence[Examined]) -> str:
    """The report as Markdown. It holds nothing that differs when it is written again."""
    lines = [f"# Baseline of {session.spec}", ""]
    lines += [
        f"- Session: {session.stamp}",
        f"- HEAD: {start.head or 'no commit yet'}",
        f"- Status: {status(rows)}",
        "",
    ]
    lines += ["## Documents", "", "| Document | SHA-256 |", "| --- | --- |"]
    lines += [f"| {_cell(each.path)} | {each.sha256 or 'not there'} |" for each in documents]
    lines += ["", "## Tree", ""]
    lines += [f"- {row.kind}: {_cell(row.path)}" for row in start.dirty[:_LISTED]] or ["Clean at the start."]
    if len(start.dirty) > _LISTED:
        lines.append(f"- and {len(start.dirty) - _LISTED} more")
    lines += ["", "## Examined", "", "| What | Outcome | Found |", "| --- | --- | --- |"]
    lines += [f"| {row.name} | {row.status} | {_cell(row.message or '')} |" for row in rows]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")
