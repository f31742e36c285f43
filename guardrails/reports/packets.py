"""SPEC directories and the tracker's rows, as reports show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from guardrails.layout import Layout
from guardrails.reports.contents import text
from guardrails.reports.values import Packet, TrackerRow
from guardrails.settings import Settings
from guardrails.snapshot import Entry, Snapshot

_ALSO = ("PRD.md",)


def packets_of(entries: Iterable[Entry], settings: Settings, only: str | None) -> Mapping[str, tuple[Packet, ...]]:
    """The directories of each SPEC that hold a document of one, with what they hold."""
    layout = settings.layout
    expected = (*(document.name for document in settings.documents), *_ALSO)
    start = len(layout.docs) + 1
    held: dict[str, set[str]] = {}
    for entry in entries:
        if entry.kind != "file" or not entry.path.endswith(".md") or not entry.path.startswith(layout.docs + "/"):
            continue
        folder, _, name = entry.path[start:].partition("/")
        if name and "/" not in name:
            held.setdefault(folder, set()).add(name)
    found: dict[str, tuple[Packet, ...]] = {}
    for folder in sorted(held):
        spec = layout.id_of(folder)
        documents = tuple((name, name in held[folder]) for name in expected)
        if spec and only in (None, spec) and any(there for _, there in documents):
            found[spec] = (*found.get(spec, ()), Packet(f"{layout.docs}/{folder}", documents))
    return found


def folder_of(packets: Mapping[str, tuple[Packet, ...]], layout: Layout, spec: str) -> str:
    """Where a SPEC's own files lie: its directory, the first by name where it has several."""
    known = packets.get(spec, ())
    return known[0].path if known else f"{layout.docs}/{spec}"


def tracker_rows(snapshot: Snapshot, settings: Settings, specs: Iterable[str]) -> Mapping[str, tuple[TrackerRow, ...]]:
    """The rows that name each SPEC, by its exact id. A tracker that cannot be read has none; `lint` says why."""
    from guardrails.checks.tracker_rows import DONE
    from guardrails.checks.tracker_survey import mentioned, read, tables_of

    layout = settings.layout
    entry = snapshot.entry(layout.tracker)
    tables = tables_of(next(read(snapshot, [entry])), settings) if entry else ()
    known: dict[str, list[str]] = {spec: [] for spec in specs}
    found: dict[str, tuple[TrackerRow, ...]] = {}
    for table in tables:
        for item in table.items:
            columns = item.columns
            row = TrackerRow(
                task=text(item.task) or "-",
                title=text(item.text(columns.title)) or "-",
                status=text(item.status or item.written) or "-",
                done=item.role == DONE,
                owners=text(item.text(columns.owner)) or "-",
                branch=text(item.text(columns.branch)) or "-",
                validated=text(item.text(columns.validated)) or "-",
                line=item.row.line,
            )
            for spec in {*mentioned(layout, item, known)} | _of_prd(layout, item.text(columns.prd), known):
                found[spec] = (*found.get(spec, ()), row)
    return found


def _of_prd(layout: Layout, cell: str, known: Mapping[str, object]) -> set[str]:
    """The SPECs whose directories the PRD column points into."""
    parts = (word.partition("/")[0] for word in cell.replace("`", " ").split(layout.docs + "/")[1:])
    return {spec for part in parts if (spec := layout.id_of(part.split()[0] if part.split() else "")) in known and spec}
