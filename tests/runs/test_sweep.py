"""What a killed writer leaves beside its target is removed when the SPEC's next run begins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardrails.core import atomic
from guardrails.runs import sweep
from tests.agents.calling import world
from tests.sandbox import Sandbox

SPEC = "SPEC-KIT-DEMO"
EVIDENCE = "docs/SPEC-OPS-004-integrated-coder-hooks/evidence"


def left_by_a_kill(folder: Path, name: str) -> Path:
    """What lies beside a file while it is written."""
    with atomic.writing(str(folder / name)):
        (partial,) = (entry for entry in os.listdir(folder) if entry.endswith(atomic.PARTIAL))
    (folder / partial).write_bytes(b"half")
    return folder / partial


@pytest.mark.parametrize(
    ("folder", "name"), [(f"commands/{SPEC}", "spec-plan.json"), ("costs", f"{SPEC}_cost_summary.json")]
)
def test_what_a_killed_writer_left_is_removed(sandbox: Sandbox, folder: str, name: str) -> None:
    place = sandbox.root / EVIDENCE / folder
    place.mkdir(parents=True)
    partial = left_by_a_kill(place, name)
    (place / name).write_bytes(b"{}\n")
    sweep(world(sandbox.root), None, ())
    assert not partial.exists()
    assert (place / name).exists()
