"""A kit as bytes: README.md and an archive. The same documents make the same bytes, on any machine and day."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple

from guardrails.checks.context_kit.sources import Sources
from guardrails.checks.context_kit.texts import Part, parts
from guardrails.core.text import printable

FORM = "1"
"""Form of a kit. Words that every kit says change only together with it."""
FOLDER = "context"
README = "README.md"
_MARK = ("KIT", "speckit context kit\n")
_HEADER = re.compile(
    r"# Context kit of (?P<spec>\S{1,255})\n\nVersion: (?P<version>[0-9]{1,4}-[0-9a-f]{12})\n"
    r"Digest: sha256:(?P<digest>[0-9a-f]{64})\n"
)


class Kit(NamedTuple):
    """The two files of a kit, and what it calls itself."""

    version: str
    readme: bytes
    archive: bytes
    rows: tuple[tuple[str, str], ...]
    """(path, sha256) of its sources"""


class Stamp(NamedTuple):
    """What the first lines of a README say, and whether the digest is that of what follows."""

    spec: str
    version: str
    whole: bool

    @property
    def form(self) -> str:
        return self.version.partition("-")[0]


def archive_name(spec: str) -> str:
    """The name of the archive beside README.md."""
    return f"{spec}-context.zip"


def build(sources: Sources, spec: str) -> Kit:
    """The kit of a SPEC."""
    made = parts(sources, spec)
    table = _table(sources)
    archive = _zipped((*((part.file, _file(part)) for part in made), ("sources.md", "# Sources\n\n" + table)))
    digest = sha256(archive).hexdigest()
    version = f"{FORM}-{digest[:12]}"
    body = _body(made, table, spec, digest).encode()
    header = f"# Context kit of {spec}\n\nVersion: {version}\nDigest: sha256:{sha256(body).hexdigest()}\n"
    return Kit(version, header.encode() + body, archive, sources.rows)


def stamp_of(readme: bytes) -> Stamp | None:
    """The stamp of a README; None when it is none of a kit."""
    match = _HEADER.match(readme[:1000].decode("utf-8", "replace"))
    if match is None:
        return None
    body = readme[len(match[0].encode()) :]
    return Stamp(match["spec"], match["version"], sha256(body).hexdigest() == match["digest"])


def is_ours(archive: bytes) -> bool:
    """Whether an archive was made here, of whatever documents."""
    return archive.startswith(_zipped(())[: 30 + len("".join(_MARK))])


def _body(made: tuple[Part, ...], table: str, spec: str, digest: str) -> str:
    intro = (
        f"\nWhat agents and people need beside the documents of {spec}. Made by `speckit context {spec}` from the "
        "files below; run it again when one of them changes. Edits are found by `speckit lint`, and lost.\n"
    )
    texts = "".join(f"\n## {part.title}\n\n{part.text}" for part in made)
    archive = f"\n`{archive_name(spec)}` holds the same in parts: sha256 {digest}\n"
    return f"{intro}{texts}\n## Sources\n\n{table}{archive}"


def _table(sources: Sources) -> str:
    cells = ((printable(path).replace("|", "\\|"), digest) for path, digest in sources.rows)
    return "| Path | SHA-256 |\n| --- | --- |\n" + "".join(f"| {path} | {digest} |\n" for path, digest in cells)


def _file(part: Part) -> str:
    return f"# {part.title}\n\n{part.text}"


def _zipped(files: tuple[tuple[str, str], ...]) -> bytes:
    """Stored, not packed: what packing makes depends on the library that is installed."""
    from io import BytesIO
    from zipfile import ZIP_STORED, ZipFile, ZipInfo

    stream = BytesIO()
    with ZipFile(stream, "w", ZIP_STORED) as archive:
        for name, text in (_MARK, *files):
            info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # otherwise it is that of the machine
            info.external_attr = 0o100644 << 16
            archive.writestr(info, text.encode())
    return stream.getvalue()
