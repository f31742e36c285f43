"""Writing evidence: atomic, exclusive, inside the repository."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path

import pytest

from guardrails.config import Layout
from guardrails.errors import GuardrailError
from guardrails.evidence import (
    EvidenceStore,
    LockedError,
    consensus_path,
    cost_path,
    locked,
    new_session,
    run_path,
    telemetry_path,
)
from guardrails.git import open_repo
from guardrails.layouts import evidence_name
from tests.records import plan_telemetry
from tests.sandbox import Sandbox

LAYOUT = Layout()
NOW = datetime(2026, 1, 31, 9, 30, tzinfo=timezone.utc)


def test_what_is_written_is_there_whole_with_its_digest(tmp_path: Path) -> None:
    written = EvidenceStore(str(tmp_path)).write("docs/a/b.txt", b"hello")
    assert (tmp_path / "docs/a/b.txt").read_bytes() == b"hello"
    assert (written.sha256, written.size) == (sha256(b"hello").hexdigest(), 5)
    assert [path.name for path in (tmp_path / "docs/a").iterdir()] == ["b.txt"]


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    store = EvidenceStore(str(tmp_path))
    store.write("a", b"one")
    with pytest.raises(GuardrailError, match="exists already"):
        store.write("a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    store.write("a", b"three", replace=True)
    assert (tmp_path / "a").read_bytes() == b"three"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("path", ["../a", "/etc/a", "a/../../b", "", "a//b", "a\0b", "./a"])
def test_nothing_is_written_outside(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(GuardrailError):
        EvidenceStore(str(root)).write(path, b"x")
    assert list(tmp_path.rglob("*")) == [root]


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "root" / "docs").symlink_to(tmp_path / "outside")
    with pytest.raises(GuardrailError, match="not a directory"):
        EvidenceStore(str(tmp_path / "root")).write("docs/a", b"x")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_record_must_satisfy_its_schema_before_it_is_written(tmp_path: Path) -> None:
    store = EvidenceStore(str(tmp_path))
    store.record("good.json", "telemetry.v1", plan_telemetry())
    with pytest.raises(ValueError, match=r"telemetry\.v1"):
        store.record("bad.json", "telemetry.v1", plan_telemetry(timestamp=3))
    assert [path.name for path in tmp_path.iterdir()] == ["good.json"]


@pytest.mark.parametrize("moment", range(6))
def test_a_writer_that_is_killed_leaves_no_half_file(tmp_path: Path, moment: int) -> None:
    code = (
        "import sys; from guardrails.evidence.store import Store\n"
        "store = Store(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "for number in range(100000): store.write(f'docs/{number}.json', b'x' * 100000)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        process.wait(0.02 * (moment + 1))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.wait()
    files = list((tmp_path / "docs").glob("*.json")) if (tmp_path / "docs").is_dir() else []
    assert all(path.stat().st_size == 100000 for path in files)


def test_two_sessions_in_one_second_have_different_names() -> None:
    names = {new_session(LAYOUT, "SPEC-KIT-900", "plan", NOW).name for _ in range(200)}
    assert len(names) == 200


def test_readers_know_the_names_that_writers_give() -> None:
    session = new_session(LAYOUT, "SPEC-KIT-900-generic-smoke", "audit", NOW)
    found = evidence_name(LAYOUT, telemetry_path(LAYOUT, session))
    assert found is not None
    assert (found.kind, found.spec, found.stage, found.stamp) == ("telemetry", "SPEC-KIT-900", "audit", session.stamp)
    for tail, kind in [
        ("gpt_pro.json", "agent_output"),
        ("synthesis.json", "synthesis"),
        ("gpt_pro_metrics.json", "agent_metrics"),
        ("gpt_pro_ballot.json", "ballot"),
    ]:
        found = evidence_name(LAYOUT, consensus_path(LAYOUT, session, tail))
        assert found is not None
        assert (found.kind, found.stage) == (kind, "audit")
    for path, kind in [
        (cost_path(LAYOUT, "SPEC-KIT-900"), "cost_summary"),
        (run_path(LAYOUT, "SPEC-KIT-900", session.stamp), "run_summary"),
        (run_path(LAYOUT, "SPEC-KIT-900", session.stamp, ledger=True), "ledger_entry"),
    ]:
        found = evidence_name(LAYOUT, path)
        assert found is not None
        assert (found.kind, found.spec) == (kind, "SPEC-KIT-900")


@pytest.mark.parametrize("spec", ["../x", "spec kit", "", "SPEC-*"])
def test_what_is_not_an_id_never_becomes_a_path(spec: str) -> None:
    with pytest.raises(GuardrailError):
        new_session(LAYOUT, spec, "plan", NOW)
    with pytest.raises(GuardrailError):
        cost_path(LAYOUT, spec)


@pytest.mark.parametrize("tail", ["../x.json", "a b.json", "x", "X.json", "a.json\n", "a.sh"])
def test_what_is_not_a_tail_never_becomes_a_path(tail: str) -> None:
    with pytest.raises(ValueError):
        consensus_path(LAYOUT, new_session(LAYOUT, "SPEC-KIT-900", "plan", NOW), tail)


def test_a_second_holder_is_told_who_the_first_is(sandbox: Sandbox) -> None:
    repo = open_repo(str(sandbox.root), sandbox.environment)
    with locked(repo, "SPEC-KIT-900", "speckit auto"):
        with pytest.raises(LockedError) as caught, locked(repo, "SPEC-KIT-900", "other"):
            pass
        assert caught.value.holder is not None
        assert (caught.value.holder.pid, caught.value.holder.purpose) == (os.getpid(), "speckit auto")
        with locked(repo, "SPEC-KIT-901", "another SPEC"):
            pass
    with locked(repo, "SPEC-KIT-900", "again"):
        pass


def test_a_lock_dies_with_its_holder(sandbox: Sandbox) -> None:
    code = (
        "import sys, time\nfrom guardrails.evidence.lock import locked\nfrom guardrails.git.repo import open_repo\n"
        "with locked(open_repo(sys.argv[1]), 'SPEC-KIT-900', 'doomed'):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(sandbox.root)], stdout=subprocess.PIPE, env=sandbox.environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    repo = open_repo(str(sandbox.root), sandbox.environment)
    with pytest.raises(LockedError, match="doomed"), locked(repo, "SPEC-KIT-900", "me"):
        pass
    process.kill()
    process.wait()
    with locked(repo, "SPEC-KIT-900", "me"):
        pass
