"""CLN: what a working tree holds that no commit does."""

from __future__ import annotations

from guardrails.finding import Rule

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
