"""Scratch repositories for a benchmark: each run gets a clone of its own, and nothing leads back from it.

What an agent writes there reaches neither the repository nor another run. Clones borrow the objects of what they are
cloned from, so they cost little more than their files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import NamedTuple

from guardrails.core.paths import is_plain
from guardrails.core.resources import path_of
from guardrails.errors import GuardrailError
from guardrails.git.repo import LOCAL_VARIABLES, Repo
from guardrails.snapshot.base import READ_LIMIT
from guardrails.snapshot.worktree import Worktree

STANDARD = "SPEC.md"
"""Names the place of the workload that comes with the package."""
_NO_HOOKS = ("-c", "core.hooksPath=" + os.devnull)
# What a user's own configuration could turn a clone of the local repository into: a refusal, or more than that.
_LOCAL = ("-c", "clone.rejectShallow=false", "-c", "protocol.file.allow=always", "-c", "submodule.recurse=false")
_PLAIN = ("-c", "core.autocrlf=false", "-c", "commit.gpgSign=false", "-c", "init.defaultBranch=main")
_WHO = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (
        ("NAME", "speckit bench"),
        ("EMAIL", "bench@speckit.invalid"),
        ("DATE", "2026-01-01T00:00:00Z"),  # so that the same files are the same commit
    )
}


class BenchBase(NamedTuple):
    """What runs begin from: a repository, and one of its commits."""

    root: str
    commit: str


def standard_workload() -> str:
    """The directory of the workload that comes with the package."""
    return os.path.dirname(path_of("workload", STANDARD))


def read_workload(directory: str) -> dict[str, bytes]:
    """The files of a workload by path. Raises GuardrailError when it has none, or one that is not a regular file."""
    if not os.path.isdir(directory):
        raise GuardrailError(f"{directory}: no such directory", "name the directory of a workload with --workload")
    tree = Worktree(Repo(os.path.realpath(directory), {}))
    found = {}
    for blob in (tree.on_disk(entry, READ_LIMIT) for entry in tree.entries()):  # it lies in no repository
        if blob.data is None:
            raise GuardrailError(f"{directory}: {blob.entry.path}: {blob.problem}", "a workload is made of plain files")
        found[blob.entry.path] = blob.data
    if not found:
        raise GuardrailError(f"{directory}: there are no files in it", "a workload is a SPEC's documents and more")
    return found


def materialise(files: Mapping[str, bytes], place: str, environment: Mapping[str, str]) -> BenchBase:
    """A new repository at `place` that holds these files in one commit. The same files give the same commit."""
    partial = f"{place}.part"
    shutil.rmtree(partial, ignore_errors=True)
    for path, data in files.items():
        if not is_plain(path):
            raise GuardrailError(f"{path!r} is not a path inside a repository", "a workload is made of plain files")
        target = os.path.join(partial, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "xb") as stream:
            stream.write(data)
    repo = Repo(partial, {**scrubbed(environment), **_WHO})
    repo.run(*_PLAIN, "init", "-q", "--template=")
    repo.run(*_PLAIN, "add", "-f", "-A")
    repo.run(*_PLAIN, *_NO_HOOKS, "commit", "-q", "--no-verify", "-m", "Workload")
    commit = repo.head()
    assert commit is not None
    os.rename(partial, place)
    return BenchBase(place, commit)


def clone(base: BenchBase, place: str, environment: Mapping[str, str]) -> Repo:
    """The working tree of a run at `place`: made whole, or found as an earlier process made it."""
    if not os.path.isdir(place):
        folder, partial = os.path.dirname(place), f"{place}.part"
        os.makedirs(folder, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        around = Repo(folder, scrubbed(environment))
        how = ("-q", "--shared", "--no-checkout", "--template=", "--origin=origin")
        around.run(*_NO_HOOKS, *_LOCAL, "clone", *how, "--", base.root, partial)
        made = Repo(partial, around.environment)
        made.run("remote", "remove", "origin")
        made.run(*_NO_HOOKS, *_LOCAL, "checkout", "-q", "--detach", base.commit)
        os.rename(partial, place)
    return Repo(os.path.realpath(place), scrubbed(environment))


def put_away(place: str, below: str, target: str) -> None:
    """Keep one directory of a tree at `target`, unless something is there. An agent may have put a link in its place or
    above it: then it is not what was written there, and stays."""
    found = os.path.join(os.path.realpath(place), below)
    if os.path.isdir(found) and os.path.realpath(found) == found and not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(found, target)


def remove(place: str) -> None:
    """Remove a tree, and what was left of one that was being made."""
    for each in (place, f"{place}.part"):
        shutil.rmtree(each, ignore_errors=True)


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that tie a process to another repository."""
    return {name: value for name, value in environment.items() if name not in LOCAL_VARIABLES}
