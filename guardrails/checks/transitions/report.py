"""What happened to the tracker, as findings: steps, threads and rows that should not be as they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from guardrails.checks.lint.evidence import EvidenceLookup
from guardrails.checks.lint.paths import PathLookup, named_paths
from guardrails.checks.lint.tracker_rules import UNREADABLE_TRACKER
from guardrails.checks.transitions.rows import (
    NOTHING,
    Edges,
    TaskState,
    ThreadConflict,
    TrackerState,
    edges,
    tracker_state,
)
from guardrails.config.settings import TrackerSettings
from guardrails.core.finding import Finding, Rule
from guardrails.core.limits import REMOVED_ROWS, at_most
from guardrails.core.markdown import decode, parse_markdown, plain
from guardrails.layouts.own import Directory, Survey, survey
from guardrails.layouts.tracker import DONE, StatusRow, columns_of, header_key, is_empty, quoted, role_of, visible_form
from guardrails.snapshot.context import CheckContext
from guardrails.snapshot.history import History, HistoryStep

# TRN: what may be wrong with how the tracker (SPEC.md) changed from commit to commit.


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


# From commit to commit: what became of each row. Pure over a history and the picture each commit gives.
#
# A merge is compared with all its parents, so that nothing is told twice: what any parent has was told there.


Pictures = Callable[[str | None], TrackerState | None]
"""The picture of a content, by its name; None when it cannot be read."""


class LastKnown(NamedTuple):
    """The last that is known of a row, and the step that removed it, None while it is there."""

    row: TaskState
    gone: HistoryStep | None = None


RowState = Mapping[str, LastKnown]


class StatusChange(NamedTuple):
    """A row's status after a step, and before it: in each parent that knew the row, none when it is new."""

    step: HistoryStep
    key: str
    before: tuple[TaskState, ...]
    after: TaskState


class NewThreadConflict(NamedTuple):
    """A thread that a step leaves with several tasks In Progress, which no parent had so."""

    step: HistoryStep
    crowd: ThreadConflict


class TransitionHistory(NamedTuple):
    """All that happened, and what is known of each row at the tip."""

    changes: tuple[StatusChange, ...]
    crowdings: tuple[NewThreadConflict, ...]
    tip: RowState


def walk(history: History, pictures: Pictures) -> TransitionHistory:
    """What the steps of a history did to the rows."""
    blobs: dict[str, str | None] = dict(history.before)
    states: dict[str, RowState] = {name: _begin(pictures(blob)) for name, blob in blobs.items()}
    changes: list[StatusChange] = []
    crowdings: list[NewThreadConflict] = []
    state: RowState = {}
    for step in history.steps:
        befores = [states[parent] for parent in step.parents]
        if len(befores) == 1 and blobs[step.parents[0]] == step.blob:
            state = befores[0]
        else:
            shown = NOTHING if step.blob is None else pictures(step.blob)
            parents = [blobs[parent] for parent in step.parents]
            if shown is not None:
                changes += _changes(step, shown, befores, any(blob is not None for blob in parents))
                if step.blob not in parents:
                    crowdings += _crowdings(step, shown, [pictures(blob) for blob in parents])
            state = _after(history, step, shown, befores, pictures)
        blobs[step.id], states[step.id] = step.blob, state
    return TransitionHistory(tuple(changes), tuple(crowdings), state)


def _begin(shown: TrackerState | None) -> RowState:
    return {key: LastKnown(row) for key, row in shown.rows.items()} if shown else {}


def _changes(
    step: HistoryStep, shown: TrackerState, befores: Sequence[RowState], had_tracker: bool
) -> Iterable[StatusChange]:
    for key, row in shown.rows.items():
        before = tuple(state[key].row for state in befores if key in state)
        if before and all(older.status != row.status for older in before):
            yield StatusChange(step, key, before, row)
        elif not before and had_tracker:  # the rows a tracker begins with have no past that could be judged
            yield StatusChange(step, key, (), row)


def _crowdings(
    step: HistoryStep, shown: TrackerState, parents: Sequence[TrackerState | None]
) -> Iterable[NewThreadConflict]:
    for thread, crowd in shown.crowds.items():
        inherited = (parent.crowds.get(thread) for parent in parents if parent)
        if not any(older and set(crowd.tasks) <= set(older.tasks) for older in inherited):
            yield NewThreadConflict(step, crowd)


def _after(
    history: History, step: HistoryStep, shown: TrackerState | None, befores: Sequence[RowState], pictures: Pictures
) -> dict[str, LastKnown]:
    """What is known of each row after a step: a row that is gone is remembered with the step that removed it."""
    union: dict[str, LastKnown] = {}
    for state in befores:
        for key, known in state.items():
            if key not in union or union[key].gone:
                union[key] = known
    if shown is None:  # nobody can say what changed
        return union
    after = {key: LastKnown(row) for key, row in shown.rows.items()}
    missing = [key for key in union if key not in after]
    dropped: list[str] = []
    for key in missing:
        if key in shown.ids:
            after[key] = union[key]._replace(gone=None)  # it is there, under a status or an id that cannot be read
        elif union[key].gone:
            after[key] = union[key]
        else:
            dropped.append(key)
    elsewhere = _removed_elsewhere(history, step, dropped, befores, pictures)
    after.update({key: union[key]._replace(gone=step) for key in dropped if key not in elsewhere})
    return after


def _removed_elsewhere(
    history: History, step: HistoryStep, dropped: Sequence[str], befores: Sequence[RowState], pictures: Pictures
) -> set[str]:
    """The rows that a side of a merge removed before what is judged: its common ancestor had them, and it has not."""
    lacking = {key for key in dropped if any(key not in state for state in befores)}
    if not lacking:
        return set()
    shown = [pictures(blob) for blob in history.bases(step.parents)]
    return {key for key in lacking if any(base is not None and key in base.ids for base in shown)}


# Whether what became Done rests on evidence that is there, and that is about the documents as they are.


_MAKE = "make the evidence again and commit it with or after the documents"


class Documents(NamedTuple):
    """The paths of a task's documents, and the SPEC they are of, where it has a directory."""

    paths: tuple[str, ...]
    spec: str | None


class Judge:
    """What the tip of a change says about evidence; the history answers when it was made."""

    def __init__(self, context: CheckContext, history: History, found: Survey) -> None:
        self._context, self._history, self._found = context, history, found
        self._path = context.settings.layout.tracker
        self._places = PathLookup(context.snapshot, self._path)
        self._proof = EvidenceLookup(
            context.snapshot, context.settings.layout, (each.spec for each in found.directories)
        )
        self._wanted = any(role_of(header_key(header)) == "evidence" for header in context.settings.tracker.columns)
        self._made: dict[str, str | None] = {}
        self._answers: dict[tuple[str, tuple[str, ...]], bool] = {}

    def judge(self, item: StatusRow, step: HistoryStep) -> Iterator[Finding]:
        """The findings about one row that `step` made Done."""
        column = item.columns.evidence
        if column is None or not self._wanted:  # lint says what a table without the column means
            return
        documents = self._documents(item)
        spec = self._proof.spec_of(item.task)
        named = [path for path in self._present(item, column) if path != self._path]
        evidence = [path for path in named if self._proof.proves(path, spec)]
        became = f"{item.name} became {item.status} in {step.name}"
        cell = item.cell(column)
        if not evidence and cell is not None and self._proof.names_commit(cell.text):
            return
        if not evidence:
            message, hint = f"{became}, but names no evidence that exists", "name the path of the evidence"
        elif documents.paths and all(self._is_older(path, documents.paths) for path in evidence):
            names = quoted(", ".join(documents.paths))
            message = f"{became} on evidence that is older than the last change of its documents ({names})"
            hint = _MAKE
        else:
            return
        place = item.place(column)
        yield STALE_EVIDENCE.at(self._path, message, line=item.row.line, column=place, hint=hint, spec=documents.spec)

    def _present(self, item: StatusRow, column: int | None) -> list[str]:
        """The paths of a cell that exist in the tip."""
        cell = item.cell(column)
        if cell is None or is_empty(cell.text.strip("*_`~ ")):
            return []
        return list(
            dict.fromkeys(name.path for name in named_paths(cell.text, self._places) if name.state == "present")
        )

    def _documents(self, item: StatusRow) -> Documents:
        """The documents of every SPEC directory the row speaks of, and the files its PRD cell names."""
        directories = [each for each in self._found.directories if item in self._found.rows[each.path]]
        files = [path for each in directories for path in self._files(each)]
        files += [path for path in self._present(item, item.columns.prd) if self._context.snapshot.entry(path)]
        spec = directories[0].spec if len(directories) == 1 else None
        names = self._context.settings.tracker.evidence_after
        return Documents(tuple(sorted(set(files))) if names else (), spec)

    def _files(self, directory: Directory) -> Iterator[str]:
        names = self._context.settings.tracker.evidence_after
        wanted = {f"{directory.path}/{name}" for name in names}
        yield from (entry.path for entry in directory.files if entry.path in wanted)

    def _is_older(self, evidence: str, documents: Sequence[str]) -> bool:
        """Whether a document changed in a commit that the one which last changed the evidence does not contain."""
        if evidence not in self._made:
            self._made[evidence] = self._history.last_change(evidence)
        made = self._made[evidence]
        key = (made or "", tuple(documents))
        if key not in self._answers:
            self._answers[key] = made is not None and self._history.changed_after(made, documents)
        return self._answers[key]


def judge(context: CheckContext, history: History | None, replaced: History | None = None) -> Iterator[Finding]:
    """The findings of a history whose last step is the snapshot, and of a step that replaces what a remote has."""
    gone: set[str] = set()
    if history is not None and history.steps:  # a push may take back commits and bring none
        report = _report(context, history)
        if report is None:
            message = "the tracker cannot be read, so what changed in it is not known"
            path = context.settings.layout.tracker
            yield UNREADABLE_TRACKER.at(path, message, hint="save it as UTF-8 text in the repository")
            return
        yield from report.findings()
        gone = report.gone
    other = _report(context, replaced) if replaced is not None else None
    if other is not None and context.snapshot.base is not None:
        yield from other.removed(f"by replacing {context.snapshot.base.describe()}", gone)


def _report(context: CheckContext, history: History) -> _Report | None:
    """What a history did; None when its last tracker cannot be read."""
    known = {**history.before, **{step.id: step.blob for step in history.steps}}
    album = _Album(history, context.settings.tracker, (blob for blob in known.values() if blob is not None))
    tip = history.steps[-1].blob
    if tip is not None and album.picture(tip) is None:
        return None
    return _Report(context, history, walk(history, album.picture))


class _Album:
    """The picture of each content, made once."""

    def __init__(self, history: History, settings: TrackerSettings, blobs: Iterable[str]) -> None:
        self._history, self._settings = history, settings
        self._pictures: dict[str, TrackerState | None] = {}
        self._load(dict.fromkeys(blobs))

    def _load(self, blobs: Iterable[str]) -> None:
        for blob, data in self._history.texts(blobs):
            self._pictures[blob] = tracker_state(data, self._settings)

    def picture(self, blob: str | None) -> TrackerState | None:
        """The picture of a content; None when there is none, or it cannot be read."""
        if blob is None:
            return None
        if blob not in self._pictures:
            self._load([blob])
        return self._pictures[blob]


class _Report:
    """What happened, as findings at the place where the tip has the row."""

    def __init__(self, context: CheckContext, history: History, told: TransitionHistory) -> None:
        self._context, self._history, self._told = context, history, told
        self._path = context.settings.layout.tracker
        self._edges: Edges = edges(context.settings.tracker)

    @cached_property
    def _found(self) -> Survey:
        return survey(self._context.snapshot, self._context.settings)

    @cached_property
    def _items(self) -> dict[str, StatusRow]:
        """The rows of the tip by id, the first where there are several."""
        items = [item for table in self._found.tables if table.columns.lists_tasks for item in table.items]
        return {visible_form(item.task): item for item in reversed(items)}

    def findings(self) -> Iterator[Finding]:
        for change in self._told.changes:
            if change.before and not any(self._edges.allow(older, change.after) for older in change.before):
                yield self._forbidden(change)
        yield from self._done()
        yield from self.removed()
        for crowding in self._told.crowdings:
            message = f"{crowding.step.name} leaves {_listed(crowding.crowd.tasks)} In Progress {crowding.crowd.words}"
            hint = "change that commit, so that one is set back before the next begins"
            yield CROWDED.at(self._path, message, hint=hint)

    def _forbidden(self, change: StatusChange) -> Finding:
        before = change.before[0]
        message = f"{change.after.name} went from {before.status} to {change.after.status} in {change.step.name}"
        hint = f"see tracker.transitions: which status may follow {before.status}"
        item = self._items.get(change.key)
        if item is None:
            return FORBIDDEN.at(self._path, message, hint=hint)
        return FORBIDDEN.at(self._path, message, line=item.row.line, column=item.place(item.columns.status), hint=hint)

    def _done(self) -> Iterator[Finding]:
        """Each row that became Done and is at the tip, judged once, by the step that made it so last."""
        finished = {change.key: change.step for change in self._told.changes if change.after.role == DONE}
        if not finished:
            return
        judge_ = Judge(self._context, self._history, self._found)
        for key, step in finished.items():
            item = self._items.get(key)
            if item is not None and item.whole and item.role == DONE:
                yield from judge_.judge(item, step)

    @property
    def gone(self) -> set[str]:
        """The rows that are not in the tip any more."""
        return {key for key, known in self._told.tip.items() if known.gone}

    def removed(self, how: str | None = None, told: Collection[str] = ()) -> Iterator[Finding]:
        """The rows that are gone, without those that were `told` before; `how`, or in which step."""
        gone = {key: known for key, known in self._told.tip.items() if known.gone and key not in told}
        if gone:
            for key in _elsewhere(self._context, set(gone)):
                del gone[key]
        hint = "put it back, or move it to a table with its id in another Markdown file"
        listed, more = at_most(gone.values(), REMOVED_ROWS)
        for known in listed:
            assert known.gone is not None
            message = f"{known.row.name}, {known.row.status}, was removed {how or f'in {known.gone.name}'}"
            yield ROW_REMOVED.at(self._path, message, hint=hint)
        if more:
            yield ROW_REMOVED.at(self._path, f"{len(gone)} rows were removed in all", hint=hint)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _elsewhere(context: CheckContext, ids: set[str]) -> set[str]:
    """The ids that stand in the first column that names a task, in a table of any other Markdown file of the tip."""
    found: set[str] = set()
    tracker = context.settings.layout.tracker
    files = [
        entry
        for entry in context.snapshot.entries()
        if entry.kind == "file" and entry.path.casefold().endswith((".md", ".markdown")) and entry.path != tracker
    ]
    for blob in context.snapshot.read_many(files):
        text = decode(blob.data) if blob.data is not None else None
        if isinstance(text, str) and "|" in text:
            found |= ids & _named_in_tables(text)
        if found == ids:
            break
    return found


def _named_in_tables(text: str) -> set[str]:
    columns = [(table, columns_of(table.header.cells).task) for table in parse_markdown(text).tables]
    return {
        visible_form(plain(row.cells[column].text))
        for table, column in columns
        if column is not None
        for row in table.rows
        if column < len(row.cells)
    }
