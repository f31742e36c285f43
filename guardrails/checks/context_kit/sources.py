"""The documents a kit is made from, each with the digest of its bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from guardrails.config.run_settings import Prompts, RecoverySettings
from guardrails.config.settings import CONFIG_FILE, Consensus
from guardrails.core.markdown import decode, parse_markdown
from guardrails.errors import GuardrailError
from guardrails.snapshot.base import Snapshot

# What the repository's own configuration says of degraded runs and of the documents that every SPEC rests on.
#
# Read from the snapshot itself: a kit is about the repository, whatever configuration a command was given besides.


class KitPolicy(NamedTuple):
    """`backoff` is as the configuration writes it: a number and a unit."""

    min_agreement: float = Consensus().min_agreement
    degraded_below: float = Consensus().degraded_below
    retries: int = RecoverySettings().retries
    backoff: str = f"{RecoverySettings().backoff:g}s"
    fallback: str | None = None
    arbiter: str | None = None
    foundation: tuple[str, ...] = Prompts().foundation

    @property
    def sha256(self) -> str:
        """Digest of the values themselves: other lines of the file may change without it."""
        return sha256(json.dumps(self._asdict(), sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def policy_of(snapshot: Snapshot) -> KitPolicy:
    """The policy in force. Raises GuardrailError for a configuration that is none."""
    data = snapshot.read(CONFIG_FILE)
    if data is None:
        return KitPolicy()
    from guardrails.config.yaml import parse_yaml
    from guardrails.core.schema import is_valid

    tree = parse_yaml(data, CONFIG_FILE).value
    if not is_valid("config", tree):
        raise GuardrailError(f"{CONFIG_FILE} is not a valid configuration", "run 'speckit config' to see why")
    return _policy(tree)


def _policy(tree: dict[str, Any]) -> KitPolicy:
    said = tree.get("consensus", {})
    given = {name: said[name] for name in KitPolicy._fields if name in said and name != "foundation"}
    foundation = tree.get("prompts", {}).get("foundation", KitPolicy().foundation)
    made = KitPolicy(**given, foundation=tuple(foundation))
    # 1 and 1.0 are one value, and would be two digests.
    return made._replace(min_agreement=float(made.min_agreement), degraded_below=float(made.degraded_below))


PRD_NAMES = ("PRD.md", "product-requirements.md")
CONSTITUTION = "constitution.md"
POLICY_ROW = f"{CONFIG_FILE} (consensus, prompts.foundation)"


class KitSource(NamedTuple):
    """One document: where it lies, the digest of its bytes, and what it says."""

    path: str
    sha256: str
    text: str


class Sources(NamedTuple):
    """`plans` is empty while there is none."""

    plans: tuple[KitSource, ...]
    prds: tuple[KitSource, ...]
    constitutions: tuple[KitSource, ...]
    policy: KitPolicy

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


def _read(snapshot: Snapshot, paths: tuple[str, ...] | dict[str, None]) -> Iterator[KitSource]:
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
        if problem := parse_markdown(text).too_large:
            raise GuardrailError(f"{path}: {problem}", "split it")
        yield KitSource(path, sha256(data).hexdigest(), text)
