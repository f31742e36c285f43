"""This project's own layout: the tracker and the SPEC directories, and which rows speak of which directory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from guardrails.config.layout import Layout
from guardrails.config.settings import Settings
from guardrails.core.markdown import MarkdownDocument, decode, parse_markdown
from guardrails.core.paths import within
from guardrails.layouts.tracker import StatusRow, StatusTable, status_tables
from guardrails.snapshot.base import Entry, Snapshot

EVIDENCE_FOLDER = "evidence"
MAX_ID = 200
"""Characters of a word that may hold a SPEC id."""
_WORD = re.compile(r"[\w-]+")


class Text(NamedTuple):
    """A Markdown file: parsed, or a `problem` (and the line of it, where there is one)."""

    path: str
    document: MarkdownDocument | None
    blank: bool = False
    problem: str | None = None
    line: int | None = None


class Directory(NamedTuple):
    """A SPEC's directory. `files` are those outside its `evidence` folder."""

    spec: str
    path: str
    files: tuple[Entry, ...]


class Linked(NamedTuple):
    """Something named like a SPEC's directory whose content belongs to another place."""

    spec: str
    path: str
    kind: Literal["symlink", "submodule"]


class Survey(NamedTuple):
    """`rows` are the tracker rows that speak of each SPEC directory, by its path. `tracker` is None when missing."""

    tracker: Text | None
    tables: tuple[StatusTable, ...]
    directories: tuple[Directory, ...]
    rows: dict[str, tuple[StatusRow, ...]]
    linked: tuple[Linked, ...]

    @property
    def items(self) -> list[StatusRow]:
        return [item for table in self.tables for item in table.items]


def survey(snapshot: Snapshot, settings: Settings) -> Survey:
    """Read the tracker and find the SPEC directories. Only names are looked at below these."""
    layout = settings.layout
    entry = snapshot.entry(layout.tracker)
    tracker = next(read_document(snapshot, [entry])) if entry else None
    if entry is None and snapshot.exists(layout.tracker):
        tracker = Text(layout.tracker, None, problem="a directory, not a file")
    tables = tables_of(tracker, settings)
    places = tuple(_directories(snapshot, settings))
    directories = tuple(place for place in places if isinstance(place, Directory))
    linked = tuple(place for place in places if isinstance(place, Linked))
    items = [item for table in tables for item in table.items]
    return Survey(tracker, tables, directories, _rows(layout, directories, items), linked)


def tables_of(tracker: Text | None, settings: Settings) -> tuple[StatusTable, ...]:
    """The status tables of a tracker, none when it could not be read."""
    return status_tables(tracker.document, settings.tracker.statuses) if tracker and tracker.document else ()


def read_document(snapshot: Snapshot, entries: Sequence[Entry]) -> Iterator[Text]:
    """Markdown files, in one batch and in order."""
    files = iter(snapshot.read_many([entry for entry in entries if entry.kind == "file"]))
    for entry in entries:
        if entry.kind != "file":
            yield Text(entry.path, None, problem=f"a {entry.kind}, not a regular file")
            continue
        blob = next(files)
        text = decode(blob.data) if blob.data is not None else None
        if text is None:
            yield Text(entry.path, None, problem=blob.problem or "cannot be read")
        elif isinstance(text, int):
            yield Text(entry.path, None, problem="not UTF-8 text", line=text)
        else:
            document = parse_markdown(text)
            if document.too_large:
                yield Text(entry.path, None, problem=document.too_large)
            else:
                yield Text(entry.path, document, not text.strip("\ufeff \t\r\n"))


def directories_of(snapshot: Snapshot, settings: Settings) -> tuple[Directory, ...]:
    """The SPEC directories alone, the tracker unread."""
    return tuple(place for place in _directories(snapshot, settings) if isinstance(place, Directory))


def _directories(snapshot: Snapshot, settings: Settings) -> Iterator[Directory | Linked]:
    layout = settings.layout
    inside: dict[str, list[Entry]] = {}
    for entry in snapshot.entries(layout.docs):
        inside.setdefault(entry.path[len(layout.docs) + 1 :].partition("/")[0], []).append(entry)
    for name in sorted(inside):
        path, spec, entries = f"{layout.docs}/{name}", layout.id_of(name), inside[name]
        if spec is None:
            continue
        if kind := _linked(snapshot, path, entries[0]):
            yield Linked(spec, path, kind)
        elif files := _documents(path, entries, settings):
            yield Directory(spec, path, files)


def _linked(snapshot: Snapshot, path: str, entry: Entry) -> Literal["symlink", "submodule"] | None:
    if entry.path == path:
        return entry.kind if entry.kind in ("symlink", "submodule") else None
    # In the working tree a submodule is a directory with a .git of its own.
    return "submodule" if snapshot.exists(f"{path}/.git") else None


def _documents(path: str, entries: Sequence[Entry], settings: Settings) -> tuple[Entry, ...]:
    """What makes a directory a SPEC's: any file outside its evidence."""
    if within(settings.layout.evidence, path):
        # This one holds the evidence of all SPECs. It is a SPEC too where it has a document of its own.
        names = {f"{path}/{name}" for name in ("PRD.md", *(document.name for document in settings.documents))}
        return tuple(entry for entry in entries if entry.path in names)
    own = f"{path}/{EVIDENCE_FOLDER}"
    return tuple(entry for entry in entries if entry.path != path and not within(entry.path, own))


def _rows(
    layout: Layout, directories: Sequence[Directory], items: Sequence[StatusRow]
) -> dict[str, tuple[StatusRow, ...]]:
    by_spec: dict[str, list[str]] = {}
    for directory in directories:
        by_spec.setdefault(directory.spec, []).append(directory.path)
    found: dict[str, list[StatusRow]] = {directory.path: [] for directory in directories}
    if not found:
        return {}
    below = re.compile(rf"(?<![\w./-]){re.escape(layout.docs)}/([^/\s`<>()\[\],;|]+)")
    for item in items:
        specs = set(mentioned(layout, item, by_spec))
        paths = {path for spec in specs for path in by_spec[spec]}
        prd = item.cell(item.columns.prd)
        if prd and layout.docs in prd.text:
            paths.update(f"{layout.docs}/{name}" for name in below.findall(prd.text))
        for path in paths & found.keys():
            found[path].append(item)
    return {path: tuple(rows) for path, rows in found.items()}


def spec_in(layout: Layout, word: str) -> str | None:
    """The SPEC id in a word, a slug dropped."""
    return layout.id_of(word) if len(word) <= MAX_ID else None


def mentioned(layout: Layout, item: StatusRow, specs: dict[str, list[str]]) -> Iterator[str]:
    """The SPEC ids that a row's id or title names, whole: `SPEC-102R` does not name SPEC-102."""
    for cell in (item.cell(item.columns.task), item.cell(item.columns.title)):
        for word in _WORD.findall(cell.text) if cell else ():
            name = word.strip("_")  # emphasis
            spec = name if name in specs else spec_in(layout, name)
            if spec in specs:
                yield spec
