"""Archiving while somebody else is at the files: what changes under it is never removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import pytest

from guardrails.config import Settings
from guardrails.errors import GuardrailError
from guardrails.evidence import archive as archive_module
from guardrails.evidence import plan
from guardrails.git import open_repo
from guardrails.snapshot import Worktree
from tests.evidence.killing import MANIFEST, digests, lost
from tests.evidence.runs import SPEC, Made, make_run, track
from tests.sandbox import SPECKIT, Sandbox

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
PADDING = b"line\n" * 200_000


class Scene(NamedTuple):
    """Two runs, of which the first is to be packed."""

    sandbox: Sandbox
    first: Made

    @property
    def log(self) -> Path:
        return self.sandbox.root / next(path for path in self.first.files if path.endswith(".log"))

    def archive(self, progress: Callable[[int], None], now: Callable[[], datetime] = lambda: NOW) -> None:
        repo = open_repo(str(self.sandbox.root), self.sandbox.environment)
        place = archive_module.ArchiveContext(repo, Settings(), SPEC, "Dev <dev@example.invalid>", "keep 1", now)
        made = plan(Worktree(repo), Settings(), SPEC, 1, active_too=True)
        assert [unit.name for unit in made.packed] == [self.first.name]
        list(archive_module.archive(place, made, progress))


@pytest.fixture
def scene(sandbox: Sandbox) -> Scene:
    first = make_run(sandbox.root, 0, padding=PADDING)
    make_run(sandbox.root, 1)
    track(sandbox)
    return Scene(sandbox, first)


def once(act: Callable[[], object]) -> Callable[[int], None]:
    """Acts when the first bytes of a large file have been read."""
    left = [act]

    def progress(size: int) -> None:
        if size > 10_000 and left:
            left.pop()()

    return progress


def settled(scene: Scene, before: dict[str, str]) -> None:
    """Everything that was there is there, and doing it again says what is wrong or finishes it."""
    assert lost(scene.sandbox.root, before) == []


@pytest.mark.parametrize("change", [b"", b"line\n" * 100, PADDING + b"more\n", PADDING[:-5] + b"mine\n"])
def test_a_file_that_changes_while_it_is_packed(scene: Scene, change: bytes) -> None:
    before = digests(scene.sandbox.root)
    before.pop(str(scene.log.relative_to(scene.sandbox.root)))
    with pytest.raises(GuardrailError) as caught:
        scene.archive(once(lambda: scene.log.write_bytes(change)))
    assert "nothing" in f"{caught.value.message} {caught.value.hint}" or "stays" in caught.value.message
    assert scene.log.read_bytes() == change
    settled(scene, before)


def test_a_file_that_changes_between_packing_and_removal(scene: Scene) -> None:
    before = digests(scene.sandbox.root)
    calls = [0]

    def now() -> datetime:
        calls[0] += 1
        if calls[0] == 1:  # the archive is whole and verified, and nothing is removed yet
            scene.log.write_bytes(b"mine\n")
        return NOW

    with pytest.raises(GuardrailError, match="changed after it was packed, and stays"):
        scene.archive(lambda _size: None, now)
    assert scene.log.read_bytes() == b"mine\n"
    assert lost(scene.sandbox.root, before) == [], "the old bytes are in the archive"
    ran = scene.sandbox.speckit("evidence", "archive", "--spec", SPEC, "--keep", "1")
    assert (ran.code, scene.log.read_bytes()) == (1, b"mine\n"), ran
    scene.log.unlink()
    assert scene.sandbox.speckit("evidence", "archive", "--spec", SPEC, "--keep", "1").code == 0
    assert scene.sandbox.judge("evidence verify").code == 0


def test_a_file_that_vanishes_while_its_run_is_packed(scene: Scene) -> None:
    before = digests(scene.sandbox.root)
    verdict = next(path for path in scene.first.files if path.endswith("_verdict.json"))
    before.pop(verdict)
    place = scene.sandbox.root / verdict
    with pytest.raises(GuardrailError, match="nothing of"):
        scene.archive(once(place.unlink))
    settled(scene, before)
    assert not (scene.sandbox.root / MANIFEST).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_a_pipe_in_place_of_a_file_is_not_waited_for(scene: Scene) -> None:
    scene.log.unlink()
    os.mkfifo(scene.log)
    ran = scene.sandbox.speckit("evidence", "archive", "--spec", SPEC, "--keep", "1")
    assert (ran.code, "LED003" in ran.err) == (1, True), ran


POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Makes of root a user who may not read everything."""


@pytest.mark.skipif(sys.platform == "win32", reason="no modes")
@pytest.mark.parametrize("what", ["file", "folder", "place"])
def test_what_cannot_be_read_or_written_stops_it_and_loses_nothing(scene: Scene, what: str) -> None:
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("whoever runs this may read every file")
    before = digests(scene.sandbox.root)
    place, mode = {
        "file": (scene.log, 0),
        "folder": (scene.log.parent, 0o600),
        "place": ((scene.sandbox.root / MANIFEST).parent.parent.parent, 0o500),
    }[what]
    place.chmod(mode)
    archive = [*SPECKIT, "evidence", "archive", "--spec", SPEC, "--keep", "1"]
    command = [*(POWERLESS if os.geteuid() == 0 else []), *archive]
    ran = subprocess.run(
        command, cwd=scene.sandbox.root, env=scene.sandbox.environment, capture_output=True, text=True, check=False
    )
    place.chmod(0o755)
    assert ran.returncode in (1, 2, 3), ran
    assert "Permission denied" in ran.stderr, ran
    assert "Traceback" not in ran.stderr, ran
    assert digests(scene.sandbox.root) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount") if sys.platform == "linux" and os.geteuid() == 0 else None
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=False)
    if not done or done.returncode:
        pytest.skip("whoever runs this may not mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.tier2
def test_a_disk_that_is_full_loses_nothing(small_disk: Path, tmp_path: Path) -> None:
    sandbox = Sandbox(small_disk / "repo", tmp_path / "home")
    sandbox.root.mkdir()
    sandbox.home.mkdir()
    sandbox.git("init", "-q")
    for number in range(3):
        make_run(sandbox.root, number, stages=("plan",), padding=os.urandom(300_000))
    track(sandbox)
    before = digests(sandbox.root)
    filler = small_disk / "filler"
    free = shutil.disk_usage(small_disk).free
    codes = set()
    for room in range(0, 460_000, 20_000):  # what is free when it begins: nothing, up to enough for one archive
        filler.write_bytes(b"\1" * max(free - room, 0))
        ran = sandbox.speckit("evidence", "archive", "--spec", SPEC, "--keep", "1")
        codes.add(ran.code)
        assert (ran.code == 0) or "No space left" in ran.err, ran
        assert lost(sandbox.root, before) == [], room
        assert not list(small_disk.rglob("*.part")), room
        if ran.code == 0:
            break
    assert {0, 2} <= codes <= {0, 2, 3}
    filler.unlink()
    assert sandbox.speckit("evidence", "archive", "--spec", SPEC, "--keep", "1").code == 0
    assert lost(sandbox.root, before) == []


def test_leavings_of_a_killed_archive_are_swept_away(scene: Scene) -> None:
    place = scene.sandbox.root / MANIFEST
    place.parent.mkdir(parents=True)
    part = place.parent / f"{scene.first.name}.tar.gz.123.part"
    part.write_bytes(b"half")
    orphan = place.parent / f"{scene.first.name}.tar.gz"
    orphan.write_bytes(b"an archive that no manifest lists")
    assert scene.sandbox.judge("evidence verify").code == 0, "a warning: nothing is lost"
    assert scene.sandbox.speckit("evidence", "archive", "--spec", SPEC, "--keep", "1").code == 0
    assert not part.exists()
    assert scene.sandbox.judge("evidence verify").code == 0


def test_the_bench_is_swept_of_what_lay_there_for_a_day(scene: Scene) -> None:
    bench = scene.sandbox.root / ".git" / "speckit" / "partial"
    bench.mkdir(parents=True, exist_ok=True)
    for name, age in (("1-old.part", 2 * 86_400), ("1-new.part", 60), ("1-old.txt", 2 * 86_400)):
        (bench / name).write_bytes(b"half")
        moment = time.time() - age
        os.utime(bench / name, (moment, moment))
    assert scene.sandbox.speckit("evidence", "archive", "--spec", SPEC, "--keep", "1").code == 0
    assert sorted(path.name for path in bench.iterdir()) == ["1-new.part", "1-old.txt"]
