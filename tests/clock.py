"""The time tests judge at."""

from __future__ import annotations

from datetime import datetime, timezone

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=timezone.utc)
