"""What agents are given to read: the documents of a SPEC and of its repository, within a size, each with its digest.

The most important come first and are cut last. Each stands in a fence that nothing in it can close, under its path and
the digest of all its bytes, cut or not. What a person would not see is escaped: an agent reads what its operator can.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from guardrails.config.layout import Layout
from guardrails.config.run_settings import Prompts
from guardrails.config.settings import Settings
from guardrails.consensus.model import Input
from guardrails.consensus.quoting import beginning, fence_for, fenced, quoted_text
from guardrails.core.text import printable
from guardrails.errors import GuardrailError
from guardrails.snapshot.base import Entry, Snapshot

BINDING = ("spec.md", "PRD.md")
"""An answer that was made from neither is about nothing."""
KIT = "context/README.md"
"""In the directory of a SPEC: what its context kit says to agents."""
_OWN = (*BINDING, "plan.md", "tasks.md", KIT)
_BOM = "\ufeff"
_STAMP = re.compile(r"^[ \t>*_|#-]*(?:[a-z]+ ){0,2}version[ \t*_|]*:[ \t*_`|]*([^\s`*|]{1,100})", re.I | re.M)
_STAMPED_WITHIN = 4096


class Cut(NamedTuple):
    """A document that was not given whole: how many of its bytes were."""

    path: str
    kept: int
    size: int


class GivenKit(NamedTuple):
    """The context kit that was given: its version stamp, and the digest of its README."""

    path: str
    version: str
    sha256: str


class PromptContext(NamedTuple):
    """`text` goes into prompts. `inputs` are all files it was made from, with the digest of all their bytes, and the
    repository's own file of prompts, whose words are around it."""

    text: str
    inputs: tuple[Input, ...]
    cut: tuple[Cut, ...]
    kit: GivenKit | None = None


class _Document(NamedTuple):
    path: str
    data: bytes

    @property
    def sha256(self) -> str:
        return sha256(self.data).hexdigest()


def collect(snapshot: Snapshot, settings: Settings, prompts: Prompts, spec: str) -> PromptContext:
    """The context of a SPEC as the snapshot has it.

    A SPEC with several directories (with and without slug) is given the documents of all of them, as the verdict wants
    it. Raises GuardrailError when there is no spec.md or PRD.md, when a document is a link or cannot be read, and when
    the size leaves no room for what an answer has to be made from.
    """
    folders = folders_of(snapshot, settings.layout, spec)
    paths = [f"{folder}/{name}" for name in _OWN for folder in folders]
    documents = _read(snapshot, (*paths, *prompts.foundation))
    binding = [each.path for each in documents if each.path in paths and each.path.endswith(BINDING)]
    if not binding:
        raise GuardrailError(f"{spec} has no spec.md or PRD.md", f"write {settings.layout.docs}/{spec}/spec.md")
    text, kept = _compose(documents, prompts.context_bytes)
    for document, bytes_kept in zip(documents, kept, strict=True):
        if document.path in binding and document.data and not bytes_kept:
            raise GuardrailError(f"no room for {document.path} in the context", "raise prompts.context_bytes")
    return PromptContext(
        text,
        tuple(Input(each.path, each.sha256) for each in (*documents, *_override(snapshot, prompts, documents))),
        tuple(
            Cut(each.path, size, len(each.data))
            for each, size in zip(documents, kept, strict=True)
            if size < len(each.data)
        ),
        _kit([each for each in documents if each.path in paths and each.path.endswith("/" + KIT)]),
    )


def folders_of(snapshot: Snapshot, layout: Layout, spec: str) -> tuple[str, ...]:
    """The directories of exactly this SPEC, in order of name."""
    return tuple(f"{layout.docs}/{name}" for name in snapshot.folders(layout.docs) if layout.id_of(name) == spec)


def own_prompts(snapshot: Snapshot, prompts: Prompts) -> bytes | None:
    """The bytes of the repository's own file of prompts; None when it has none."""
    return next((each.data for each in _read(snapshot, (prompts.file,))), None)


def _override(snapshot: Snapshot, prompts: Prompts, documents: Sequence[_Document]) -> Iterator[_Document]:
    data = own_prompts(snapshot, prompts)
    if data is not None and all(each.path != prompts.file for each in documents):
        yield _Document(prompts.file, data)


def _read(snapshot: Snapshot, paths: Sequence[str]) -> list[_Document]:
    """Those of the paths that are there, each once."""
    entries = [entry for path in dict.fromkeys(paths) if (entry := snapshot.entry(path))]
    for entry in entries:
        _require_file(entry)
    documents = []
    for blob in snapshot.read_many(entries):
        if blob.data is None:
            raise GuardrailError(f"{blob.entry.path}: cannot be read: {blob.problem}", "agents are given it to read")
        documents.append(_Document(blob.entry.path, blob.data))
    return documents


def _require_file(entry: Entry) -> None:
    if entry.kind != "file":
        raise GuardrailError(
            f"{entry.path}: a {entry.kind}, not a regular file", "agents are given no file but those of the repository"
        )


def _compose(documents: Sequence[_Document], room: int) -> tuple[str, list[int]]:
    """The text, and how many bytes of each document are in it. Room for the headings is taken first, then that for
    the contents, in order. A document whose heading has no room is left out."""
    headed = []
    for document in documents:
        source = document.data.decode("utf-8", "surrogateescape")
        fence = fence_for(source)
        needed = len(_heading(document, len(document.data) - 1).encode()) + 2 * len(fence) + len("\n\n\n\n")
        if needed <= room:
            room -= needed
            headed.append((document, source, fence))
    parts, kept = [], dict.fromkeys((each.path for each in documents), 0)
    for document, source, fence in headed:
        mark = len(_BOM) if source.startswith(_BOM) else 0
        body = beginning(source[mark:], room)
        text = quoted_text(body)
        room -= len(text.encode())
        kept[document.path] = len(source[: mark + len(body)].encode("utf-8", "surrogateescape"))
        parts.append(f"{_heading(document, kept[document.path])}{fenced(text, fence)}")
    return "\n\n".join(parts), list(kept.values())


def _heading(document: _Document, kept: int) -> str:
    size = len(document.data)
    much = f"{size} bytes" if kept >= size else f"the first {kept} of {size} bytes"
    return f"## {printable(document.path)}\n\nsha256 {document.sha256}, {much}\n\n"


def _kit(readmes: Sequence[_Document]) -> GivenKit | None:
    """The kit, where its README says which version it is. A README without a stamp is a document like others."""
    for each in readmes:
        match = _STAMP.search(each.data[:_STAMPED_WITHIN].decode("utf-8", "replace"))
        if match:
            return GivenKit(each.path, printable(match[1]), each.sha256)
    return None
