"""Whether what became Done rests on evidence that is there, and that is about the documents as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guardrails.checks.tracker_layout import header_key, is_empty, role_of
from guardrails.checks.tracker_paths import Places, named
from guardrails.checks.tracker_rows import Item, quoted
from guardrails.checks.tracker_survey import Directory, Survey
from guardrails.finding import Finding
from guardrails.rules.transitions import STALE_EVIDENCE
from guardrails.steps import History, Step
from guardrails.subject import Subject

_MAKE = "make the evidence again and commit it with or after the documents"


class Documents(NamedTuple):
    """The paths of a task's documents, and the SPEC they are of, where it has a directory."""

    paths: tuple[str, ...]
    spec: str | None


class Judge:
    """What the tip of a change says about evidence; the history answers when it was made."""

    def __init__(self, subject: Subject, history: History, found: Survey) -> None:
        self._subject, self._history, self._found = subject, history, found
        self._path = subject.settings.layout.tracker
        self._places = Places(subject.snapshot, self._path)
        self._wanted = any(role_of(header_key(header)) == "evidence" for header in subject.settings.tracker.columns)
        self._made: dict[str, str | None] = {}
        self._answers: dict[tuple[str, tuple[str, ...]], bool] = {}

    def judge(self, item: Item, step: Step) -> Iterator[Finding]:
        """The findings about one row that `step` made Done."""
        column = item.columns.evidence
        if column is None or not self._wanted:  # lint says what a table without the column means
            return
        documents = self._documents(item)
        evidence = [path for path in self._present(item, column) if path != self._path]
        became = f"{item.name} became {item.status} in {step.name}"
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

    def _present(self, item: Item, column: int | None) -> list[str]:
        """The paths of a cell that exist in the tip."""
        cell = item.cell(column)
        if cell is None or is_empty(cell.text.strip("*_`~ ")):
            return []
        return list(dict.fromkeys(name.path for name in named(cell.text, self._places) if name.state == "present"))

    def _documents(self, item: Item) -> Documents:
        """The documents of every SPEC directory the row speaks of, and the files its PRD cell names."""
        directories = [each for each in self._found.directories if item in self._found.rows[each.path]]
        files = [path for each in directories for path in self._files(each)]
        files += [path for path in self._present(item, item.columns.prd) if self._subject.snapshot.entry(path)]
        spec = directories[0].spec if len(directories) == 1 else None
        names = self._subject.settings.tracker.evidence_after
        return Documents(tuple(sorted(set(files))) if names else (), spec)

    def _files(self, directory: Directory) -> Iterator[str]:
        names = self._subject.settings.tracker.evidence_after
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
