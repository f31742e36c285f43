"""The documents a kit is made from, each with the digest of its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from guardrails.errors import GuardrailError
from guardrails.kit.policy import Policy, policy_of
from guardrails.markdown import decode
from guardrails.settings import CONFIG_FILE
from guardrails.snapshot import Snapshot

PRD_NAMES = ("PRD.md", "product-requirements.md")
CONSTITUTION = "constitution.md"
POLICY_ROW = f"{CONFIG_FILE} (consensus, prompts.foundation)"


class Source(NamedTuple):
    """One document: where it lies, the digest of its bytes, and what it says."""

    path: str
    sha256: str
    text: str


class Sources(NamedTuple):
    """`plans` is empty while there is none."""

    plans: tuple[Source, ...]
    prds: tuple[Source, ...]
    constitutions: tuple[Source, ...]
    policy: Policy

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """(path, sha256) of everything that the kit depends on."""
        documents = (*self.plans, *self.prds, *self.constitutions)
        return (*((each.path, each.sha256) for each in documents), (POLICY_ROW, self.policy.sha256))


def sources_of(snapshot: Snapshot, directory: str) -> Sources:
    """What a kit of the SPEC in `directory` is made from. Raises GuardrailError for a document that cannot be read."""
    policy = policy_of(snapshot)
    foundation = [path for path in policy.foundation if not path.endswith("/")]
    prds = (f"{directory}/{PRD_NAMES[0]}", *(path for path in foundation if _name(path) in PRD_NAMES))
    constitutions = (path for path in foundation if _name(path) == CONSTITUTION)
    return Sources(
        tuple(_read(snapshot, (f"{directory}/plan.md",))),
        tuple(_read(snapshot, dict.fromkeys(prds))),
        tuple(_read(snapshot, dict.fromkeys(constitutions))),
        policy,
    )


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _read(snapshot: Snapshot, paths: tuple[str, ...] | dict[str, None]) -> Iterator[Source]:
    for path in paths:
        entry = snapshot.entry(path)
        if entry is None:
            continue
        data = snapshot.read(path) if entry.kind == "file" else None
        if data is None:
            raise GuardrailError(
                f"{path}: a {entry.kind} that cannot be read", "make it a regular file of at most 32 MB"
            )
        text = decode(data)
        if isinstance(text, int):
            raise GuardrailError(f"{path}:{text}: not UTF-8 text", "save it as UTF-8")
        yield Source(path, sha256(data).hexdigest(), text)
