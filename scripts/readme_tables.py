"""The tables of README.md that the registry and the manifest decide."""

from __future__ import annotations

from guardrails.engine import CHECKS, FAMILIES
from guardrails.setup import HOOKS
from scripts.markdown_text import code, prose, table
from scripts.rule_pages import judged_by


def hooks() -> str:
    """What a hook framework can run."""
    rows = [[code(hook.id), ", ".join(hook.stages), code(hook.entry), prose(hook.description)] for hook in HOOKS]
    return table(["Hook", "Stages", "Runs", "Judges"], rows)


def checks() -> str:
    """What each check judges and when `guard` runs it."""
    rows = [
        [code(f"speckit {row.name}"), prose(row.summary), ", ".join(row.families), ", ".join(row.hooks)]
        for row in CHECKS
    ]
    return table(["Command", "Green when", "Rules", "`guard` runs it at"], rows)


def rule_families() -> str:
    """The rule families, linked to the index."""
    rows = [[code(row.letters), prose(row.about), str(len(row.rules)), judged_by(row)] for row in FAMILIES]
    return table(["Family", "About", "Rules", "Judged by"], rows)


TABLES = {"hooks": hooks, "checks": checks, "rules": rule_families}


def filled(text: str) -> str:
    """`text` with each table between its markers rendered anew. Raises ValueError when a marker is missing."""
    for name, make in TABLES.items():
        text = _between(text, f"<!-- rendered: {name} -->\n", "\n<!-- end -->", make())
    return text


def _between(text: str, start: str, end: str, body: str) -> str:
    before, opened, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not opened or not closed or start in after:
        raise ValueError(f"one place must be marked '{start.strip()}' ... '{end.strip()}'")
    return before + start + body + end + after
