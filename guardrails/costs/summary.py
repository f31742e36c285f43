"""The cost summary of a SPEC: one row for each session, and all sums made from the rows.

A session that is settled again, because a step of its run was executed twice, replaces its row: the summary is the same
as if it had been settled once. A later run adds its rows, and rows of sessions whose evidence was archived stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from guardrails.costs.spending import Money, Spent, add, together
from guardrails.jsontext import JsonFlaw, parse
from guardrails.layout import STAGES
from guardrails.run_settings import Budget


class Charge(NamedTuple):
    """One call of a session: what it cost, and how it went. Every attempt is one, whatever came of it."""

    spent: Spent
    failed: bool = False
    cached: bool = False
    """whether its tool says that some of the tokens it read came from the provider's cache"""
    replayed: bool = False


class Row(NamedTuple):
    """What one session cost."""

    session: str
    stage: str
    run: str | None
    money: Money
    cached: int = 0
    failed: int = 0
    replayed: int = 0


class Summary(NamedTuple):
    """The document, and what its reader should be told besides."""

    document: dict[str, Any]
    notes: tuple[str, ...] = ()


def row(session: str, stage: str, run: str | None, charges: Sequence[Charge]) -> Row:
    """The row of a session. `session` is its stamp."""
    return Row(
        session,
        stage,
        run,
        together(each.spent for each in charges),
        sum(each.cached for each in charges),
        sum(each.failed for each in charges),
        sum(each.replayed for each in charges),
    )


def calls_known(previous: bytes | None, spec: str) -> dict[str, int]:
    """How many calls the summary that is there knows of each session, by its stamp."""
    return {each.session: each.money.calls for each in _rows(previous, spec)[0]}


def summary_document(
    previous: bytes | None,
    spec: str,
    settled: Row,
    profile: str | None,
    budget: Budget,
    when: datetime,
    left: Sequence[Row] = (),
) -> Summary:
    """The summary of a SPEC after a session. `previous` are the bytes of the one that is there; None: there is none.

    `when` is the time of the session, not of the writing; `left` are sessions that were given up. A summary of
    another form (an older tool's, another SPEC's) is not added to, for nobody can say which sessions it counted; a
    note says so.
    """
    earlier, note = _rows(previous, spec)
    rows = {each.session: each for each in (*earlier, *left, settled)}
    ordered = [rows[session] for session in sorted(rows)]
    total = add(each.money for each in ordered)
    return Summary(
        {
            "schemaVersion": 1,
            "specId": spec,
            "generatedAt": when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "runProfile": profile,
            "per_stage": {stage: _stage(ordered, stage) for stage in STAGES if any(r.stage == stage for r in ordered)},
            "total_usd": total.usd,
            "total_tokens": total.tokens,
            "calls": total.calls,
            "priced_calls": total.priced_calls,
            "cached_calls": sum(each.cached for each in ordered),
            "failed_calls": sum(each.failed for each in ordered),
            "prices_version": _prices_version(budget),
            "sessions": [_document(each) for each in ordered],
            "budget": _budget(budget, [each for each in ordered if _same_run(each, settled)]),
        },
        (note,) if note else (),
    )


def _same_run(row: Row, latest: Row) -> bool:
    """A stage that was run alone is a run of its own."""
    return row.session == latest.session or (row.run is not None and row.run == latest.run)


def _stage(rows: Iterable[Row], stage: str) -> dict[str, Any]:
    return _money(add(each.money for each in rows if each.stage == stage))


def _money(money: Money) -> dict[str, Any]:
    return dict(money._asdict())


def _document(row: Row) -> dict[str, Any]:
    return {
        "session": row.session,
        "stage": row.stage,
        "run": row.run,
        **_money(row.money),
        "cached_calls": row.cached,
        "failed_calls": row.failed,
        "replayed_calls": row.replayed,
    }


def _prices_version(budget: Budget) -> str | None:
    return ", ".join(sorted({price.version for price in budget.prices if price.version})) or None


def _budget(budget: Budget, rows: Sequence[Row]) -> dict[str, Any] | None:
    if budget.usd is None and budget.tokens_per_stage is None:
        return None
    spent = add(each.money for each in rows).usd
    used = round(spent / budget.usd, 4) if budget.usd and spent is not None else None
    made: dict[str, Any] = {"usd": budget.usd, "used": used, "spent": spent}
    if budget.tokens_per_stage is not None:
        made["tokens_per_stage"] = list(budget.tokens_per_stage)
    return made


def _rows(data: bytes | None, spec: str) -> tuple[list[Row], str | None]:
    """The rows of an earlier summary, or why there are none to add to."""
    if data is None:
        return [], None
    from guardrails.schema import is_valid

    try:
        tree = parse(data)
    except JsonFlaw as flaw:
        return [], f"the earlier cost summary cannot be read ({flaw.message}) and is not added to"
    if not isinstance(tree, dict) or not is_valid("cost_summary", tree) or "sessions" not in tree:
        return [], "the earlier cost summary has no sessions and is not added to"
    if tree.get("specId") != spec:
        return [], "the earlier cost summary is of another SPEC and is not added to"
    return [_row(item) for item in tree["sessions"]], None


def _row(item: dict[str, Any]) -> Row:
    money = Money(item["usd"], item["tokens"], item["source"], item["calls"], item["priced_calls"])
    counted = (item.get(f"{kind}_calls", 0) for kind in ("cached", "failed", "replayed"))
    return Row(item["session"], item["stage"], item.get("run"), money, *counted)
