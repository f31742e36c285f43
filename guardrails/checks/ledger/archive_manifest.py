"""The manifest of a SPEC's archives as values. Pure; written by the archive, read by everybody."""

from __future__ import annotations

from typing import Any, NamedTuple

from guardrails.core.paths import is_plain
from guardrails.core.schema import faults
from guardrails.core.strict_json import JsonFlaw, parse_json

MANIFEST = "manifest.json"
FOLDER = "archive"
ENDING = ".tar.gz"


class Member(NamedTuple):
    """One packed file: where it lay, and what it hashes to."""

    path: str
    sha256: str
    size: int


class Archive(NamedTuple):
    """One archive: what was packed, by whom, when, and how many bytes the SPEC's evidence had before and after."""

    run: str
    path: str
    sha256: str
    size: int
    created_at: str
    created_by: str
    bytes_before: int
    bytes_after: int
    members: tuple[Member, ...]
    reason: str | None = None
    ledger_head: str | None = None
    removed_at: str | None = None
    """when the originals were gone; None while they may lie beside the archive"""


class Manifest(NamedTuple):
    spec: str
    archives: tuple[Archive, ...]
    updated_at: str | None = None

    def named(self, run: str) -> Archive | None:
        """The archive of a run."""
        return next((row for row in self.archives if row.run == run), None)

    def with_(self, row: Archive) -> Manifest:
        """This, with `row` in the place of its run's, or at the end."""
        if self.named(row.run) is None:
            return self._replace(archives=(*self.archives, row))
        return self._replace(archives=tuple(row if each.run == row.run else each for each in self.archives))


def read_manifest(data: bytes) -> Manifest | str:
    """The manifest, or why it is none."""
    try:
        value = parse_json(data)
    except JsonFlaw as flaw:
        return flaw.message
    for fault in faults("archive_manifest", value):
        return f"{fault.pointer or '/'}: {fault.message}"
    archives = tuple(_archive(item) for item in value["archives"])
    paths = [row.path for row in archives] + [member.path for row in archives for member in row.members]
    odd = next((path for path in paths if not is_plain(path)), None)
    if odd is not None:
        return f"{odd!r} is not a path inside the repository"
    return Manifest(value["specId"], archives, value.get("updated_at"))


def _archive(item: dict[str, Any]) -> Archive:
    members = tuple(Member(each["path"], each["sha256"], each["size"]) for each in item["members"])
    plain: dict[str, Any] = {name: item.get(name) for name in Archive._fields if name != "members"}
    return Archive(**plain, members=members)


def document(manifest: Manifest) -> dict[str, Any]:
    """The manifest in the form of its schema."""
    return {
        "schemaVersion": 1,
        "specId": manifest.spec,
        "updated_at": manifest.updated_at,
        "archives": [
            {**row._asdict(), "members": [member._asdict() for member in row.members]} for row in manifest.archives
        ],
    }
