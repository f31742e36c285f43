"""Judge the tracker (SPEC.md): its status tables, their rows, and whether they agree with the SPEC directories."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.checks import tracker_tables, tracker_threads
from guardrails.checks.tracker_items import BACKLOG, Context, is_in, judge_row
from guardrails.checks.tracker_layout import header_key, role_of
from guardrails.checks.tracker_paths import Places
from guardrails.checks.tracker_rows import Item, StatusTable, status_tables
from guardrails.checks.tracker_survey import Survey, Text, spec_in, survey
from guardrails.finding import Checked, Finding, Observation
from guardrails.markdown import decode, parse
from guardrails.rules.tracker import (
    MISSING_TRACKER,
    NO_SEPARATOR,
    NO_STATUS_TABLE,
    ROW_WITHOUT_SPEC,
    SPEC_WITHOUT_ROW,
    UNREADABLE_TRACKER,
)
from guardrails.subject import Subject


def check(subject: Subject) -> Iterator[Observation]:
    """Everything about the tracker alone; `lint` judges the documents as well."""
    yield from judge(subject, survey(subject.snapshot, subject.settings))


def judge(subject: Subject, found: Survey) -> Iterator[Observation]:
    """Findings about a tracker that was read already. Nothing at all where a repository needs none and has none."""
    tracker = found.tracker
    if tracker is None:
        yield from _missing(subject, found)
    elif tracker.document is None:
        message, hint = f"the tracker cannot be read: {tracker.problem}", "save it as UTF-8 text in the repository"
        yield UNREADABLE_TRACKER.at(tracker.path, message, line=tracker.line, hint=hint)
    else:
        yield Checked(tracker.path)
        yield from _shape(subject, found, tracker)
        yield from _rows(subject, found, tracker.path)
        yield from _directories(subject, found, tracker.path)


def _missing(subject: Subject, found: Survey) -> Iterator[Finding]:
    path, base = subject.settings.layout.tracker, subject.snapshot.base
    if base is not None and base.read(path) is not None:
        reason = f"it is in {base.describe()}"
    elif found.directories:
        reason = f"there are SPEC directories, {found.directories[0].path} for one"
    elif subject.settings.tracker.required:
        reason = f"{subject.settings.config_path} names it"
    else:
        return
    hint = "restore it, or set layout.tracker in .speckit.yaml to where it is"
    yield MISSING_TRACKER.at(path, f"the tracker does not exist, though {reason}", hint=hint)


def _shape(subject: Subject, found: Survey, tracker: Text) -> Iterator[Finding]:
    document, path = tracker.document, tracker.path
    assert document is not None
    if document.too_deep:
        message = "the text from here on is nested too deep to be read"
        yield UNREADABLE_TRACKER.at(path, message, line=document.too_deep, hint="nest lists and quotes less")
    stray = list(tracker_tables.stray(path, document))
    yield from stray
    if not found.tables and not any(finding.rule is NO_SEPARATOR for finding in stray):
        message = "the tracker is empty" if tracker.blank else "no table of the tracker has a Status column"
        yield NO_STATUS_TABLE.at(path, message, line=1, hint="add a table with a Status column")
    yield from tracker_tables.headers(path, document)
    if found.tables:
        yield from tracker_tables.columns(path, found.tables, subject.settings.tracker.columns)
    for table in found.tables:
        yield from _table(path, table)


def _table(path: str, table: StatusTable) -> Iterator[Finding]:
    yield from tracker_tables.empty(path, table.table)
    yield from tracker_tables.cells(path, table.items, len(table.table.header.cells))
    yield from tracker_tables.order(path, table.items)


def _rows(subject: Subject, found: Survey, path: str) -> Iterator[Finding]:
    settings, items = subject.settings.tracker, found.items
    specs = {directory.spec for directory in found.directories}
    wants_evidence = any(role_of(header_key(header)) == "evidence" for header in settings.columns)
    context = Context(path, settings.statuses, Places(subject.snapshot, path), subject.now, wants_evidence)
    for item in items:
        if item.whole:
            spec = item.task if item.task in specs else None
            yield from (finding._replace(spec=spec) for finding in judge_row(context, item))
    yield from tracker_threads.duplicates(path, items)
    if settings.one_in_progress:
        yield from tracker_threads.in_progress(path, items, settings.thread)
    yield from tracker_threads.silent_changes(path, items, _before(subject, path))


def _before(subject: Subject, path: str) -> list[Item]:
    """The rows of the tracker in the base; none when it had no readable one."""
    base = subject.snapshot.base
    data = base.read(path) if base else None
    text = decode(data) if data else None
    if not isinstance(text, str):
        return []
    tables = status_tables(parse(text), subject.settings.tracker.statuses)
    return [item for table in tables for item in table.items]


def _directories(subject: Subject, found: Survey, path: str) -> Iterator[Finding]:
    for directory in found.directories:
        if not found.rows[directory.path]:
            message = f"{directory.path} has no row in the tracker"
            hint = f"add a row that names {directory.spec}"
            yield SPEC_WITHOUT_ROW.at(path, message, line=1, hint=hint, spec=directory.spec)
    layout = subject.settings.layout
    known = {directory.spec for directory in found.directories} | {linked.spec for linked in found.linked}
    heads = {"SPEC", *(spec.partition("-")[0] for spec in known)}
    placed = {item.row.line for rows in found.rows.values() for item in rows}
    for item in found.items:
        spec = spec_in(layout, item.task)
        if spec is None or spec in known or spec.partition("-")[0] not in heads:
            continue
        if item.row.line not in placed and not is_in(item, BACKLOG):
            place = item.place(item.columns.task)
            message = f"{spec} has a row, but no directory in {layout.docs}"
            hint = f"add {layout.docs}/{spec}, mend the id, or set the row to Backlog"
            yield ROW_WITHOUT_SPEC.at(path, message, line=item.row.line, column=place, hint=hint, spec=spec)
