"""Rules about the rows of the tracker, each on its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple

from guardrails.checks.lint.evidence import EvidenceLookup
from guardrails.checks.lint.paths import NamedPath, PathLookup, named_paths
from guardrails.checks.lint.tracker_rules import (
    BAD_BRANCH,
    BAD_DATE,
    DONE_WITHOUT_DATE,
    DONE_WITHOUT_EVIDENCE,
    DONE_WITHOUT_PRD,
    EMPTY_TASK,
    MISSING_OWNER,
    MISSING_PATH,
    PATH_OUTSIDE,
    UNKNOWN_STATUS,
)
from guardrails.core.finding import Finding, Rule
from guardrails.layouts.tracker import DONE, IN_PROGRESS, IN_REVIEW, QUOTED_PATH, StatusRow, is_empty, quoted

# Validation dates: a calendar day, or an RFC 3339 time stamp.


# https://www.rfc-editor.org/rfc/rfc3339#section-5.6; a leap second is read as the second before it.
_STAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))\Z", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_LOOSE = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})\Z", re.ASCII)
SLACK = timedelta(days=1)
"""How far ahead of now a date may be: somewhere it is tomorrow already."""


def moment(text: str) -> datetime | None:
    """When `text` is (midnight UTC for a day), or None when it is no such moment."""
    if _DAY.match(text):
        day = _day(text)
        return datetime(day.year, day.month, day.day, tzinfo=timezone.utc) if day else None
    match = _STAMP.match(text)
    day = _day(match[1]) if match else None
    if match is None or day is None:
        return None
    try:
        hour, minute, second = int(match[2]), int(match[3]), min(int(match[4]), 59 if match[4] == "60" else 99)
        local = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=timezone.utc)
        offset = timedelta(hours=int(match[6] or 0), minutes=int(match[7] or 0))
        return local + offset if match[5] == "-" else local - offset
    except (ValueError, OverflowError):
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def problem(text: str, now: datetime) -> str | None:
    """What is wrong with a date, None when nothing is."""
    when = moment(text)
    if when is None:
        return "is not a date of the form YYYY-MM-DD" if not _DAY.match(text) else "is not a day of the calendar"
    return "lies in the future" if when > now + SLACK else None


def mended(text: str) -> str | None:
    """A real day written 2025/10/5 or 2025-10-5, as YYYY-MM-DD; None for anything else, a good date too."""
    match = _LOOSE.match(text)
    if match is None or _DAY.match(text):
        return None
    iso = f"{match[1]}-{int(match[3]):02d}-{int(match[4]):02d}"
    return iso if _day(iso) else None


# Whether git accepts a branch name, as `git check-ref-format --branch` decides it.


# https://git-scm.com/docs/git-check-ref-format: control characters, blanks, ~ ^ : ? * [ and backslash, two dots, @{
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")


def is_branch_name(name: str) -> bool:
    """Whether `name` can be a branch. A way to name another one (`@{-1}`) is none."""
    if name in ("", "HEAD") or name[0] in "-/" or name[-1] in "./" or _FORBIDDEN.search(name):
        return False
    return not any(part.startswith(".") or part.endswith(".lock") for part in name.split("/"))


OWNED = (IN_PROGRESS, IN_REVIEW, DONE)
_COLUMN_HINT = "add an Evidence column, or take Evidence out of tracker.columns in .speckit.yaml"
_DATE_HINT = "write the day of the validation, YYYY-MM-DD"


class RowContext(NamedTuple):
    """What the rules of one file need besides the row."""

    path: str
    statuses: tuple[str, ...]
    places: PathLookup
    now: datetime
    proof: EvidenceLookup
    wants_evidence: bool = True
    """whether `tracker.columns` has an Evidence column"""


def is_in(item: StatusRow, *statuses: str) -> bool:
    """Whether a row has one of these statuses, given in lower case."""
    return item.role in statuses


def judge_row(context: RowContext, item: StatusRow) -> Iterator[Finding]:
    """Everything that one whole row can be flagged for."""
    yield from row_status(context.path, context.statuses, item)
    yield from _task(context, item)
    yield from _owner(context, item)
    yield from _paths(context, item, item.columns.prd, DONE_WITHOUT_PRD, "PRD")
    yield from _paths(context, item, item.columns.evidence, DONE_WITHOUT_EVIDENCE, "Evidence")
    yield from _no_evidence_column(context, item)
    yield from _date(context, item)
    yield from _branch(context, item)


def _flag(context: RowContext, rule: Rule, item: StatusRow, column: int | None, message: str, hint: str) -> Finding:
    return rule.at(context.path, message, line=item.row.line, column=item.place(column), hint=hint)


def row_status(path: str, statuses: tuple[str, ...], item: StatusRow) -> Iterator[Finding]:
    """A status that is empty or unknown."""
    if item.status is None:
        written = f"the unknown status '{quoted(item.written)}'" if item.written else "no status"
        hint = f"use one of: {', '.join(statuses)} (tracker.statuses in .speckit.yaml)"
        place = item.place(item.columns.status)
        yield UNKNOWN_STATUS.at(path, f"{item.name} has {written}", line=item.row.line, column=place, hint=hint)


def _task(context: RowContext, item: StatusRow) -> Iterator[Finding]:
    if item.columns.task is not None and is_empty(item.task):
        yield _flag(context, EMPTY_TASK, item, item.columns.task, "the row has no task id", "give it an id")


def _owner(context: RowContext, item: StatusRow) -> Iterator[Finding]:
    column = item.columns.owner
    if column is not None and is_in(item, *OWNED) and is_empty(item.text(column)):
        message = f"{item.name} is {item.status} without an owner"
        yield _flag(context, MISSING_OWNER, item, column, message, "name the owner")


def _paths(context: RowContext, item: StatusRow, column: int | None, rule: Rule, what: str) -> Iterator[Finding]:
    cell = item.cell(column)
    if cell is None:
        return
    found = [] if is_empty(cell.text.strip("*_`~ ")) else named_paths(cell.text, context.places)
    flawed = False
    for name in found:
        if name.state in ("outside", "missing"):
            flawed = True
            yield _bad_path(context, item, column, name, what)
    if is_in(item, DONE) and not flawed and not _proven(context, rule, item, found, cell.text):
        lacking = "evidence" if rule is DONE_WITHOUT_EVIDENCE else "a PRD"
        reasons = (why for name in found if (why := _why_not(context, name, lacking)))
        reason = next(reasons, f"its {what} cell names no path")
        spec = context.proof.spec_of(item.task) if rule is DONE_WITHOUT_EVIDENCE else None
        advice = "name a file or directory of this repository, from its root, a remark in parentheses after it"
        if spec:
            advice = f"name evidence of {spec} in {context.proof.where}, an artifact that it records, or a commit"
        yield _flag(
            context, rule, item, column, f"{item.name} is {item.status} without {lacking}", f"{reason}: {advice}"
        )


def _proven(context: RowContext, rule: Rule, item: StatusRow, found: list[NamedPath], text: str) -> bool:
    """Whether a cell names what is asked for. Evidence is of the SPEC that the row is about, or a commit."""
    present = [name.path for name in found if name.state == "present"]
    if rule is not DONE_WITHOUT_EVIDENCE:
        return bool(present)
    spec = context.proof.spec_of(item.task)
    others = [path for path in present if path != context.path]
    return any(context.proof.proves(path, spec) for path in others) or context.proof.names_commit(text)


def _why_not(context: RowContext, name: NamedPath, lacking: str) -> str | None:
    shown = "the tracker itself" if name.path == context.path else quoted(name.path, QUOTED_PATH)
    reasons = {"url": "a URL", "link": "a symbolic link or submodule", "present": shown}
    reasons["sentence"] = "a path inside a sentence"
    return f"{reasons[name.state]} is not {lacking}" if name.state in reasons else None


def _no_evidence_column(context: RowContext, item: StatusRow) -> Iterator[Finding]:
    """A table without an Evidence column is no way around the evidence."""
    columns = item.columns
    if columns.evidence is None and is_in(item, DONE) and context.wants_evidence and not columns.is_legend:
        message = f"{item.name} is {item.status}, but its table has no Evidence column"
        finding = _flag(context, DONE_WITHOUT_EVIDENCE, item, columns.status, message, _COLUMN_HINT)
        yield finding if columns.lists_tasks else finding._replace(severity="warning")


def _bad_path(context: RowContext, item: StatusRow, column: int | None, name: NamedPath, what: str) -> Finding:
    path = f"{item.name}: {what} path '{quoted(name.path, QUOTED_PATH)}'"
    if name.state == "outside":
        hint = "name a file in this repository from its root, with forward slashes"
        return _flag(context, PATH_OUTSIDE, item, column, f"{path} leads outside the repository", hint)
    if name.other_case:
        message = f"{path} exists only in another case, as '{quoted(name.other_case, QUOTED_PATH)}'"
        return _flag(context, MISSING_PATH, item, column, message, "write it as the file is called")
    hint = "mend the path, or add the file; paths start at the repository root"
    return _flag(context, MISSING_PATH, item, column, f"{path} does not exist", hint)


def _date(context: RowContext, item: StatusRow) -> Iterator[Finding]:
    column = item.columns.validated
    if column is None:
        return
    text = item.text(column)
    if is_empty(text):
        if is_in(item, DONE):
            message = f"{item.name} is {item.status} without a validation date"
            yield _flag(context, DONE_WITHOUT_DATE, item, column, message, _DATE_HINT)
    elif reason := problem(text, context.now):
        message = f"{item.name}: validation date '{quoted(text)}' {reason}"
        yield _flag(context, BAD_DATE, item, column, message, _DATE_HINT)


def _branch(context: RowContext, item: StatusRow) -> Iterator[Finding]:
    text = item.text(item.columns.branch)
    if not is_empty(text) and not is_branch_name(text):
        message = f"{item.name}: git accepts no branch named '{quoted(text)}'"
        yield _flag(context, BAD_BRANCH, item, item.columns.branch, message, "write one branch name as git knows it")
