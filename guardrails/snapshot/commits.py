"""Commits and ranges, walked with GitPython: what a file was in each commit, and when something last changed.

Loaded when a range or a push is judged and the file did change; a hook at a commit never loads it. Git runs with the
same environment and options as in `git.repo`: no variable of another repository, no replaced objects, no lazy
fetch, no program that a configuration names. GitPython's objects know SHA-1 only, so its commands are used, which
know every format; content is read in one batch, as everywhere.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from subprocess import PIPE
from typing import Any, NamedTuple

from guardrails.errors import Undecidable
from guardrails.git import catfile
from guardrails.git.repo import LOCAL_VARIABLES, OFFLINE, OPTIONS, Repo, asked_for, to_bytes, to_text
from guardrails.snapshot.base import READ_LIMIT
from guardrails.snapshot.history import HistoryStep
from guardrails.snapshot.index import Commit

LEAST_ALIKE = "30%"
"""How much of a file must stand in another for it to count as renamed. A tracker changes a lot when it moves."""
MOST_RENAMES = 100


class CommitParents(NamedTuple):
    """A commit and its parents, by id."""

    id: str
    parents: tuple[str, ...]


class Walk:
    """Questions about the commits of one repository, put to git through GitPython."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo

    @cached_property
    def _git(self) -> Any:
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # a git that is missing is our error to tell
        import git

        commands = git.Git(self.repo.root)
        commands.update_environment(**self.repo.environment, **OFFLINE)
        commands.set_persistent_git_options(c=list(OPTIONS[1::2]))
        return commands

    def ask(self, command: str, *arguments: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> str:
        """The output of a git command. Raises Undecidable when git cannot answer."""
        with _environment(self.repo):
            commands = self._git
            from git.exc import GitCommandNotFound

            try:
                process = commands._call_process(command, *arguments, as_process=True, istream=PIPE)
            except GitCommandNotFound as error:
                raise Undecidable("git was not found", "install git and put it on PATH") from error
        out, err = process.communicate(stdin)
        if process.returncode not in ok:
            said = to_text(err).strip().splitlines() or [f"exit code {process.returncode}"]
            raise Undecidable(f"git {command} failed: {said[-1]}", "run the command yourself to see more")
        return to_text(out)

    def commits(self, tip: str, excludes: Iterable[str], one: bool = False) -> list[CommitParents]:
        """Each commit that a tip adds, parents before children; with `one` the tip alone."""
        limit = ("--max-count=1",) if one else ()
        asked = ("--topo-order", "--reverse", "--parents", *limit, "--stdin")
        rows = (line.split() for line in self.ask("rev-list", *asked, stdin=asked_for(tip, excludes)).splitlines())
        return [CommitParents(row[0], tuple(row[1:])) for row in rows]

    def common(self, commits: Sequence[str]) -> list[str]:
        """The best common ancestors of some commits; none when their histories are unrelated."""
        return self.ask("merge-base", "--all", *commits, ok=(0, 1)).split()

    def renamed_from(self, parent: str, child: str, path: str) -> str | None:
        """What a file of `child` was called in `parent`, where it is new and much of it stood in another file."""
        found = f"--find-renames={LEAST_ALIKE}"
        return renamed(self.ask("diff-tree", "-r", "-z", "--raw", "--no-abbrev", found, "-l1000", parent, child), path)

    def last(self, tip: str, paths: Sequence[str], excludes: Sequence[str] = ()) -> str | None:
        """The commit in the history of `tip` that last changed any of some paths; None when there is none."""
        out = self.ask("rev-list", "--max-count=1", "--stdin", "--", *paths, stdin=asked_for(tip, excludes))
        return out.strip() or None

    def last_outside(self, tip: str, paths: Sequence[str], step: str) -> bool:
        """Whether any of some paths changed in a commit that is no part of the history of `step`.

        Raises Undecidable where `step` may only look like the last change, because a shallow clone ends there.
        """
        if self.last(tip, paths, (step,)):
            return True
        if step in self.boundary:
            message = f"this clone is shallow and ends at commit {step[:12]}: when things changed before is not known"
            raise Undecidable(message, "git fetch --unshallow (in CI: fetch-depth: 0)")
        return False

    def blobs_at(self, path: str, commits: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """(commit, blob id) of a path in each of some commits, one process for all."""
        if "\n" in path or not commits:  # cannot be asked for in this way: as if it were not there
            yield from ((commit, None) for commit in commits)
            return
        wanted = to_bytes("".join(f"{commit}:{path}\n" for commit in commits))
        out = self.repo.run("cat-file", "--batch-check=%(objectname) %(objecttype)", "--buffer", stdin=wanted)
        for commit, line in zip(commits, out.split(b"\n"), strict=False):
            name, _, kind = line.rpartition(b" ")
            if kind == b"missing" and self._is_partial:
                self._require_absent(commit, path)
            yield commit, name.decode("ascii") if kind == b"blob" else None

    @cached_property
    def _is_partial(self) -> bool:
        return self.repo.succeeds("config", "--get", "extensions.partialClone")

    def _require_absent(self, commit: str, path: str) -> None:
        if self.repo.run("ls-tree", "--full-tree", commit, "--", path):
            raise Undecidable(f"{path} of commit {commit[:12]} was not fetched", "fetch it: this clone is partial")

    @cached_property
    def boundary(self) -> frozenset[str]:
        """The commits whose parents a shallow clone lacks."""
        place = to_text(self.repo.run("rev-parse", "--git-path", "shallow")).rstrip("\n")
        try:
            with open(os.path.join(self.repo.root, place), encoding="ascii") as stream:
                return frozenset(stream.read().split())
        except FileNotFoundError:
            return frozenset()


def renamed(raw: str, path: str) -> str | None:
    """The older name of a path, in the output of a raw diff with `-z`."""
    fields = iter(raw.split("\0"))
    for header in fields:
        if header.rpartition(" ")[2].startswith(("R", "C")):
            before, after = next(fields, ""), next(fields, "")
            if after == path:
                return before or None
        elif header:
            next(fields, None)
    return None


@contextmanager
def _environment(repo: Repo) -> Iterator[None]:
    """GitPython lets git inherit this process's variables. Those that speak of another repository are out of its
    sight while it starts one."""
    foreign = [name for name in LOCAL_VARIABLES if name in os.environ and name not in repo.environment]
    kept = {name: os.environ.pop(name) for name in foreign}
    try:
        yield
    finally:
        os.environ.update(kept)


class Commits:
    """The history of one file over the commits of a range or a push, or of one commit over its parents.

    The file is followed back through renames, along each line of history apart.
    """

    def __init__(self, snapshot: Commit, path: str, excludes: tuple[str, ...], one: bool) -> None:
        self._walk = Walk(snapshot.repo)
        self._tip = snapshot.revision
        made = self._walk.commits(self._tip, excludes, one)
        if any(each.id in self._walk.boundary for each in made):
            message = "this clone is shallow, and what is judged begins before its history does"
            raise Undecidable(message, "git fetch --unshallow (in CI: fetch-depth: 0)")
        self._made = {each.id: each for each in made}
        outside = dict.fromkeys(parent for each in made for parent in each.parents if parent not in self._made)
        self._known = (*self._made, *outside)
        self._tables: dict[str, dict[str, str | None]] = {}
        self._path = path
        self._names = self._followed()
        self.steps = tuple(HistoryStep(each.id, each.parents, self._blob(each.id)) for each in made)
        self.before = {each: self._blob(each) for each in outside}

    def _followed(self) -> dict[str, str]:
        """What the file is called in each commit: from children to parents, another name where it was renamed."""
        names: dict[str, str] = {}
        renames = 0
        for each in reversed(self._made.values()):
            name = names.setdefault(each.id, self._path)
            for parent in each.parents:
                earlier: str | None = name
                if parent in names or self._at(name)[parent] or not self._at(name)[each.id]:
                    names.setdefault(parent, name)
                    continue
                renames += 1
                if renames <= MOST_RENAMES:
                    earlier = self._walk.renamed_from(parent, each.id, name)
                names[parent] = earlier or name
        return names

    def _at(self, name: str) -> dict[str, str | None]:
        if name not in self._tables:
            self._tables[name] = dict(self._walk.blobs_at(name, self._known))
        return self._tables[name]

    def _blob(self, commit: str) -> str | None:
        return self._at(self._names.get(commit, self._path))[commit]

    def texts(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        wanted = list(blobs)
        contents = catfile.blobs(self._walk.repo, wanted, READ_LIMIT)
        yield from ((blob, data) for blob, (_, data) in zip(wanted, contents, strict=True))

    def bases(self, parents: Sequence[str]) -> list[str | None]:
        found = self._walk.common(parents)
        name = self._names.get(parents[0], self._path)
        return [blob for _, blob in self._walk.blobs_at(name, found)]

    def last_change(self, path: str) -> str | None:
        return self._walk.last(self._tip, (path,))

    def changed_after(self, step: str, paths: Sequence[str]) -> bool:
        return self._walk.last_outside(self._tip, paths, step)
