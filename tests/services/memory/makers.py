"""Stores, entries and secrets to begin from."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from guardrails.config import Layout
from guardrails.secrets import Redactor
from guardrails.services.memory import Memory, MemorySource, MemoryStore, NewMemory, entry, understand

LAYOUT = Layout()
SECRET = "hunter2-hunter2"
TOKEN = "gh" + "p_" + "a1B2c3D4e5" * 3 + "f6G7h8"
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nq1w2e3r4t5\n-----END RSA " + "PRIVATE KEY-----"
MOMENT = datetime(2026, 1, 31, 9, 30, tzinfo=timezone.utc)


def store_in(folder: Path, patience: float = 10.0, clean: Redactor | None = None) -> MemoryStore:
    """A store whose database lies in a folder."""
    return MemoryStore(str(folder / "memory.db"), clean or Redactor(("KEY",), {"KEY": SECRET}), patience)


def note(text: str, *tags: str, importance: int = 5, day: int = 1, source: MemorySource | None = None) -> NewMemory:
    """An entry, made on a day of January."""
    return entry(text, tags, importance, datetime(2026, 1, day, tzinfo=timezone.utc), source)


def found(store: MemoryStore, text: str, limit: int = 20, least: int = 1) -> list[str]:
    """The texts a query finds, in order."""
    return [memory.text for memory in search(store, text, limit, least)]


def search(store: MemoryStore, text: str, limit: int = 20, least: int = 1) -> tuple[Memory, ...]:
    return store.search(understand(text, LAYOUT), limit, least)
