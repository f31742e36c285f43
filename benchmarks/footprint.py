"""The footprint of many small evidence files against what the system's own tools need to add them up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from benchmarks.data import File, Repository, repository
from benchmarks.environment import speckit, tool
from benchmarks.measure import Command, interleave
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.setting import Setting
from benchmarks.telemetry import EVIDENCE, spec_id, stamp

TIMES = 11
SPECS = 200
KINDS = ("commands", "consensus", "runs", "archive")
SIZES = (171, 238, 313, 465, 534, 596, 819, 869, 877, 885, 889, 910, 922, 1035, 1237, 1281, 1657, 2728, 4607)
"""Bytes of evidence files as repositories hold them, in equal parts."""
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%064x\nsize %d\n"
POINTERS = 200
"""One file in this many is a Git LFS pointer, which has to be read to be told from others of its size."""
OBJECT_SIZES = "git ls-files -s | cut -d' ' -f2 | git cat-file --batch-check"


def run(setting: Setting) -> Iterator[Row]:
    """Worktree against `du -sb`, index against `git ls-files -s` piped into `git cat-file --batch-check`."""
    count = setting.sizes.evidence
    repo = repository(os.path.join(setting.folder, "evidence"), setting.environment, _files(count), packed=True)
    worktree = Claim("footprint", f"{count} files, worktree", "du -sb", Limit(2))
    yield from rows([worktree], partial(_against_du, setting, repo))
    index = Claim("footprint", f"{count} files, index", "ls-files -s + cat-file", Limit(2))
    yield from rows([index], partial(_against_git, setting, repo))


def _files(count: int) -> Iterator[File]:
    """Evidence of many SPECs in the folders of several kinds."""
    for number in range(count):
        spec, kind = spec_id(number % SPECS), KINDS[number // SPECS % len(KINDS)]
        name = f"spec-plan_{stamp(number)}-{number:05}_notes.json"
        yield f"{EVIDENCE}/{kind}/{spec}/{name}", _content(number)


def _content(number: int) -> bytes:
    if number % POINTERS == 0:
        return POINTER % (number, 1_000_000 + number)
    line = b'{"step": %d, "said": "%d of the evidence"}\n' % (number, number * 7919 % 99991)
    size = SIZES[number % len(SIZES)]
    return (line * (1 + size // len(line)))[:size]


def _ours(setting: Setting, repo: Repository, source: str) -> Command:
    argv = (*speckit(), "footprint", "--source", source)
    specs = min(SPECS, setting.sizes.evidence)
    return Command(f"speckit footprint --source {source}", argv, repo.root, says=f"{specs} of {specs} checked")


def _against_du(setting: Setting, repo: Repository) -> list[Pair]:
    du = tool("du", setting.environment, "GNU coreutils")
    peer = Command("du -sb", (du, "-sb", EVIDENCE), repo.root)
    theirs, ours = interleave([peer, _ours(setting, repo, "worktree")], setting.environment, setting.times(TIMES))
    return [(ours, theirs)]


def _against_git(setting: Setting, repo: Repository) -> list[Pair]:
    peer = Command(OBJECT_SIZES, ("sh", "-c", OBJECT_SIZES), repo.root, says=" blob ")
    theirs, ours = interleave([peer, _ours(setting, repo, "index")], setting.environment, setting.times(TIMES))
    return [(ours, theirs)]
