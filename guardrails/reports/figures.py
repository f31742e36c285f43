"""The few figures that reports work out, each in one place, and how they are written. Unknown stays unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from guardrails.reports.model import Call, Money, Source

UNKNOWN = "unknown"
MEGABYTE = 1_048_576


def percentile(values: Iterable[float | None], share: float) -> float | None:
    """The nearest-rank percentile: the least value that at least `share` of the values do not exceed.

    Values that are unknown are left out; None when none is known. It is always one of the values, so a p95 of few
    values is their largest, and no number is made up between two.
    """
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    return known[max(0, math.ceil(share * len(known) - 1e-9) - 1)]


def median(values: Iterable[float | None]) -> float | None:
    """The middle value, or the mean of the two in the middle; None when none is known."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    half = len(known) // 2
    return known[half] if len(known) % 2 else (known[half - 1] + known[half]) / 2


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def added(values: Iterable[float | None]) -> float | None:
    """The sum of what is known; None when nothing is, for the sum of nothing known is not 0."""
    known = [value for value in values if value is not None]
    return math.fsum(known) if known else None


def whole(values: Sequence[int | None]) -> int | None:
    """The sum of counts, None when one of them is unknown: nothing would tell that it is only a part."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def spent(calls: Sequence[Call]) -> Money:
    """What some calls cost together. No calls at all: nothing is known, for nobody recorded that there were none."""
    if not calls:
        return Money()
    priced = [call for call in calls if call.usd is not None]
    return Money(
        added(call.usd for call in priced),
        whole([call.tokens for call in calls]),
        _source(call.source for call in priced),
        len(calls),
        len(priced),
        0 < len(priced) < len(calls),
    )


def total(parts: Sequence[Money]) -> Money:
    """Several amounts together. One that is unknown, or only a part, makes the sum the least it was. Nothing spent on
    no calls is no part of what calls cost, unless there is nothing else."""
    parts = [part for part in parts if part.calls != 0] or parts
    calls, priced = added(part.calls for part in parts), added(part.priced for part in parts)
    usd = added(part.usd for part in parts)
    return Money(
        usd,
        whole([part.tokens for part in parts]),
        _source(part.source for part in parts if part.usd is not None),
        None if calls is None else int(calls),
        None if priced is None else int(priced),
        usd is not None and any(part.floor or part.usd is None for part in parts),
    )


def _source(sources: Iterable[Source]) -> Source:
    """One estimate among measurements makes the sum an estimate."""
    found = set(sources)
    if not found or "unknown" in found:
        return "unknown"
    return "estimated" if "estimated" in found else "measured"


def dollars(usd: float | None) -> str:
    """An amount to the cent; less than ten cents to four places, so that small is not shown as nothing."""
    if usd is None:
        return UNKNOWN
    return f"${usd:,.4f}" if 0 < round(abs(usd), 4) < 0.1 else f"${usd:,.2f}"


def money(amount: Money) -> str:
    """An amount, and whether it is all of it."""
    if amount.usd is None:
        return UNKNOWN
    text = dollars(amount.usd) + (" (estimated)" if amount.source == "estimated" else "")
    if amount.calls == 0:
        return f"{text}, no call was made"
    return f"at least {text}, {priced(amount)}" if amount.floor else text


def priced(amount: Money) -> str:
    """How many of the calls of an amount have a price, in words."""
    if amount.calls is None or amount.priced is None or amount.priced == amount.calls:
        return "not every call has a known price"
    return f"{amount.priced} of {amount.calls} calls priced"


def least(usd: float | None, floor: bool) -> str:
    """An amount that may be the least that it was."""
    return f"at least {dollars(usd)}" if floor and usd is not None else dollars(usd)


def duration(milliseconds: float | None) -> str:
    """A time in the unit that a person would say it in."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 120 else age(minutes / 60)


def age(hours: float | None) -> str:
    """How long ago, in hours up to two days, then in days."""
    if hours is None:
        return UNKNOWN
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"


def share(value: float | None) -> str:
    """A share between 0 and 1, to two decimals."""
    return UNKNOWN if value is None else f"{value:.2f}"


def count(value: float | None) -> str:
    """A whole number with thousands apart."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def size(value: int | None) -> str:
    """Bytes as people read them."""
    if value is None:
        return UNKNOWN
    return f"{value / MEGABYTE:.2f} MB" if value >= MEGABYTE / 100 else f"{value:,} bytes"
