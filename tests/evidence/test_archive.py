"""Archiving: what stays, what goes, that nothing is lost, and that everything comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guardrails.checks.ledger import Archive, read_manifest
from guardrails.evidence import EvidenceStore, locked
from guardrails.git import open_repo
from tests.consensus.builder import Bundle
from tests.evidence.killing import digests, lost
from tests.evidence.runs import LAYOUT, SPEC, Made, make_run, track
from tests.sandbox import SPECKIT, Ran, Sandbox

MANIFEST = f"{LAYOUT.evidence}/archive/{SPEC}/manifest.json"


@pytest.fixture
def six(sandbox: Sandbox) -> tuple[Sandbox, list[Made]]:
    """A SPEC that is Done, with six runs, committed."""
    runs = [make_run(sandbox.root, number) for number in range(6)]
    track(sandbox)
    sandbox.commit()
    return sandbox, runs


def archive(sandbox: Sandbox, *arguments: str) -> Ran:
    return sandbox.speckit("evidence", "archive", "--spec", SPEC, *arguments)


def rows(sandbox: Sandbox) -> tuple[Archive, ...]:
    manifest = read_manifest((sandbox.root / MANIFEST).read_bytes())
    assert not isinstance(manifest, str), manifest
    return manifest.archives


def names(sandbox: Sandbox) -> set[str]:
    """The runs in place."""
    folder = sandbox.root / LAYOUT.evidence / "runs" / SPEC
    return {path.name.partition(".")[0] for path in folder.iterdir()} if folder.is_dir() else set()


def test_the_last_three_stay_and_the_others_are_packed_and_gone(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, runs = six
    before = digests(sandbox.root)
    ran = archive(sandbox)
    assert ran.code == 0, ran
    assert names(sandbox) == {run.name for run in runs[3:]}
    assert [row.run for row in rows(sandbox)] == [run.name for run in runs[:3]]
    assert lost(sandbox.root, before) == []
    assert all(not (sandbox.root / path).exists() for run in runs[:3] for path in run.all if "/costs/" not in path)
    assert "measured" in ran.out


def test_the_manifest_says_who_when_and_what_was_measured(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, _ = six
    total = sum(path.stat().st_size for path in (sandbox.root / LAYOUT.evidence).rglob("*") if path.is_file())
    archive(sandbox)
    for row in rows(sandbox):
        data = (sandbox.root / row.path).read_bytes()
        assert (row.created_by, row.reason, row.size) == ("Dev <dev@example.invalid>", "keep 3", len(data))
        assert row.created_at.endswith("Z")
        assert row.removed_at is not None
        assert row.ledger_head is not None
        assert row.bytes_after < row.bytes_before
    assert rows(sandbox)[0].bytes_before == total


@pytest.mark.parametrize("check", ["evidence verify", "validate", "consensus check", "footprint"])
@pytest.mark.tier2
def test_what_held_before_holds_after(six: tuple[Sandbox, list[Made]], check: str) -> None:
    sandbox, _ = six
    assert sandbox.judge(check).code == 0
    archive(sandbox)
    for source in ("worktree", "index"):
        sandbox.git("add", "-A")
        ran = sandbox.judge(check, "--source", source)
        assert ran.code == 0, ran
    tip = sandbox.commit()
    assert sandbox.judge(check, "--source", f"{tip}~1..{tip}").code == 0


def test_a_dry_run_says_each_file_and_changes_nothing(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, runs = six
    before = digests(sandbox.root)
    ran = archive(sandbox, "--dry-run")
    assert ran.code == 0
    assert digests(sandbox.root) == before
    said = {line.removeprefix("would remove ") for line in ran.out.splitlines() if line.startswith("would remove ")}
    archive(sandbox)
    assert said == set(before) - set(digests(sandbox.root))
    assert said == {path for run in runs[:3] for path in run.all if "/costs/" not in path}


@pytest.mark.tier2
def test_the_same_files_make_the_same_bytes(six: tuple[Sandbox, list[Made]], tmp_path: Path) -> None:
    sandbox, _ = six
    other = Sandbox(tmp_path / "other", sandbox.home)
    other.root.mkdir()
    other.git("init", "-q", "-b", "main")
    for number in range(6):
        make_run(other.root, number)
    track(other)
    for path in other.root.rglob("*.json"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    archive(sandbox)
    archive(other)
    assert [row.sha256 for row in rows(sandbox)] == [row.sha256 for row in rows(other)]


def test_recorded_time_decides_and_no_modification_time(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, runs = six
    for number, run in enumerate(reversed(runs)):
        for path in run.all:
            os.utime(sandbox.root / path, (number + 1, number + 1))
    archive(sandbox)
    assert names(sandbox) == {run.name for run in runs[3:]}


def test_archiving_again_does_nothing(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, _ = six
    archive(sandbox)
    before = digests(sandbox.root)
    ran = archive(sandbox)
    assert (ran.code, "nothing to pack" in ran.out) == (0, True)
    assert digests(sandbox.root) == before


@pytest.mark.parametrize("status", ["In Progress", "In Review", "Blocked", None])
def test_an_active_spec_keeps_everything(six: tuple[Sandbox, list[Made]], status: str | None) -> None:
    sandbox, _ = six
    if status is None:
        (sandbox.root / "SPEC.md").unlink()
    else:
        track(sandbox, status)
    before = digests(sandbox.root)
    ran = archive(sandbox)
    assert (ran.code, "active" in ran.out) == (0, True), ran
    assert digests(sandbox.root) == before
    assert archive(sandbox, "--active").code == 0
    assert len(names(sandbox)) == 3


def test_a_run_with_the_latest_session_of_a_stage_stays(sandbox: Sandbox) -> None:
    first = make_run(sandbox.root, 0, stages=("plan", "tasks", "implement"))
    runs = [make_run(sandbox.root, number) for number in range(1, 5)]
    track(sandbox)
    archive(sandbox, "--keep", "2")
    assert names(sandbox) == {first.name, runs[2].name, runs[3].name}
    assert sandbox.judge("consensus check", SPEC, "--stage", "implement").code == 0


def test_what_the_tracker_or_a_record_that_stays_names_stays(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, runs = six
    text = (sandbox.root / "SPEC.md").read_text()
    (sandbox.root / "SPEC.md").write_text(text.replace(f"docs/{SPEC}/spec.md | - |", f"`{runs[0].files[0]}` | - |"))
    sandbox.write(f"{LAYOUT.evidence}/commands/{SPEC}/notes.json", {"see": f"/home/x/{runs[1].files[2]}"})
    archive(sandbox)
    assert names(sandbox) == {runs[0].name, runs[1].name, *(run.name for run in runs[3:])}


def test_sessions_of_no_run_count_by_stage(sandbox: Sandbox) -> None:
    bundles = []
    for day in range(1, 6):
        bundle = Bundle(SPEC, "plan", moment=Bundle().moment.replace(day=day), session=f"00{day:02}")
        bundles.append(bundle)
        for path, data in bundle.files.items():
            sandbox.write(path, data)
        log = bundle.path("output").removesuffix(".json") + ".log"
        sandbox.write(log, f"day {day}")
    track(sandbox)
    ran = archive(sandbox, "--keep", "2")
    assert ran.code == 0, ran
    assert [row.run for row in rows(sandbox)] == [f"spec-plan_{bundle.stamp}" for bundle in bundles[:3]]
    assert all(any(member.path.endswith("_output.log") for member in row.members) for row in rows(sandbox))
    assert sandbox.judge("consensus check").code == 0


def test_names_of_the_older_styles_are_packed_too(sandbox: Sandbox) -> None:
    for day in range(1, 5):
        name = f"spec-plan_2025-10-0{day}T04:31:14Z_claude.json"
        sandbox.write(f"{LAYOUT.evidence}/consensus/{SPEC}/{name}", {"day": day})
    track(sandbox)
    archive(sandbox, "--keep", "1")
    assert [row.run for row in rows(sandbox)] == [f"spec-plan_2025100{day}T043114Z" for day in range(1, 4)]


def test_a_broken_ledger_is_refused(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, runs = six
    sandbox.write(runs[4].files[0], b"{}\n")
    before = digests(sandbox.root)
    for arguments in ((), ("--dry-run",)):
        ran = archive(sandbox, *arguments)
        assert (ran.code, "LED003" in ran.err) == (1, True), ran
    assert digests(sandbox.root) == before


@pytest.mark.tier2
def test_a_run_under_way_is_never_packed(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, _ = six
    running = make_run(
        sandbox.root, 7, spec=SPEC, outcome="running", finished_at=None, exit_code=None, halt=None
    )  # fmt: skip
    archive(sandbox, "--keep", "1")
    assert running.name in names(sandbox)


def test_what_a_ledger_lists_elsewhere_is_never_taken_away(sandbox: Sandbox) -> None:
    made = EvidenceStore(str(sandbox.root)).write("src/main.py", b"print()\n")
    first = make_run(sandbox.root, 0, extra=[made])
    make_run(sandbox.root, 1)
    track(sandbox)
    assert archive(sandbox, "--keep", "1").code == 0
    assert first.name not in names(sandbox)
    assert (sandbox.root / "src/main.py").exists()


def test_who_holds_the_spec_is_said(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, _ = six
    with locked(open_repo(str(sandbox.root), sandbox.environment), SPEC, "speckit auto"):
        ran = archive(sandbox)
    assert (ran.code, "speckit auto" in ran.err) == (2, True), ran


def test_git_must_know_who_archives(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, _ = six
    empty = {"GIT_COMMITTER_NAME": "", "GIT_COMMITTER_EMAIL": ""}
    ran = sandbox.speckit("evidence", "archive", "--spec", SPEC, **empty)
    assert (ran.code, "who you are" in ran.err) == (2, True), ran


@pytest.mark.parametrize("spec", ["../x", "SPEC KIT", "spec-*", "SPEC-KIT-OTHER"])
def test_what_is_no_spec_with_evidence_is_an_error(six: tuple[Sandbox, list[Made]], spec: str) -> None:
    sandbox, _ = six
    before = digests(sandbox.root)
    assert sandbox.speckit("evidence", "archive", "--spec", spec).code in (1, 2)
    assert digests(sandbox.root) == before


def test_every_byte_comes_back(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, runs = six
    before = digests(sandbox.root)
    archive(sandbox)
    for run in runs[:3]:
        ran = sandbox.speckit("evidence", "restore", run.name)
        assert ran.code == 0, ran
    after = digests(sandbox.root)
    assert {path: after.get(path) for path in before} == before
    assert sandbox.judge("evidence verify").code == 0
    assert "0 files restored" in sandbox.speckit("evidence", "restore", runs[0].name).out


@pytest.mark.tier2
def test_a_restored_run_is_packed_again_into_the_same_archive(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, runs = six
    archive(sandbox)
    first = [row.sha256 for row in rows(sandbox)]
    sandbox.speckit("evidence", "restore", runs[0].name)
    assert archive(sandbox).code == 0
    assert [row.sha256 for row in rows(sandbox)] == first
    assert names(sandbox) == {run.name for run in runs[3:]}


def test_a_restore_never_overwrites(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, runs = six
    archive(sandbox)
    sandbox.write(runs[0].files[3], b"mine\n")
    before = digests(sandbox.root)
    ran = sandbox.speckit("evidence", "restore", runs[0].name)
    assert (ran.code, "another file" in ran.err) == (2, True)
    assert digests(sandbox.root) == before


def test_a_restore_by_file_and_a_dry_run(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, runs = six
    archive(sandbox)
    before = digests(sandbox.root)
    ran = sandbox.speckit("evidence", "restore", rows(sandbox)[0].path, "--dry-run")
    assert (ran.code, "would restore" in ran.out) == (0, True), ran
    assert digests(sandbox.root) == before
    assert sandbox.speckit("evidence", "restore", rows(sandbox)[0].path).code == 0
    assert runs[0].name in names(sandbox)


def test_a_name_no_manifest_knows_is_an_error(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, _ = six
    archive(sandbox)
    for name in ("20990101T000000Z-00000000", "../../x", "x.tar.gz", "/etc/passwd"):
        assert sandbox.speckit("evidence", "restore", name).code == 2


@pytest.mark.tier2
def test_26_mb_in_ten_runs_come_under_15(sandbox: Sandbox) -> None:
    for number in range(10):
        text = b"".join(b"%d %d result of step %d: passed\n" % (number, n * 7919 % 10007, n) for n in range(42_000))
        make_run(sandbox.root, number, padding=text)
    track(sandbox)
    assert sandbox.judge("footprint").rules == ["FPT001"]
    assert archive(sandbox).code == 0
    ran = sandbox.judge("footprint")
    assert (ran.code, ran.document["summary"]["warning"]) == (0, 0), ran
    assert json.loads(sandbox.speckit("evidence", "stats", "--format", "json").out)["specs"][0]["archives"] == 7


def test_stats_count_what_is_there(six: tuple[Sandbox, list[Made]]) -> None:
    sandbox, _ = six
    document = json.loads(sandbox.speckit("evidence", "stats", SPEC, "--format", "json").out)
    row = document["specs"][0]
    total = sum(path.stat().st_size for path in (sandbox.root / LAYOUT.evidence).rglob("*") if path.is_file())
    assert (row["total"], row["runs"], row["archives"]) == (total, 6, 0)
    assert row["left"] == (document["limit_bytes"] - total) // row["growth"]
    assert "6 runs" in sandbox.speckit("evidence", "stats").out
    assert sandbox.speckit("evidence", "stats", "SPEC-KIT-OTHER").code == 2


def test_statistics_of_nothing_are_undecided(sandbox: Sandbox) -> None:
    ran = sandbox.speckit("evidence", "stats")
    assert (ran.code, ran.out) == (3, "")
    assert "no SPEC has evidence" in ran.err


@pytest.mark.tier2
@pytest.mark.skipif(sys.platform == "win32", reason="no fork and no SIGKILL")
def test_killed_at_every_step_nothing_is_lost_and_again_finishes_it(sandbox: Sandbox, tmp_path: Path) -> None:
    for number in range(2):
        make_run(sandbox.root, number, stages=("plan",))
    track(sandbox)
    sandbox.commit()
    ran = subprocess.run(
        [sys.executable, "-m", "tests.evidence.killing", str(sandbox.root), str(tmp_path / "work")],
        env=sandbox.environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 15


@pytest.mark.skipif(sys.platform == "win32", reason="no fork and no SIGKILL")
@pytest.mark.parametrize("times", [3, pytest.param(100, marks=pytest.mark.tier2)])
@pytest.mark.tier2
def test_killed_at_random_moments_nothing_is_lost(sandbox: Sandbox, tmp_path: Path, times: int) -> None:
    for number in range(2):
        make_run(sandbox.root, number, stages=("plan",), padding=b"line\n" * 30_000)
    track(sandbox)
    sandbox.commit()
    ran = subprocess.run(
        [sys.executable, "-m", "tests.evidence.killing", str(sandbox.root), str(tmp_path / "work"), str(times)],
        env=sandbox.environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) >= times


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes")
@pytest.mark.tier2
def test_a_full_disk_loses_nothing(sandbox: Sandbox) -> None:
    import resource

    noise = b"".join(b"%d\n" % (n * 2654435761 % 2**32) for n in range(40_000))
    for number in range(3):
        make_run(sandbox.root, number, padding=noise)
    track(sandbox)
    before = digests(sandbox.root)
    ran = Ran(
        subprocess.run(
            [*SPECKIT, "evidence", "archive", "--spec", SPEC, "--keep", "1"],
            cwd=sandbox.root, env=sandbox.environment, capture_output=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
        )
    )  # fmt: skip
    assert (ran.code, "nothing of" in ran.err) == (2, True), ran
    assert lost(sandbox.root, before) == []
    assert not list((sandbox.root / LAYOUT.evidence / "archive").rglob("*.part"))
    assert archive(sandbox, "--keep", "1").code == 0
    assert lost(sandbox.root, before) == []
