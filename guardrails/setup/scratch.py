"""A scratch clone of a repository, with its hooks and its configuration, and a remote of its own to push to.

It lies in a temporary folder that is removed afterwards. The repository itself is read and never written: objects are
borrowed from it, and what is pushed goes to the scratch remote.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple

from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.lock import held
from guardrails.git import LOCAL_VARIABLES, Repo, executable, to_bytes
from guardrails.programs import Ran, run
from guardrails.settings import CONFIG_FILE
from guardrails.setup import precommit
from guardrails.setup.canaries.ground import Content, Files, Link
from guardrails.setup.detect import MANAGER_FILES
from guardrails.setup.hooksdir import locate
from guardrails.snapshot.worktree import Worktree
from guardrails.yamlfile import parse

BRANCH = "speckit-canary"
PATIENCE = 300.0
"""Seconds that a commit or a push with its hooks may take."""
_PREFIX, _OWNER = "speckit-canary-", "owner.lock"
_SETTLED = 60.0
"""Seconds after which a folder without a lock was not made just now."""
_OURS = frozenset(("GIT_NO_REPLACE_OBJECTS", "GIT_OPTIONAL_LOCKS", "GIT_LITERAL_PATHSPECS", "GIT_NO_LAZY_FETCH"))
_SETTINGS = {
    "user.name": "canary", "user.email": "canary@example.invalid", "commit.gpgsign": "false", "gc.auto": "0",
    "core.autocrlf": "false", "merge.conflictStyle": "merge", "advice.detachedHead": "false",
}  # fmt: skip


class Scratch(NamedTuple):
    """`root` is the clone, `remote` the bare repository it pushes to, `kept` what cleaning leaves in the clone."""

    root: str
    remote: str
    environment: Mapping[str, str]
    kept: tuple[str, ...] = ()

    def git(self, *arguments: str, variables: Mapping[str, str] | None = None) -> Ran:
        """Run git in the clone, hooks and all."""
        return run((executable(), *arguments), self.root, {**self.environment, **(variables or {})}, PATIENCE)

    def must(self, *arguments: str) -> bytes:
        """As `git`, for what has to work. Raises Undecidable when it does not."""
        ran = self.git(*arguments)
        if not ran.succeeded:
            said = (ran.err or ran.out).decode("utf-8", "replace").strip().splitlines() or [str(ran.problem)]
            raise Undecidable(f"the scratch clone cannot be used: git {arguments[0]}: {said[-1]}", "see 'git fsck'")
        return ran.out

    def write(self, files: Files) -> None:
        """Write files, links and removals into the clone."""
        for path, content in files.items():
            _put(os.path.join(to_bytes(self.root), to_bytes(path)), content)

    def stage(self, files: Files) -> None:
        """Write files and add them to the index."""
        self.write(files)
        there = [path for path, content in files.items() if content is not None]
        gone = [path for path, content in files.items() if content is None]
        if there:
            self.must("add", "-f", "--", *there)
        if gone:
            self.must("rm", "-q", "-f", "--ignore-unmatch", "--", *gone)

    def commit(self, files: Files) -> str:
        """Commit files without hooks."""
        self.stage(files)
        self.must("commit", "-q", "--no-verify", "--allow-empty", "-m", "ground")
        return self.must("rev-parse", "HEAD").decode("ascii").strip()

    def publish(self, commit: str) -> None:
        """The remote has a commit, and the clone knows."""
        self.must("push", "-q", "-f", "--no-verify", "origin", f"{commit}:refs/heads/{BRANCH}")
        self.must("update-ref", f"refs/remotes/origin/{BRANCH}", commit)

    def restore(self, commit: str) -> None:
        """The clone as it was at a commit."""
        for name in ("rebase-merge", "MERGE_HEAD"):
            _put(os.path.join(to_bytes(self.root), b".git", name.encode()), None)
        self.must("checkout", "-q", "-f", "-B", BRANCH, commit)
        keep = [word for path in self.kept for word in ("-e", "/" + path)]
        self.must("clean", "-ffdqx", *keep)
        self.git("update-ref", "-d", f"refs/heads/{BRANCH}-other")


def _put(path: bytes, content: Content) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
    if content is None:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if isinstance(content, Link):
        os.symlink(content.target, path)
        return
    with open(path, "wb") as stream:
        stream.write(content)


def gates(repo: Repo) -> Files:
    """The files of the working tree that say what hooks do, committed or not: they are what is tried."""
    tree = Worktree(repo)
    return {name: data for name in (CONFIG_FILE, *MANAGER_FILES) if (data := tree.read(name)) is not None}


@contextmanager
def scratch_of(repo: Repo) -> Iterator[Scratch]:
    """A scratch clone for as long as the block lasts."""
    _sweep(tempfile.gettempdir(), time.time() - _SETTLED)
    place = os.path.realpath(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with held(os.path.join(place, _OWNER)):
            yield _made(repo, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _sweep(temporary: str, before: float) -> None:
    """Remove what a killed canary left behind: our own folders whose lock nobody holds any more."""
    mine = os.geteuid() if hasattr(os, "geteuid") else None
    with suppress(OSError), os.scandir(temporary) as items:
        for item in items:
            if not item.name.startswith(_PREFIX) or not item.is_dir(follow_symlinks=False):
                continue
            about, owner = item.stat(follow_symlinks=False), os.path.join(item.path, _OWNER)
            if mine in (None, about.st_uid) and about.st_mtime < before and os.path.isfile(owner):
                with held(owner) as free:
                    stale = free
                if stale:
                    shutil.rmtree(item.path, ignore_errors=True)


def _made(repo: Repo, place: str) -> Scratch:
    root, remote = os.path.join(place, "clone"), os.path.join(place, "remote.git")
    environment = _environment(repo)
    outside = Scratch(place, remote, environment)
    outside.must("clone", "-q", "--bare", "--shared", "--template=", repo.root, remote)
    outside.must("clone", "-q", "--shared", "--template=", remote, root)
    scratch = Scratch(root, remote, environment)
    for name, value in _SETTINGS.items():
        scratch.must("config", name, value)
    scratch.must("checkout", "-q", "--orphan" if repo.head() is None else "-B", BRANCH)
    tree = Worktree(repo)
    kept = _hooks(repo, scratch)
    return scratch._replace(kept=kept, environment={**environment, **_skipped(tree)})


def _environment(repo: Repo) -> dict[str, str]:
    """The user's own environment: what it switches off is switched off for real commits, too."""
    dropped = LOCAL_VARIABLES | _OURS
    kept = {name: value for name, value in repo.environment.items() if name not in dropped}
    return {name: value for name, value in kept.items() if not name.startswith(("PRE_COMMIT", "GIT_CONFIG_KEY"))}


def _hooks(repo: Repo, scratch: Scratch) -> tuple[str, ...]:
    """Put the hooks where git looks for them in the clone. A directory in the working tree keeps its place."""
    source = locate(repo)
    own = os.path.join(scratch.root, ".git", "hooks")
    if source.shared:
        below = os.path.relpath(source.path, os.path.realpath(repo.root))
        own = os.path.join(scratch.root, below)
        scratch.must("config", "core.hooksPath", below.replace(os.sep, "/"))
    if not os.path.isdir(source.path):
        return ()
    try:
        shutil.copytree(source.path, own, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise GuardrailError(f"{source.path}: the hooks cannot be copied", "make them readable") from error
    return (os.path.relpath(own, scratch.root).replace(os.sep, "/"),) if source.shared else ()


def _skipped(tree: Worktree) -> dict[str, str]:
    """Hooks of a framework that are not speckit's are left out: they would only take time."""
    data = tree.read(precommit.FILE_NAME)
    if data is None:
        return {}
    try:
        others = precommit.others_of(parse(data, precommit.FILE_NAME).value)
    except GuardrailError:
        return {}
    return {"SKIP": ",".join(others)} if others else {}
