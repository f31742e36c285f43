"""Kill an archive at every step it takes: run as a program, it forks one archive for each step and kills it there.

`python -m tests.evidence.killing TEMPLATE WORK` copies TEMPLATE to WORK for each kill, and prints how many there were.
With a number after these, that many are killed at random moments instead.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from guardrails.checks.ledger import archive_manifest, archive_reader
from guardrails.cli import cli
from guardrails.evidence import tarball
from tests.evidence.runs import LAYOUT, SPEC

STEPS = frozenset(("os.rename", "os.remove", "os.link", "os.mkdir", "os.truncate"))
"""What changes a tree, and opening a file to write it. Between two of these there is nothing to interrupt."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
COMMAND = ["-q", "evidence", "archive", "--spec", SPEC, "--keep", "1"]
MANIFEST = f"{LAYOUT.evidence}/archive/{SPEC}/manifest.json"


def digests(root: Path) -> dict[str, str]:
    """Every file below the root but git's own."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and ".git" not in path.relative_to(root).parts)
    return {str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest() for path in files}


def lost(root: Path, before: dict[str, str]) -> list[str]:
    """Originals that are neither in place nor in an archive that its manifest lists and that holds them."""
    now, held = digests(root), set()
    place = root / MANIFEST
    manifest = (
        archive_manifest.read_manifest(place.read_bytes()) if place.exists() else archive_manifest.Manifest(SPEC, ())
    )
    assert not isinstance(manifest, str), manifest
    for row in manifest.archives:
        with open(root / row.path, "rb") as stream:
            archive_reader.verify(stream, tarball.size_of(stream), row.members)
        held |= {(member.path, member.sha256) for member in row.members}
    return [path for path, digest in before.items() if now.get(path) != digest and (path, digest) not in held]


def _die_at(step: int, root: str) -> None:
    taken = [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        changes = event in STEPS or (event == "open" and int(arguments[2] or 0) & WRITING)
        paths = [os.fsdecode(each) for each in arguments if isinstance(each, (str, bytes))]
        if changes and any(path.startswith(root) and "/.git/" not in path for path in paths):
            taken[0] += 1
            if taken[0] == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _forked(root: Path, step: int | None = None) -> int:
    """Begin an archive in a process of its own, which is killed before its nth step. Returns its id."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.chdir(root)
            if step is not None:
                _die_at(step, str(root))
            code = int(cli.main(COMMAND, prog_name="speckit", standalone_mode=False) or 0)
        finally:
            os._exit(code)
    return child


def _ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def archive(root: Path, step: int | None = None) -> int:
    """Archive in a process of its own, killed before its nth step. Returns how it ended."""
    return _ended(_forked(root, step))


def _killed_after(root: Path, seconds: float) -> int:
    """Archive in a process of its own, killed when it has had some time. Returns how it ended."""
    child = _forked(root)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)  # a zombie at the latest: it was not waited for
    return _ended(child)


def at_random(template: Path, work: Path, rounds: int) -> None:
    """Kill one at a random moment, again and again until one comes through; then begin anew. Prints the kills."""
    before, chance, kills = digests(template), random.Random(rounds), 0
    shutil.copytree(template, work)
    started = time.monotonic()
    assert archive(work) == 0
    whole, after = time.monotonic() - started, set(digests(work))
    while kills < rounds:
        shutil.rmtree(work / LAYOUT.docs)
        shutil.copytree(template / LAYOUT.docs, work / LAYOUT.docs)
        while (ended := _killed_after(work, chance.uniform(0, whole * 1.1))) != 0:
            assert ended == -signal.SIGKILL, ended
            assert lost(work, before) == []
            kills += 1
        assert set(digests(work)) == after
        assert lost(work, before) == []
    print(kills)


def main(template: Path, work: Path) -> None:
    before = digests(template)
    shutil.copytree(template, work)
    assert archive(work) == 0
    after = set(digests(work))
    assert lost(work, before) == []
    step = 1
    while True:
        shutil.rmtree(work / LAYOUT.docs)
        shutil.copytree(template / LAYOUT.docs, work / LAYOUT.docs)
        ended = archive(work, step)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL, (step, ended)
        assert lost(work, before) == [], f"killed at step {step}"
        assert archive(work) == 0, f"it does not go on after a kill at step {step}"
        assert set(digests(work)) == after, f"another end after a kill at step {step}"
        assert lost(work, before) == []
        step += 1
    print(step - 1)


if __name__ == "__main__":
    places = Path(sys.argv[1]), Path(sys.argv[2])
    at_random(*places, int(sys.argv[3])) if len(sys.argv) > 3 else main(*places)
