"""Whether the working tree holds nothing that no commit holds.

It judges the tree on disk, whatever source was named. Where a hook manager has hidden the unstaged changes the
answer is undecided: what is seen then is still reported, what is not seen is never taken for clean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from guardrails.config.settings import CleanTree
from guardrails.core.finding import Checked, Finding, Observation, Rule, Severity, Skipped
from guardrails.core.limits import DIRTY_PATHS
from guardrails.git.repo import Repo
from guardrails.snapshot.context import CheckContext
from guardrails.snapshot.stash import Hidden, hidden_changes
from guardrails.snapshot.status import DirtyFile, dirty_files, operations

# CLN: what a working tree holds that no commit does.


_ALLOW = (
    "`clean_tree.exclude` in .speckit.yaml lists exact paths that may be dirty; SPEC_OPS_ALLOW_DIRTY=1 allows any, "
    "and is shown."
)

STAGED = Rule(
    "CLN001",
    "staged-change",
    "A change is staged but not committed.",
    "A run on a dirty tree judges bytes that no commit holds: nobody else can repeat it, and its evidence speaks of "
    "code that may never exist.",
    "$ git add src/app.py      <- staged, and nothing committed\n$ git commit              <- clean again",
    "Commit the change, or take it out of the index with 'git restore --staged <path>'. " + _ALLOW,
)
UNSTAGED = Rule(
    "CLN002",
    "unstaged-change",
    "A tracked file differs from what is staged: edited, deleted, or changed in kind or mode.",
    "Checks and agents read the file on disk, a push carries the committed one. What was judged is not what is sent.",
    "$ echo 'x = 1' >> src/app.py      <- edited, not committed\n$ git restore src/app.py          <- clean again",
    "Commit the change, or drop it with 'git restore <path>'. What git was told to overlook is seen here too: undo it "
    "with 'git update-index --no-assume-unchanged' or '--no-skip-worktree'. " + _ALLOW,
)
UNTRACKED = Rule(
    "CLN003",
    "untracked-file",
    "A file is neither tracked nor ignored.",
    "An untracked file can make every test pass here and none elsewhere. A check that sees only tracked files calls "
    "such a tree clean.",
    "$ touch src/local_fix.py                 <- exists on this machine alone\n"
    "$ echo /scratch/ >> .gitignore           <- ignored on purpose: clean",
    "Add and commit the file, delete it, or list it in .gitignore. " + _ALLOW,
)
CONFLICTED = Rule(
    "CLN004",
    "conflicted-path",
    "A path has an unresolved merge conflict.",
    "The index holds up to three versions of the file, and none of them is the one that will be committed.",
    "$ git status\n        both modified:   SPEC.md      <- neither side chosen yet",
    "Resolve the conflict, then 'git add <path>' and finish or abort the merge. " + _ALLOW,
)
SUBMODULE = Rule(
    "CLN005",
    "dirty-submodule",
    "A submodule is at another commit than recorded, or is dirty itself.",
    "The commit names one version of the submodule, and the checks saw another.",
    "$ git -C vendor/lib checkout main      <- no longer the recorded commit",
    "Commit inside the submodule and record its new commit, or run 'git submodule update'. "
    "`clean_tree.ignore_submodules` in .speckit.yaml takes none, untracked, dirty or all. " + _ALLOW,
)
UNFINISHED = Rule(
    "CLN006",
    "operation-in-progress",
    "A merge, rebase, cherry-pick, revert, bisect or patch series is not finished.",
    "Half way through, HEAD is a commit that nobody chose. A tree without a single edited file can be in that state.",
    "$ git rebase -i main\nYou can amend the commit now      <- stopped: the branch is not what it will be",
    "Finish it ('git rebase --continue') or leave it ('git rebase --abort'); the finding names the commands. " + _ALLOW,
)
HIDDEN = Rule(
    "CLN007",
    "changes-hidden-by-hook-manager",
    "A hook manager has put unstaged changes aside while its hooks run: clean cannot be told from dirty.",
    "pre-commit and prek (at every stage) and lefthook (at pre-commit) hide unstaged edits before the first hook "
    "starts and bring them back afterwards. The edits are real; a hook that looks meanwhile would pass exactly the "
    "tree it is meant to stop. The answer is therefore undecided, never a pass.",
    "$ git push\n[INFO] Stashing unstaged files to ~/.cache/pre-commit/patch1700000000-4242.\n"
    "speckit clean-tree ... undecided",
    "Run the check where nothing is hidden: in the native pre-push hook ('speckit install' writes it, and it runs "
    "before a hook manager does), in CI, or by hand with 'speckit clean-tree'. Or commit the changes first.",
    outcome="undecided",
)
ALLOWED = Rule(
    "CLN008",
    "dirty-tree-allowed",
    "A dirty tree was allowed by the environment.",
    "An override that leaves no trace becomes the normal way. It is shown in every format, with what it covered.",
    "$ SPEC_OPS_ALLOW_DIRTY=1 speckit clean-tree",
    "Unset SPEC_OPS_ALLOW_DIRTY. Paths that are always dirty on purpose belong in `clean_tree.exclude`.",
    "note",
)

RULES = (STAGED, UNSTAGED, UNTRACKED, CONFLICTED, SUBMODULE, UNFINISHED, HIDDEN, ALLOWED)

BY_KIND: dict[str, Rule] = {
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


def check(context: CheckContext) -> Iterator[Observation]:
    """One finding for each dirty path and unfinished operation. Without a working tree there is nothing to judge."""
    repo = context.snapshot.repo
    if repo is None:
        return
    hidden = hidden_changes(repo)
    # A commit or range that is named is what it is: `git rebase --exec` judges each commit in the middle of a rebase.
    named = context.snapshot.source.kind in ("commit", "range")
    found = [*_dirty(repo, context.settings.clean_tree), *unfinished(repo, "note" if named else "error")]
    if context.settings.overrides.allow_dirty:
        yield from _allowed(found, hidden)
        return
    yield from found
    if hidden is None:
        yield Checked(".")
        return
    yield _undecided(hidden, "error")
    yield Skipped(".", f"{hidden.manager} has put unstaged changes aside")


def _dirty(repo: Repo, settings: CleanTree) -> Iterator[Finding]:
    every = dirty_files(repo, settings.ignore_submodules, every_untracked=bool(settings.exclude))
    paths = [row for row in every if not excluded(row, settings)]
    totals = Counter(row.kind for row in paths)
    listed: Counter[str] = Counter()
    for row in paths:
        listed[row.kind] += 1
        if listed[row.kind] <= DIRTY_PATHS:
            yield BY_KIND[row.kind].at(row.path.rstrip("/"), row.detail, hint=HINTS[row.kind])
    for kind, total in totals.items():
        if total > DIRTY_PATHS:
            message = f"{total - DIRTY_PATHS} more {kind} paths are not listed; there are {total} in all"
            yield BY_KIND[kind].at(".", message, hint="'git status' lists them")


def excluded(row: DirtyFile, settings: CleanTree) -> bool:
    """Whether a path is excluded by its exact name, or lies in a directory that is."""
    path = row.path + "/" if row.kind == "submodule" else row.path
    return any(
        path.startswith(exclusion) if exclusion.endswith("/") else row.path == exclusion
        for exclusion in settings.exclude
    )


def unfinished(repo: Repo, severity: Severity = "error") -> Iterator[Finding]:
    """A finding for each operation of git that was started and is not over."""
    for operation in operations(repo):
        article = "an" if operation.name[0] in "aeiou" else "a"
        hint = f"finish it with '{operation.finish}', or leave it with '{operation.leave}'"
        yield UNFINISHED.at(".", f"{article} {operation.name} is in progress", hint=hint, severity=severity)


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
