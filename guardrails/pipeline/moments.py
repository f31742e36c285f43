"""Moments as records write them."""

from __future__ import annotations

from datetime import datetime, timezone


def stamped(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
