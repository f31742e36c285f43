"""TRK: what may be wrong with a tracker (SPEC.md) and the status tables in it."""

from __future__ import annotations

from guardrails.core.finding import Rule

_DONE = "Where `tracker.statuses` has no Done, each of Complete, Completed, Closed, Finished and Shipped in it is Done."
_COLUMNS = "`tracker.columns` in .speckit.yaml lists the columns, `layout.tracker` names the file."

MISSING_TRACKER = Rule(
    "TRK001",
    "tracker-missing",
    "The tracker does not exist, though the configuration names it, there are SPECs, or the base has it.",
    "Without a tracker nobody can say what is in progress or done. Deleting the file must not turn the gate green.",
    "$ git rm SPEC.md      <- every rule about it would otherwise have nothing to look at",
    "Restore the tracker, or write one with a status table. `layout.tracker` in .speckit.yaml says where it is.",
)
UNREADABLE_TRACKER = Rule(
    "TRK002",
    "tracker-unreadable",
    "The tracker cannot be read: not UTF-8, too large, nested too deep, or not a regular file.",
    "What cannot be read has not been examined, and what has not been examined must not pass.",
    "SPEC.md saved as UTF-16 or Latin-1      <- save it as UTF-8\n"
    "SPEC.md -> ../shared/SPEC.md            <- a link is not followed",
    "Save the file as UTF-8 text at its place in the repository. It is read up to 4 MB and 50,000 lines.",
)
NO_STATUS_TABLE = Rule(
    "TRK003",
    "tracker-no-status-table",
    "The tracker has no table with a Status column, or a table with two; a column that may be one is a warning.",
    "A page without a table says nothing that could be checked. Tables in code fences and comments are not tables: "
    "no renderer shows them. Of two Status columns each reader would believe another one.",
    "| Order | Task ID | Title |            <- no status column\n| Order | Task ID | Title | Status |   <- good",
    "Add a table with one Status column; State, Statuses, Task Status and, beside a column for the task, any header "
    "with the word status are read as one. " + _COLUMNS,
)
UNKNOWN_STATUS = Rule(
    "TRK004",
    "tracker-unknown-status",
    "A status is empty or is not one of the configured statuses.",
    "Every other rule hangs on the status: a row whose status nobody knows is a row that nobody checks.",
    "| 3 | T3 | Archive evidence | Doing |        <- unknown\n"
    "| 3 | T3 | Archive evidence | **DONE** |     <- good: emphasis and case do not matter",
    "Use a configured status, or add this one to `tracker.statuses` in .speckit.yaml.",
)
MISSING_COLUMNS = Rule(
    "TRK005",
    "tracker-missing-columns",
    "No status table has all required columns (error), or a further status table lacks some (warning).",
    "What has no column is never recorded, and the rules about it cannot look.",
    "| Order | Task ID | Title | Status |      <- no Owners, PRD, Evidence, ...",
    "Add the columns, in any order; common other names (ID, Owner, Last Run, Reason) and extra columns are fine. "
    + _COLUMNS,
)
DONE_WITHOUT_EVIDENCE = Rule(
    "TRK006",
    "tracker-done-without-evidence",
    "A task is Done, but its Evidence names none of its SPEC, or its table has no Evidence.",
    "Done is a claim; evidence is what a reader can open, and what somebody made to show it. A sentence, a URL, a "
    "symbolic link or the tracker itself proves nothing that is kept with the commit, and README.md or a file of "
    "settings would prove anything.",
    "| T26 | ... | Done | ... | all tests pass |                          <- prose\n"
    "| T26 | ... | Done | ... | no proof, but see docs/run.log |          <- a path inside a sentence\n"
    "| T26 | ... | Done | ... | README.md |                               <- about no task\n"
    "| T26 | ... | Done | ... | docs/SPEC-KIT-DEMO/evidence/run.log |     <- good",
    "Add the path of the evidence, from the repository root, alone or with lines or a remark in parentheses after it, "
    "or the id of a commit. A task that has a SPEC directory rests on evidence of that SPEC: below the evidence root, "
    "in the folder evidence of its directory, or an artifact that its telemetry records. "
    "Commas, semicolons or <br> separate several. A table without a task column, or of stages or phases, that has no "
    "Evidence column gets a warning; take Evidence out of `tracker.columns` to ask for none. " + _DONE,
)
EMPTY_TABLE = Rule(
    "TRK007",
    "tracker-empty-table",
    "A status table has no rows.",
    "An empty table passes every rule about rows, so it would be green without anything having been looked at.",
    "| Task ID | Status |\n| --- | --- |      <- and nothing below",
    "Add the rows, or remove the table.",
)
NO_SEPARATOR = Rule(
    "TRK008",
    "tracker-missing-separator",
    "A header of a status table is not followed by a separator row that makes a table of it.",
    "Without it no renderer sees a table, and none of its rows is checked.",
    "| Task ID | Status |\n| T1 | Done |            <- separator missing\n"
    "| Task ID | Status |\n| --- | --- |            <- good",
    "Put a row of dashes, one cell for each column, right below the header, both without indentation.",
)
DETACHED_ROW = Rule(
    "TRK009",
    "tracker-detached-row",
    "Lines look like rows of a table, but are cut off from it by a blank line or indentation.",
    "No renderer shows them as rows, so they are not part of the tracker: a task can hide there.",
    "| T1 | Done |\n                        <- blank line ends the table\n| T2 | In Progress |     <- not a row",
    "Remove the blank line or the indentation, or give the lines a header and a separator row of their own.",
)
CELL_COUNT = Rule(
    "TRK010",
    "tracker-cell-count",
    "A row has more or fewer cells than the header.",
    "Renderers drop surplus cells and add missing ones silently, so values end up under another heading. The row's "
    "other rules are not applied until this is mended.",
    "| Task ID | Status | Notes |\n| T1 | Done | a | b |     <- a pipe too many\n| T1 | Done | a \\| b |    <- good",
    "Write a pipe inside a cell as \\| (in code spans too), and keep empty cells.",
)
DUPLICATE_ORDER = Rule(
    "TRK011",
    "tracker-duplicate-order",
    "Two rows of one table have the same order.",
    "The order says what comes next; two answers are none.",
    "| 3 | T3 | ...\n| 3 | T4 | ...      <- 3 again",
    "Give each row of the table its own number.",
)
DUPLICATE_TASK = Rule(
    "TRK012",
    "tracker-duplicate-task",
    "A task id appears in more than one row, or two ids look alike.",
    "Two rows can tell two stories of one task, and whoever reads the tracker believes the first they find.",
    "| T5 | ... | Done |\n| T5 | ... | Backlog |      <- T5 again",
    "Merge the rows or give one a new id. Case, blanks, invisible characters and Cyrillic or Greek letters that look "
    "like Latin ones make no other id. Names in a Task, Stage or Spec column need to be unique in their table only.",
)
EMPTY_TASK = Rule(
    "TRK013",
    "tracker-empty-task",
    "A row has no task id.",
    "What has no name can be neither referred to nor found again in another revision.",
    "| 4 |  | Refactor parser | Backlog |      <- no id",
    "Give the row an id.",
)
SEVERAL_IN_PROGRESS = Rule(
    "TRK014",
    "tracker-several-in-progress",
    "More than one task of a thread is In Progress.",
    "A thread works on one thing at a time; with two marked, nobody knows which one the evidence belongs to.",
    "| T7 | In Progress | feat/x |\n| T8 | In Progress | feat/x |      <- same branch, second task",
    "Set one of them back. `tracker.thread` in .speckit.yaml says what a thread is (branch, table or file); rows "
    "without a branch are one thread. `tracker.one_in_progress: false` allows several. Where `tracker.statuses` has no "
    "In Progress, each of Doing, Active and WIP in it is In Progress.",
)
MISSING_OWNER = Rule(
    "TRK015",
    "tracker-missing-owner",
    "A task that is In Progress, In Review or Done has no owner.",
    "Work that nobody owns is asked about by nobody.",
    "| T9 | ... | In Review |  |      <- owner empty; -, TBD and N/A count as empty",
    "Name the owner. " + _DONE,
)
DONE_WITHOUT_PRD = Rule(
    "TRK016",
    "tracker-done-without-prd",
    "A task is Done, but its PRD column names no file of this repository.",
    "Done against what? Only a document that is kept with the commit can answer.",
    "| T9 | ... | Done | ask the team |                  <- no path\n"
    "| T9 | ... | Done | docs/SPEC-KIT-009/PRD.md |      <- good",
    "Add the path of the PRD or spec, from the repository root. " + _DONE,
)
PATH_OUTSIDE = Rule(
    "TRK017",
    "tracker-path-outside",
    "A PRD or evidence path leads outside the repository: absolute, with `..`, with backslashes, or into .git.",
    "Such a path exists on one machine at most. It is never looked up.",
    "../other/docs/run.log        <- outside\n"
    "C:\\runs\\run.log             <- outside\ndocs/evidence/run.log        <- good",
    "Keep the file in this repository and name it from the root, with forward slashes.",
)
MISSING_PATH = Rule(
    "TRK018",
    "tracker-missing-path",
    "A PRD or evidence path does not exist in what is judged, in exactly this case.",
    "A path that leads nowhere proves nothing. Some file systems forgive a wrong case; a clone elsewhere does not.",
    "docs/SPEC-KIT-900/Plan.md      <- the file is called plan.md",
    "Mend the path, or add the file to the same commit. Paths are relative to the repository root; an anchor, "
    "`:12-20` or a remark in parentheses may follow.",
)
BAD_DATE = Rule(
    "TRK019",
    "tracker-bad-date",
    "A validation date is not a real day written YYYY-MM-DD (or an RFC 3339 time stamp), or lies in the future.",
    "Dates are compared and sorted; 2025-99-99 and next year's date are typing errors or inventions.",
    "2025-99-99, 05.10.2025, last week      <- bad\n2025-10-05, 2025-10-05T04:31:14Z       <- good",
    "Write the day of the validation. 'speckit lint --fix' mends 2025/10/5 and 2025-10-5.",
)
DONE_WITHOUT_DATE = Rule(
    "TRK020",
    "tracker-done-without-date",
    "A task is Done without a validation date.",
    "When it was validated decides whether later changes were looked at.",
    "| T9 | ... | Done | ... |  |      <- Last Validation empty",
    "Add the date of the validation, YYYY-MM-DD. " + _DONE,
)
BAD_BRANCH = Rule(
    "TRK021",
    "tracker-bad-branch",
    "A Branch cell holds a name that git does not accept.",
    "A branch that cannot exist cannot hold the work.",
    "feat/spec auto, feat..x, main.lock      <- bad\nfeat/spec-auto-telemetry               <- good",
    "Write one branch name as git knows it, or leave the cell empty.",
)
STATUS_WITHOUT_NOTE = Rule(
    "TRK022",
    "tracker-status-without-note",
    "A status changed, but neither Notes, Evidence nor the validation date did.",
    "Each step is recorded with what it rests on; a bare change of a word is a claim without one.",
    "-| T9 | In Progress |  |\n+| T9 | Done |  |      <- status change without an evidence note",
    "Say in Notes or Evidence what the change rests on, in the same commit or range.",
)
SPEC_WITHOUT_ROW = Rule(
    "TRK023",
    "tracker-spec-without-row",
    "A SPEC directory has no row in the tracker.",
    "Work that the tracker does not know has no status, no owner and no gate.",
    "docs/SPEC-KIT-901-cache/      <- no row names SPEC-KIT-901",
    "Add a row whose Task ID or Title names the exact id, or whose PRD lies in the directory.",
)
ROW_WITHOUT_SPEC = Rule(
    "TRK024",
    "tracker-row-without-spec",
    "A row's task is a SPEC that has no directory.",
    "A SPEC past the backlog has documents; a row without them is a leftover or a wrong id.",
    "| SPEC-KIT-902 | ... | In Progress |      <- no docs/SPEC-KIT-902*/",
    "Add the directory, mend the id, or set the row to Backlog until there is one.",
    "warning",
)

RULES = (
    MISSING_TRACKER,
    UNREADABLE_TRACKER,
    NO_STATUS_TABLE,
    UNKNOWN_STATUS,
    MISSING_COLUMNS,
    DONE_WITHOUT_EVIDENCE,
    EMPTY_TABLE,
    NO_SEPARATOR,
    DETACHED_ROW,
    CELL_COUNT,
    DUPLICATE_ORDER,
    DUPLICATE_TASK,
    EMPTY_TASK,
    SEVERAL_IN_PROGRESS,
    MISSING_OWNER,
    DONE_WITHOUT_PRD,
    PATH_OUTSIDE,
    MISSING_PATH,
    BAD_DATE,
    DONE_WITHOUT_DATE,
    BAD_BRANCH,
    STATUS_WITHOUT_NOTE,
    SPEC_WITHOUT_ROW,
    ROW_WITHOUT_SPEC,
)
