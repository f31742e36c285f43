"""The documents of a SPEC that a stage begins from."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from guardrails.errors import GuardrailError
from guardrails.pipeline.examined import Examined
from guardrails.pipeline.stages import StageRules
from guardrails.pipeline.world import World
from guardrails.snapshot import Snapshot
from guardrails.snapshot.worktree import Worktree


class Document(NamedTuple):
    """One document. `sha256` is None when it cannot be read, and `problem` says why."""

    path: str
    sha256: str | None
    problem: str | None = None


def folder_of(world: World, tree: Snapshot) -> str | None:
    """The one directory of the SPEC, by its exact id; None when there is none, or more than one."""
    layout = world.settings.layout
    named = [name for name in tree.folders(layout.docs) if layout.id_of(name) == world.spec]
    return f"{layout.docs}/{named[0]}" if len(named) == 1 else None


def require_spec(world: World) -> None:
    """Raises GuardrailError for a SPEC that has no directory here: it would only leave evidence of a mistyped id."""
    if folder_of(world, Worktree(world.repo)) is None:
        docs = world.settings.layout.docs
        raise GuardrailError(
            f"{world.spec} has no directory of its own in {docs}", f"write {docs}/{world.spec}/spec.md"
        )


def documents_of(world: World, tree: Snapshot, rules: StageRules) -> tuple[Document, ...]:
    """The documents the stage begins from, as they are; none when the SPEC has no directory of its own."""
    folder = folder_of(world, tree)
    if folder is None:
        return ()
    return tuple(_document(tree, f"{folder}/{name}") for name in rules.documents)


def _document(tree: Snapshot, path: str) -> Document:
    entry = tree.entry(path)
    if entry is None:
        return Document(path, None, "is not there")
    if entry.kind != "file":
        return Document(path, None, f"is a {entry.kind}, not a regular file")
    data = tree.read(path)
    if data is None:
        return Document(path, None, "cannot be read")
    return Document(path, sha256(data).hexdigest(), None if data.strip() else "is empty")


def prerequisites(world: World, rules: StageRules, found: tuple[Document, ...]) -> Examined:
    """Whether the documents are there."""
    if not found:
        docs = world.settings.layout.docs
        message = f"{world.spec} has no directory of its own in {docs}"
        return Examined("documents", "failed", message, f"write {docs}/{world.spec}/{rules.documents[0]}")
    broken = [document for document in found if document.problem]
    if broken:
        first = broken[0]
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        message = f"{rules.name} begins from {first.path}, which {first.problem}{more}"
        return Examined("documents", "failed", message, f"write {first.path} and commit it")
    return Examined("documents", "passed", f"{', '.join(rules.documents)}")
