"""What is asked when HAL is probed, and what came back, as it came."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

READ_LIMIT = 1 << 20
"""Bytes of one answer that are read. Nothing a probe asks for is longer."""


class Question(NamedTuple):
    """How one check is asked. `url` is without a query: that is fixed for each check."""

    check: str
    transport: Literal["http", "mcp"]
    method: str
    url: str | None
    tool: str | None
    timeout: float
    """seconds until the answer must be complete"""


class Asked(NamedTuple):
    """A check once it was asked. `body` is whatever the service sent, secrets included: it is judged as it is, and goes
    nowhere before a `Redactor` has seen it."""

    question: Question
    finished: datetime
    latency_ms: int | None = None
    reason: str | None = None
    """why this is no answer to judge, in words of ours alone"""
    http_status: int | None = None
    content_type: str | None = None
    body: bytes | None = None
    cut: bool = False
    """whether there was more than READ_LIMIT"""
