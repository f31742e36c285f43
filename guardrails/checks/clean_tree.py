"""Whether the working tree holds nothing that no commit holds.

It judges the tree on disk, whatever source was named. Where a hook manager has hidden the unstaged changes the
answer is undecided: what is seen then is still reported, what is not seen is never taken for clean.
"""

from collections import Counter
from collections.abc import Iterator

from guardrails.finding import Checked, Finding, Observation, Rule, Severity, Skipped
from guardrails.git import Repo
from guardrails.hidden_changes import Hidden, hidden_changes
from guardrails.rules.clean_tree import (
    ALLOWED,
    CONFLICTED,
    HIDDEN,
    STAGED,
    SUBMODULE,
    UNFINISHED,
    UNSTAGED,
    UNTRACKED,
)
from guardrails.settings import CleanTree
from guardrails.subject import Subject
from guardrails.worktree_state import Dirt, dirt, operations

LISTED = 100
"""Paths of one kind that are listed; the rest are counted."""

RULES: dict[str, Rule] = {
    "staged": STAGED,
    "unstaged": UNSTAGED,
    "untracked": UNTRACKED,
    "conflicted": CONFLICTED,
    "submodule": SUBMODULE,
}
HINTS = {
    "staged": "commit it, or 'git restore --staged' it",
    "unstaged": "commit it, or drop it with 'git restore'",
    "untracked": "commit it, delete it, or list it in .gitignore",
    "conflicted": "resolve it, then 'git add' it",
    "submodule": "record the new commit, or run 'git submodule update'",
}


def check(subject: Subject) -> Iterator[Observation]:
    """One finding for each dirty path and unfinished operation. Without a working tree there is nothing to judge."""
    repo = subject.snapshot.repo
    if repo is None:
        return
    hidden = hidden_changes(repo)
    found = [*_dirty(repo, subject.settings.clean_tree), *unfinished(repo)]
    if subject.settings.overrides.allow_dirty:
        yield from _allowed(found, hidden)
        return
    yield from found
    if hidden is None:
        yield Checked(".")
        return
    yield _undecided(hidden, "error")
    yield Skipped(".", f"{hidden.manager} has put unstaged changes aside")


def _dirty(repo: Repo, settings: CleanTree) -> Iterator[Finding]:
    every = dirt(repo, settings.ignore_submodules, every_untracked=bool(settings.exclude))
    paths = [row for row in every if not excluded(row, settings)]
    totals = Counter(row.kind for row in paths)
    listed: Counter[str] = Counter()
    for row in paths:
        listed[row.kind] += 1
        if listed[row.kind] <= LISTED:
            yield RULES[row.kind].at(row.path.rstrip("/"), row.detail, hint=HINTS[row.kind])
    for kind, total in totals.items():
        if total > LISTED:
            message = f"{total - LISTED} more {kind} paths are not listed; there are {total} in all"
            yield RULES[kind].at(".", message, hint="'git status' lists them")


def excluded(row: Dirt, settings: CleanTree) -> bool:
    """Whether a path is excluded by its exact name, or lies in a directory that is."""
    path = row.path + "/" if row.kind == "submodule" else row.path
    return any(
        path.startswith(exclusion) if exclusion.endswith("/") else row.path == exclusion
        for exclusion in settings.exclude
    )


def unfinished(repo: Repo) -> Iterator[Finding]:
    """A finding for each operation of git that was begun and is not over."""
    for operation in operations(repo):
        article = "an" if operation.name[0] in "aeiou" else "a"
        hint = f"finish it with '{operation.finish}', or leave it with '{operation.leave}'"
        yield UNFINISHED.at(".", f"{article} {operation.name} is in progress", hint=hint)


def _undecided(hidden: Hidden, severity: Severity) -> Finding:
    return HIDDEN.at(
        ".",
        f"{hidden.manager} has put unstaged changes aside while its hooks run: "
        "whether the working tree is clean cannot be known here",
        hint="run it in the native pre-push hook (see 'speckit install') or in CI, or commit the changes first",
        severity=severity,
    )


def _allowed(found: list[Finding], hidden: Hidden | None) -> Iterator[Observation]:
    """What was found, as notes, and who allowed it."""
    yield Checked(".")
    yield from (finding._replace(severity="note") for finding in found)
    if hidden is not None:
        yield _undecided(hidden, "note")
    said = "overridden by SPEC_OPS_ALLOW_DIRTY: the tree is not clean, and passes"
    if not found and hidden is None:
        said = "SPEC_OPS_ALLOW_DIRTY is set, but the tree is clean: nothing was overridden"
    yield ALLOWED.at(".", said, hint="unset SPEC_OPS_ALLOW_DIRTY")
