"""`speckit clean-tree` against what it cannot do without: a click program and one `git status`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from benchmarks.data import File, repository
from benchmarks.environment import speckit
from benchmarks.measure import Command, Series, interleave
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.setting import Setting
from benchmarks.startup import bare_click

TIMES = 21
STATUS_SHARE = 1.5
FOLDER_FILES = 40


def run(setting: Setting) -> Iterator[Row]:
    """A clean tree of many files: at most bare click and 1.5 times `git status`."""
    count = setting.sizes.files
    claim = Claim("clean-tree", f"{count} files", f"bare click + {STATUS_SHARE:g} x git status", Limit(1))
    yield from rows([claim], partial(_measure, setting))


def _measure(setting: Setting) -> list[Pair]:
    repo = repository(os.path.join(setting.folder, "tree"), setting.environment, _files(setting.sizes.files))
    commands = [
        bare_click(repo.root),
        Command("git status", ("git", "status", "--porcelain"), repo.root),
        Command("speckit clean-tree", (*speckit(), "clean-tree"), repo.root, says="1 of 1 checked"),
    ]
    click, status, ours = interleave(commands, setting.environment, setting.times(TIMES))
    theirs = tuple(bare + STATUS_SHARE * walk for bare, walk in zip(click.values, status.values, strict=True))
    return [(ours, Series(f"bare click + {STATUS_SHARE:g} x git status", theirs))]


def _files(count: int) -> Iterator[File]:
    for number in range(count):
        folder = number // FOLDER_FILES
        yield f"src/part{folder % 20:02}/unit{folder:04}/file{number:05}.txt", b"line %d\n" % number * (1 + number % 40)
