"""The rows as one table for people, and as one JSON document."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

from benchmarks.measure import Series
from benchmarks.rows import Row

HEADER = ("benchmark", "measured", "ours", "against", "theirs", "spread", "ratio", "limit", "result")
_RIGHT = frozenset(("ours", "theirs", "spread", "ratio", "limit"))
_GAP = "  "


def render(rows: Sequence[Row]) -> str:
    """Header, rule, one line for each row; then why some were not measured."""
    lines = [HEADER, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [_line(cells, widths) for cells in lines]
    table.insert(1, _GAP.join("-" * width for width in widths))
    table.append(
        "ratio: ours by theirs; where the limit is a least (>=), theirs by ours. spread: middle half of the values."
    )
    problems = [f"{row.claim.benchmark}: not measured: {row.problem}" for row in rows if row.problem]
    return "\n".join([*table, *dict.fromkeys(problems)]) + "\n"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if name in _RIGHT else cell.ljust(width)
        for name, cell, width in zip(HEADER, cells, widths, strict=True)
    ]
    return _GAP.join(padded).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    claim, ratio = row.claim, row.ratio
    noise = max((series.spread for series in (row.ours, row.theirs) if series), default=None)
    return (
        claim.benchmark,
        claim.what,
        _amount(row.ours),
        claim.against,
        _amount(row.theirs),
        "-" if noise is None else f"{noise:.0%}",
        "-" if ratio is None else f"{ratio:.2f}",
        str(claim.limit) if claim.limit else "-",
        row.outcome,
    )


def _amount(series: Series | None) -> str:
    if series is None:
        return "-"
    return f"{series.median:.1f} {series.unit}" if series.median < 1000 else f"{series.median:.0f} {series.unit}"


def document(rows: Sequence[Row], sizes: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """All that was measured, every sample of it."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "sizes": dict(sizes),
        "rows": [_row(row) for row in rows],
    }


def _row(row: Row) -> dict[str, Any]:
    claim, ratio = row.claim, row.ratio
    return {
        "benchmark": claim.benchmark,
        "measured": claim.what,
        "against": claim.against,
        "ratio": None if ratio is None else round(ratio, 4),
        "limit": None if claim.limit is None else claim.limit.bound,
        "throughput": bool(claim.limit and claim.limit.throughput),
        "result": row.outcome,
        "problem": row.problem,
        "ours": _series(row.ours),
        "theirs": _series(row.theirs),
    }


def _series(series: Series | None) -> dict[str, Any] | None:
    if series is None:
        return None
    values = [round(value, 3) for value in series.values]
    return {"label": series.label, "unit": series.unit, "median": round(series.median, 3), "values": values}
