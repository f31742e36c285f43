"""The audit packet as text, Markdown and JSON. Only one line of each tells when it was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from guardrails.printable import printable
from guardrails.reports.audit import Audit, ConflictRow, Item, Variance
from guardrails.reports.documents import moment, plain
from guardrails.reports.layouts import fields, markdown, markdown_table, text_table
from guardrails.reports.numbers import count, dollars, duration, money, share
from guardrails.reports.reconcile import Line, Reconciliation
from guardrails.reports.status import StageState
from guardrails.reports.values import Money

SCHEMA = "speckit.audit/1"
_SHORT = 12
MADE = "generated"
"""What begins the one line that differs between two packets about the same evidence."""

VERDICTS = ("Stage", "Guardrail", "Verdict", "Agreement", "Participation", "Agents", "When")
COSTS = ("Stage", "Session", "Metrics", "Event lines", "Cost summary", "State", "Differences")
CONFLICTS = ("Stage", "Conflict", "What is disputed", "Settled")
VARIANCES = ("Stage", "What", "Actual", "Expected", "Within")
ITEMS = ("", "Machine-verified", "Why")
LEDGERS = ("Run", "Outcome", "Entries", "Digest of the last entry")
SIGNATURES = ("Role", "Confirms", "Name", "Date", "Signature")
MARKS = {"holds": "[x]", "fails": "[ ]", "unknown": "[?]"}
NONE = ("none", *[""] * 10)


def as_text(found: Audit) -> str:
    """What holds, what does not, and the costs: the rest is in the packet."""
    header = [("SPEC", found.spec), ("evidence", _sealed(found)), ("in", found.where)]
    return "".join(
        (
            fields(header),
            "\n",
            text_table(ITEMS, map(item_row, found.items)),
            "\n",
            text_table(COSTS, cost_rows(found.costs)),
            "\n",
            text_table(CONFLICTS, conflict_rows(found.conflicts)),
            f"\n{summary(found)}\n",
        )
    )


def summary(found: Audit) -> str:
    """The packet in a sentence."""
    held = sum(item.state == "holds" for item in found.items)
    return printable(
        f"{held} of {len(found.items)} things a machine can verify hold; {len(found.signatures)} are left to sign"
    )


def _sealed(found: Audit) -> str:
    return f"{found.sealed.files} files, sha256 {found.sealed.sha256}"


def verdict_rows(stages: Sequence[StageState]) -> Iterator[tuple[str, ...]]:
    """A row for each stage, run or not."""
    for stage in stages:
        now = next((each.now for each in stage.sessions if each.now and each.now.kind == stage.verdict), None)
        agents = ", ".join(f"{each.agent} {each.outcome}" for each in stage.agents) or "-"
        when = max((each.when for each in stage.sessions if each.when), default=None)
        shares = (share(now.agreement), share(now.participation)) if now else ("-", "-")
        yield stage.stage, stage.guardrail, stage.verdict, *shares, agents, moment(when) or "-"


def cost_rows(costs: Reconciliation) -> Iterator[tuple[str, ...]]:
    for line in (*costs.lines, costs.total):
        yield _cost_row(line)


def _cost_row(line: Line) -> tuple[str, ...]:
    def shown(amount: Money | None) -> str:
        return "-" if amount is None else money(amount)

    amounts = (shown(line.metrics), shown(line.events), shown(line.summary))
    again = f"none ({line.repeated.calls} earlier attempts stand in the event lines alone)" if line.repeated else "none"
    return line.stage, line.session or "all", *amounts, line.state, "; ".join(line.differences) or again


def conflict_rows(rows: Sequence[ConflictRow]) -> Iterator[tuple[str, ...]]:
    """A row for each conflict, and one that says so when there are none."""
    for row in rows:
        yield row.stage, row.id, row.text, row.settled or "OPEN"
    if not rows:
        yield NONE[: len(CONFLICTS)]


def variance_rows(rows: Sequence[Variance]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        within = {True: "yes", False: "NO", None: "unknown"}[row.within]
        least = "at least " if row.floor else ""
        yield row.stage, row.what, least + figure(row.actual, row), _expected(row), within
    if not rows:
        yield NONE[: len(VARIANCES)]


def figure(value: float | None, row: Variance) -> str:
    """A figure of a variance in its unit."""
    return {"usd": dollars, "tokens": count, "ms": duration, "share": share}[row.unit](value)


def _expected(row: Variance) -> str:
    if row.low is not None and row.high is not None:
        return f"{figure(row.low, row)} to {figure(row.high, row)}"
    if row.low is not None:
        return f"at least {figure(row.low, row)}"
    return f"at most {figure(row.high, row)}" if row.high is not None else "not stated"


def item_row(item: Item) -> tuple[str, ...]:
    return MARKS[item.state], item.what, item.why


def ledger_rows(found: Audit) -> Iterator[tuple[str, ...]]:
    for row in found.ledgers:
        yield row.run, row.outcome, count(row.entries), row.head or "not sealed"
    if not found.ledgers:
        yield NONE[: len(LEDGERS)]


def as_markdown(found: Audit) -> str:
    """The packet. The places for names and signatures are empty: they are for people."""
    archived = len(found.costs.archived)
    note = (
        f"\n{archived} sessions of the cost summary were archived and are not held against anything.\n"
        if archived
        else ""
    )
    empty = ("", "", "")
    return "\n".join(
        (
            f"# Audit packet of {markdown(found.spec)}\n",
            f"- evidence: {_sealed(found)}",
            f"- {MADE}: {moment(found.generated)}\n",
            f"{summary(found)}.\n",
            f"## Verdicts\n\n{markdown_table(VERDICTS, verdict_rows(found.state.stages))}",
            f"## Cost reconciliation\n\n{markdown_table(COSTS, cost_rows(found.costs))}{note}",
            f"## Conflicts\n\n{markdown_table(CONFLICTS, conflict_rows(found.conflicts))}",
            f"## Variance\n\n{markdown_table(VARIANCES, variance_rows(found.variances))}",
            f"## Ledger\n\n{markdown_table(LEDGERS, ledger_rows(found))}",
            f"## Sign-off\n\n{markdown_table(ITEMS, map(item_row, found.items))}",
            markdown_table(SIGNATURES, ((each.role, each.confirms, *empty) for each in found.signatures)),
        )
    )


def as_document(found: Audit) -> dict[str, Any]:
    """The packet as one JSON document."""
    return {
        "schema": SCHEMA,
        "spec": found.spec,
        MADE: moment(found.generated),
        "evidence": plain(found.sealed),
        "holds": found.holds,
        "verdicts": [dict(zip(map(str.lower, VERDICTS), row, strict=True)) for row in verdict_rows(found.state.stages)],
        "costs": {
            "summary": found.costs.summary.path if found.costs.summary else None,
            "agrees": found.costs.agrees,
            "lines": plain(found.costs.lines),
            "total": plain(found.costs.total),
            "archived": list(found.costs.archived),
            "cap_usd": found.cap,
        },
        "conflicts": plain(found.conflicts),
        "variances": [{**plain(row), "within": row.within} for row in found.variances],
        "ledgers": plain(found.ledgers),
        "items": plain(found.items),
        "signatures": plain(found.signatures),
    }
