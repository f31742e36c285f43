"""`speckit footprint` on real repositories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardrails.checks import NO_SPEC, measure
from guardrails.config import Layout
from guardrails.core import MEGABYTE
from guardrails.snapshot import MemorySnapshot
from tests.records import EVIDENCE
from tests.sandbox import Sandbox

LIMITS = "evidence: {warn_mb: 0.01, limit_mb: 0.02}\n"
WARN, LIMIT = int(0.01 * MEGABYTE), int(0.02 * MEGABYTE)


@pytest.mark.parametrize(
    ("size", "code", "rules"),
    [
        pytest.param(1, 0, ["FPT003"], id="a byte is measured"),
        pytest.param(WARN, 0, ["FPT003"], id="exactly the threshold is no warning"),
        pytest.param(WARN + 1, 0, ["FPT002"], id="a byte more warns"),
        pytest.param(LIMIT, 0, ["FPT002"], id="exactly the limit holds"),
        pytest.param(LIMIT + 1, 1, ["FPT001"], id="a byte more fails"),
    ],
)
@pytest.mark.parametrize("source", ["worktree", "index", "HEAD"])
def test_the_limits_hold_to_the_byte(sandbox: Sandbox, size: int, code: int, rules: list[str], source: str) -> None:
    sandbox.write(".speckit.yaml", LIMITS)
    sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-900/x.log", b"x" * size)
    sandbox.commit()
    ran = sandbox.judge("footprint", "--source", source)
    assert (ran.code, [finding["rule"] for finding in ran.document["findings"]]) == (code, rules)


def test_the_default_limits_are_15_and_25_mb() -> None:
    config = Layout()
    big = MemorySnapshot({f"{EVIDENCE}/commands/SPEC-KIT-900/x": b""})
    assert measure(big, config)["SPEC-KIT-900"].total == 0


@pytest.mark.parametrize(
    "path",
    [
        f"{EVIDENCE}/commands/SPEC-KIT-900/x",
        f"{EVIDENCE}/consensus/SPEC-KIT-900-generic-smoke/x",
        f"{EVIDENCE}/costs/SPEC-KIT-900_cost_summary.json",
        f"{EVIDENCE}/runs/SPEC-KIT-900/x",
        f"{EVIDENCE}/archive/SPEC-KIT-900/x.tar.gz",
        f"{EVIDENCE}/something-new/SPEC-KIT-900/deep/er/x",
        f"{EVIDENCE}/SPEC-KIT-900/x",
        "docs/SPEC-KIT-900-generic-smoke/evidence/tasks_audit/x",
    ],
)
def test_every_kind_of_evidence_counts_for_its_spec(path: str) -> None:
    measured = measure(MemorySnapshot({path: b"12345"}), Layout())
    assert {spec: row.total for spec, row in measured.items()} == {"SPEC-KIT-900": 5}


def test_evidence_without_a_spec_is_measured_too() -> None:
    assert measure(MemorySnapshot({f"{EVIDENCE}/loose.bin": b"123"}), Layout())[NO_SPEC].total == 3


def test_ids_that_begin_alike_are_told_apart() -> None:
    files = {f"{EVIDENCE}/commands/{spec}/x": b"1" for spec in ("SPEC-102", "SPEC-102R", "SPEC-102-2")}
    assert set(measure(MemorySnapshot(files), Layout())) == {"SPEC-102", "SPEC-102R", "SPEC-102-2"}


def test_documents_do_not_count() -> None:
    assert measure(MemorySnapshot({"docs/SPEC-KIT-900/spec.md": b"123"}), Layout()) == {}


def test_the_three_largest_files_are_named_largest_first(sandbox: Sandbox) -> None:
    for size in (1, 5, 3, 4, 2):
        sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-900/f{size}", b"x" * size)
    message = sandbox.judge("footprint").document["findings"][0]["message"]
    largest = message.partition("largest: ")[2]
    assert [part.split(" ")[0][-2:] for part in largest.split(", ")] == ["f5", "f4", "f3"]
    assert "15 bytes in 5 files" in message


def test_growth_is_shown_against_the_base(sandbox: Sandbox) -> None:
    sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-900/a", b"x" * 10)
    first = sandbox.commit()
    sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-900/b", b"x" * 20)
    sandbox.add()
    assert "+20 bytes since HEAD" in sandbox.judge("footprint", "--source", "index").out
    assert "since HEAD" not in sandbox.judge("footprint").out  # the working tree is only measured
    sandbox.commit()
    assert f"+20 bytes since commit {first[:12]}" in sandbox.judge("footprint", "--source", f"{first}..HEAD").out


def test_lfs_pointers_count_as_pointers_and_it_is_said(sandbox: Sandbox) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123456789\n"
    sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-900/big.bin", pointer)
    sandbox.commit()
    for source in ("worktree", "index", "HEAD"):
        message = sandbox.judge("footprint", "--source", source).document["findings"][0]["message"]
        assert "1 of them Git LFS pointers" in message
        assert f"{len(pointer)} bytes" in message


def test_links_are_not_followed(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "huge").mkdir()
    (tmp_path / "huge" / "file").write_bytes(b"x" * 100_000)
    sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-900/a", b"x")
    os.symlink(tmp_path / "huge", sandbox.root / EVIDENCE / "commands" / "SPEC-KIT-900" / "link")
    os.symlink(tmp_path / "huge" / "file", sandbox.root / EVIDENCE / "commands" / "SPEC-KIT-900" / "file")
    message = sandbox.judge("footprint").document["findings"][0]["message"]
    assert "in 3 files" in message
    assert "MB in" not in message


def test_no_evidence_is_undecided_or_not_applicable(sandbox: Sandbox) -> None:
    assert sandbox.judge("footprint").code == 3
    ran = sandbox.judge("footprint", "--if-any")
    assert (ran.code, ran.document["verdict"]) == (0, "not-applicable")
