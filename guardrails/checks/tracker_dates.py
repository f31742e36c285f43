"""Validation dates: a calendar day, or an RFC 3339 time stamp."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

# https://www.rfc-editor.org/rfc/rfc3339#section-5.6; a leap second is read as the second before it.
_STAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))\Z", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_LOOSE = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})\Z", re.ASCII)
SLACK = timedelta(days=1)
"""How far ahead of now a date may be: somewhere it is tomorrow already."""


def moment(text: str) -> datetime | None:
    """When `text` is (midnight UTC for a day), or None when it is no such moment."""
    if _DAY.match(text):
        day = _day(text)
        return datetime(day.year, day.month, day.day, tzinfo=timezone.utc) if day else None
    match = _STAMP.match(text)
    day = _day(match[1]) if match else None
    if match is None or day is None:
        return None
    try:
        hour, minute, second = int(match[2]), int(match[3]), min(int(match[4]), 59 if match[4] == "60" else 99)
        local = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=timezone.utc)
        offset = timedelta(hours=int(match[6] or 0), minutes=int(match[7] or 0))
        return local + offset if match[5] == "-" else local - offset
    except (ValueError, OverflowError):
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def problem(text: str, now: datetime) -> str | None:
    """What is wrong with a date, None when nothing is."""
    when = moment(text)
    if when is None:
        return "is not a date of the form YYYY-MM-DD" if not _DAY.match(text) else "is not a day of the calendar"
    return "lies in the future" if when > now + SLACK else None


def mended(text: str) -> str | None:
    """A real day written 2025/10/5 or 2025-10-5, as YYYY-MM-DD; None for anything else, a good date too."""
    match = _LOOSE.match(text)
    if match is None or _DAY.match(text):
        return None
    iso = f"{match[1]}-{int(match[3]):02d}-{int(match[4]):02d}"
    return iso if _day(iso) else None
