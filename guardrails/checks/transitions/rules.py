"""TRN: what may be wrong with how the tracker (SPEC.md) changed from commit to commit."""

from __future__ import annotations

from guardrails.core.finding import Rule

FORBIDDEN = Rule(
    "TRN001",
    "transition-forbidden",
    "A commit changes a status to one that may not follow it.",
    "A task that goes from Backlog to Done was never in progress where anybody could see it, and one that goes from "
    "Blocked to Done was never freed. The steps between are where review and evidence come from.",
    "-| T9 | Backlog |\n+| T9 | Done |            <- never In Progress\n"
    "-| T9 | In Progress |\n+| T9 | Done |        <- good",
    "Commit the steps that were taken, one after the other, or allow the step with `tracker.transitions` in "
    ".speckit.yaml: where branches are squashed, several steps arrive as one.",
)
STALE_EVIDENCE = Rule(
    "TRN002",
    "done-on-old-evidence",
    "A task became Done on evidence that does not exist, or that is older than the SPEC's documents.",
    "Evidence is about the documents as they were when it was made. When spec, plan or tasks changed afterwards, "
    "nobody has shown that what they ask for now is there.",
    "commit 1: docs/SPEC-KIT-900/evidence/run.log\n"
    "commit 2: docs/SPEC-KIT-900/spec.md, changed\n"
    "commit 3: | SPEC-KIT-900 | Done | docs/SPEC-KIT-900/evidence/run.log |      <- made before the change",
    "Make the evidence again and commit it with or after the documents. The commit that last changed one of the named "
    "files must contain the last change of each document; the same commit is fine. `tracker.evidence_after` in "
    ".speckit.yaml says which documents count.",
)
ROW_REMOVED = Rule(
    "TRN003",
    "tracker-row-removed",
    "A row of the tracker is gone, and no other table has it.",
    "A task that is deleted takes its status, its owner and its open ends with it, and nobody decided that. The same "
    "goes for a merge that drops a row.",
    "-| T9 | In Progress | ... |      <- and T9 is nowhere any more",
    "Put the row back, or move it: to another table of the tracker, or to a table with its id in any Markdown file, "
    "an archive for example. A merge that dropped it by mistake needs the row back as well.",
)
CROWDED = Rule(
    "TRN004",
    "commit-with-several-in-progress",
    "A commit leaves more than one task of a thread In Progress.",
    "The tracker is true in every commit, not only in the last: bisecting, blaming and every reader of history "
    "believe what a commit says.",
    "commit 1: | T7 | In Progress | feat/x |\n          | T8 | In Progress | feat/x |      <- both, on one branch\n"
    "commit 2: | T7 | Done | feat/x |                                                  <- mended too late",
    "Change the commit (git rebase --interactive), so that one task is set back before or when the next begins. "
    "`tracker.thread` says what a thread is, `tracker.one_in_progress: false` allows several.",
)

RULES = (FORBIDDEN, STALE_EVIDENCE, ROW_REMOVED, CROWDED)
