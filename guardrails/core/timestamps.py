"""Time stamps: read in every style that evidence has been written in, written in one.

Five styles lie side by side in names and contents: `2025-10-05T04:31:14Z`, `2025-10-05T04_31_14Z`,
`2025-10-05T04-31-14Z`, `20251005T043114Z` and `2025-10-05 04:31:14`, with or without `Z`, a fraction or an offset.
Sorted as text they come out in the wrong order, so nothing compares them before they went through here.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

EARLIEST = datetime.min.replace(tzinfo=timezone.utc)
"""Sorts before every moment: where none is known."""
_DATE = r"(?P<year>[0-9]{4})(?P<dash>-?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})"
_TIME = r"(?P<hour>[0-9]{2})(?P<mark>[:_-]?)(?P<minute>[0-9]{2})(?P=mark)(?P<second>[0-9]{2})"
_MOMENT = rf"{_DATE}[Tt _-]{_TIME}(?:[.,](?P<fraction>[0-9]{{1,9}}))?"
_ZONE = r"(?P<zone>[Zz]|(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2}))?"
_RECORDED = re.compile(_MOMENT + _ZONE)
# In a name, what follows a dash is the session, never an offset from UTC.
_NAMED = re.compile(_MOMENT + r"[Zz]?(?:-(?P<session>[0-9A-Za-z]+))?")


class FileStamp(NamedTuple):
    """What the stamp in a file name says: a moment in UTC, and the session when one is given."""

    when: datetime
    session: str | None


def parse_time(text: object) -> datetime | None:
    """The moment `text` names, in UTC (which is also taken where no zone is given); None when it names none.

    Anything that is not a real moment (2025-99-99, an hour 24, a leap second) names none.
    """
    if not isinstance(text, str):
        return None
    match = _RECORDED.fullmatch(text.strip())
    moment = _moment(match) if match else None
    if match is None or moment is None or not match["sign"]:
        return moment
    hours, minutes = int(match["hours"]), int(match["minutes"])
    if hours > 23 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    try:
        return moment - offset if match["sign"] == "+" else moment + offset
    except OverflowError:
        return None


@lru_cache(maxsize=8192)
def parse_stamp(text: str | None) -> FileStamp | None:
    """The moment and session in the stamp of a file name; None when there is no real moment in it.

    The files of a session share one: it is taken apart once."""
    match = _NAMED.fullmatch(text) if text else None
    moment = _moment(match) if match else None
    return FileStamp(moment, match["session"]) if match and moment else None


def _moment(match: re.Match[str]) -> datetime | None:
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    microsecond = int((match["fraction"] or "0").ljust(6, "0")[:6])
    try:
        return datetime(year, month, day, hour, minute, second, microsecond, timezone.utc)
    except ValueError:
        return None


# Moments as records write them.


def stamped(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, as in records: `2025-10-05T04:31:14Z`."""
    return moment.astimezone(timezone.utc).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def compact(moment: datetime) -> str:
    """The same as in names: `20251005T043114Z`."""
    return stamped(moment).replace("-", "").replace(":", "")
