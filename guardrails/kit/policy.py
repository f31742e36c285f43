"""What the repository's own configuration says of degraded runs and of the documents that every SPEC rests on.

Read from the snapshot itself: a kit is about the repository, whatever configuration a command was given besides.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, NamedTuple

from guardrails.errors import GuardrailError
from guardrails.run_settings import Prompts, Recovery
from guardrails.settings import CONFIG_FILE, Consensus
from guardrails.snapshot import Snapshot


class Policy(NamedTuple):
    """`backoff` is as the configuration writes it: a number and a unit."""

    min_agreement: float = Consensus().min_agreement
    degraded_below: float = Consensus().degraded_below
    retries: int = Recovery().retries
    backoff: str = f"{Recovery().backoff:g}s"
    fallback: str | None = None
    arbiter: str | None = None
    foundation: tuple[str, ...] = Prompts().foundation

    @property
    def sha256(self) -> str:
        """Digest of the values themselves: other lines of the file may change without it."""
        return sha256(json.dumps(self._asdict(), sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def policy_of(snapshot: Snapshot) -> Policy:
    """The policy in force. Raises GuardrailError for a configuration that is none."""
    data = snapshot.read(CONFIG_FILE)
    if data is None:
        return Policy()
    from guardrails.schema import is_valid
    from guardrails.yamlfile import parse

    tree = parse(data, CONFIG_FILE).value
    if not is_valid("config", tree):
        raise GuardrailError(f"{CONFIG_FILE} is not a valid configuration", "run 'speckit config' to see why")
    return _policy(tree)


def _policy(tree: dict[str, Any]) -> Policy:
    said = tree.get("consensus", {})
    given = {name: said[name] for name in Policy._fields if name in said and name != "foundation"}
    foundation = tree.get("prompts", {}).get("foundation", Policy().foundation)
    made = Policy(**given, foundation=tuple(foundation))
    # 1 and 1.0 are one value, and would be two digests.
    return made._replace(min_agreement=float(made.min_agreement), degraded_below=float(made.degraded_below))
