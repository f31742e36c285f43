"""`speckit guard` against its slowest single check: what is shared must be paid once."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from functools import partial
from operator import attrgetter

from benchmarks import packet
from benchmarks.data import Repository, repository
from benchmarks.environment import speckit
from benchmarks.measure import Command, interleave
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.setting import Setting

TIMES = 9
SMALL = 3
NOTHING = 3
HOOKS = (None, "pre-commit")
"""Every check on the working tree, and those of a hook on the index."""


def run(setting: Setting) -> Iterator[Row]:
    """A small and a large repository, each with staged changes."""
    for name, specs in (("small", SMALL), ("large", setting.sizes.specs)):
        repo = repository(os.path.join(setting.folder, name), setting.environment, packet.files(specs))
        repo.stage(packet.changes(specs))
        for hook in HOOKS:
            called = "guard" if hook is None else f"guard --hook {hook}"
            claim = Claim("guard", f"{called}, {specs} SPECs", "slowest single check", Limit(1.5))
            yield from rows([claim], partial(_measure, setting, repo, hook))


def _measure(setting: Setting, repo: Repository, hook: str | None) -> list[Pair]:
    from guardrails.engine import CHECKS

    checks = [check.name for check in CHECKS if hook is None or hook in check.hooks]
    source = "worktree" if hook is None else "index"
    singles = [
        command
        for name in checks
        if _has_work(command := _command(repo, name == "clean-tree", *name.split(), "--source", source), setting)
    ]
    guard = _command(repo, hook is None, "guard", *(() if hook is None else ("--hook", hook)))
    *theirs, ours = interleave([*singles, guard], setting.environment, setting.times(TIMES))
    return [(ours, max(theirs, key=attrgetter("median")))]


def _has_work(command: Command, setting: Setting) -> bool:
    """Whether there is something to examine for a check. One that has nothing to do is nobody's slowest."""
    done = subprocess.run(command.argv, cwd=command.cwd, env=setting.environment, capture_output=True)
    return done.returncode != NOTHING


def _command(repo: Repository, dirty: bool, *arguments: str) -> Command:
    """All is sound, so every check passes; only the tree is not clean while something is staged."""
    codes = (1,) if dirty else (0,)
    return Command(" ".join(("speckit", *arguments)), (*speckit(), *arguments), repo.root, codes, " checked in ")
