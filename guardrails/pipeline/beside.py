"""What other runs have left in the working tree, or are writing there now: it is evidence of theirs, and no dirt.

A run vouches for a file by an entry of its ledger, and only for evidence of its own SPEC: a ledger that names anything
else changes nothing. The digest must be that of the entry, so a file that was edited since is dirt. While another SPEC
is being run, what lies there of it may be ahead of its ledger; its own run will judge it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

from guardrails.chain import SUMMARY, Chain, digest, read, unsealed
from guardrails.evidence.ledger import signature_path
from guardrails.evidence.lock import holder
from guardrails.evidence_names import evidence_name
from guardrails.jsontext import JsonFlaw, parse
from guardrails.layout import Layout
from guardrails.pipeline.world import World
from guardrails.snapshot import Snapshot
from guardrails.snapshot.worktree import Worktree

_LEDGER = ".ledger.jsonl"


class Beside(NamedTuple):
    """`recorded`: path → digests that some run has on record. `at_work`: SPECs that somebody else is running now."""

    recorded: Mapping[str, frozenset[str]]
    at_work: frozenset[str]
    layout: Layout

    def is_under_way(self, path: str) -> bool:
        """Whether a path is evidence that another run may be writing at this moment."""
        return spec_of(self.layout, path) in self.at_work


def spec_of(layout: Layout, path: str) -> str | None:
    """The SPEC whose evidence a path is, by where a run files it; None for everything else."""
    if not path.startswith(layout.evidence + "/"):
        return None
    kind, _, rest = path.removeprefix(layout.evidence + "/").partition("/")
    folder, _, name = rest.partition("/")
    if kind in ("commands", "consensus", "runs"):
        return folder if name and layout.id_of(folder) == folder else None
    named = evidence_name(layout, path) if kind == "costs" else None
    return named.spec if named is not None else None


def beside(world: World, paths: Iterable[str]) -> Beside:
    """What is known of these paths, which were dirty a moment ago.

    Who is at work is asked before ledgers are read: whoever has ended by then has recorded all that was there.
    """
    layout = world.settings.layout
    specs = {spec for path in paths if (spec := spec_of(layout, path)) is not None}
    at_work = frozenset(spec for spec in specs if spec != world.spec and holder(world.repo, spec) is not None)
    recorded: dict[str, set[str]] = {}
    tree = Worktree(world.repo)
    for spec in sorted(specs):
        for path, sha in _of_spec(tree, layout, spec):
            recorded.setdefault(path, set()).add(sha)
    return Beside({path: frozenset(digests) for path, digests in recorded.items()}, at_work, layout)


def _of_spec(tree: Snapshot, layout: Layout, spec: str) -> Iterator[tuple[str, str]]:
    folder = f"{layout.evidence}/runs/{spec}"
    for entry in tree.entries(folder):
        if entry.kind == "file" and entry.path.endswith(_LEDGER) and entry.path.count("/") == folder.count("/") + 1:
            yield from _of_ledger(tree, layout, spec, entry.path)


def _of_ledger(tree: Snapshot, layout: Layout, spec: str, path: str) -> Iterator[tuple[str, str]]:
    """All that one ledger vouches for. One that does not hold together vouches for nothing."""
    data = tree.read(path) or b""
    chain = read(data)
    if chain.faults or chain.torn or not chain.entries:
        return
    yield path, sha256(data).hexdigest()
    yield from _of_summary(tree, chain, path)
    for entry in chain.latest.values():
        if entry.kind != SUMMARY and spec_of(layout, entry.path) == spec:
            yield entry.path, entry.sha256


def _of_summary(tree: Snapshot, chain: Chain, ledger: str) -> Iterator[tuple[str, str]]:
    """The summary, whose entry is about the bytes it has without its seal; and the signature that the seal names."""
    path = ledger.removesuffix(_LEDGER) + ".json"
    data, entry = tree.read(path), chain.latest.get(path)
    try:
        document = parse(data) if data is not None else None
    except JsonFlaw:
        return
    if entry is None or data is None or not isinstance(document, dict) or digest(unsealed(document)) != entry.sha256:
        return
    yield path, sha256(data).hexdigest()
    seal = document.get("seal")
    signature = seal.get("signature") if isinstance(seal, dict) else None
    signed = tree.read(signature) if signature == signature_path(ledger) else None
    if signed is not None:
        yield signature_path(ledger), sha256(signed).hexdigest()
