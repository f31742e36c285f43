"""Where git looks for hooks, and what lies there now. Reads, never writes."""

from __future__ import annotations

import os
from typing import NamedTuple

from guardrails.errors import GuardrailError
from guardrails.git import Repo, to_text
from guardrails.setup.hookfile import KEPT, HookFile, maker_of

_READ_AT_MOST = 1 << 20


class HooksDirectory(NamedTuple):
    """`path` is absolute, links resolved. `shared`: it lies inside the working tree, where others get it by git.

    `outside` says why it is not this repository's own, None when it is. `configured`: core.hooksPath names it.
    """

    path: str
    configured: bool
    shared: bool
    outside: str | None


class Found(NamedTuple):
    """The files that matter for one hook: the hook, what a framework or lefthook moved aside, what we keep."""

    name: str
    hook: HookFile | None
    legacy: HookFile | None
    old: HookFile | None
    kept: HookFile | None


def locate(repo: Repo) -> HooksDirectory:
    """The directory git runs hooks from: core.hooksPath, or `hooks` in the git directory that worktrees share."""
    named = to_text(repo.run("rev-parse", "--git-path", "hooks")).rstrip("\n")
    configured = repo.succeeds("config", "--get", "core.hooksPath")
    place = os.path.abspath(os.path.join(repo.root, named))
    real = os.path.realpath(place)
    common = os.path.realpath(repo.common_dir())
    trees = _working_trees(repo, common)
    shared = any(_below(real, tree) for tree in trees) and not _below(real, common)
    inside = shared or _below(real, common)
    return HooksDirectory(real, configured, shared, None if inside else _why_outside(place, real, (*trees, common)))


def _working_trees(repo: Repo, common: str) -> tuple[str, ...]:
    """This working tree, and in a linked one also the main one: an absolute core.hooksPath may lie there."""
    main = os.path.dirname(common) if os.path.basename(common) == ".git" else repo.root
    return tuple({os.path.realpath(repo.root), main})


def _below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip(os.sep) + os.sep)


def _why_outside(place: str, real: str, homes: tuple[str, ...]) -> str:
    parent = os.path.realpath(os.path.dirname(place))
    if os.path.islink(place) and any(_below(parent, home) for home in homes):
        return f"{place} is a symbolic link out of the repository, to {real}"
    return f"git is configured to run hooks from {place}, outside the repository (core.hooksPath)"


def observe(directory: str, name: str) -> Found:
    """What lies there for the hook `name`. Raises GuardrailError for something that is not a file."""
    base = os.path.join(directory, name)
    return Found(name, *(_look(base + suffix) for suffix in ("", ".legacy", ".old", KEPT)))


def _look(path: str) -> HookFile | None:
    if not os.path.lexists(path):
        return None
    link = os.path.islink(path)
    if not os.path.isfile(path):
        if link and not os.path.exists(path):
            return HookFile("other", b"", False, True)
        raise GuardrailError(f"{path} is not a file", "move it away; git runs hooks from plain files")
    try:
        with open(path, "rb") as stream:
            content = stream.read(_READ_AT_MOST)
    except OSError as error:
        raise GuardrailError(f"{path}: {error.strerror}", "make it readable") from error
    return HookFile(maker_of(content), content, os.access(path, os.X_OK), link)
