"""Where SPECs, documents and evidence lie, and the grammar of SPEC ids.

Ids are checked against the pattern before any path is built from them, and a SPEC is found by its exact
id: `SPEC-102` never finds `SPEC-102R`, nor `SPEC-KIT-900-2`.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from guardrails.errors import GuardrailError

STAGES = ("plan", "tasks", "implement", "validate", "audit", "unlock")
ACCEPTANCE = "acceptance.yaml"
"""In the directory of a SPEC: what its documents and outputs must hold."""
MAX_NAME = 255
"""Characters of a name that may hold a SPEC id: what file systems allow in a name."""

SPEC_ID = "^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$"

# Patterns are text: `re` compiles and keeps the ones that are used, and a hook needs few.
_SLUG = r"(?=.*[a-z])[a-z0-9][a-z0-9._-]*"
_STAGE_KEY = r"(?:spec-ops|spec|guardrail|speckit)[-_.](.+)"


class Layout(NamedTuple):
    """The places of one repository, each relative to its root, no trailing slash."""

    docs: str = "docs"
    tracker: str = "SPEC.md"
    spec_id: str = SPEC_ID
    evidence: str = "docs/SPEC-OPS-004-integrated-coder-hooks/evidence"

    def is_spec_id(self, text: str) -> bool:
        """Whether `text` is a SPEC id by the configured pattern. A newline never is."""
        return _matcher(self.spec_id)(text)

    def id_of(self, name: str) -> str | None:
        """The SPEC id in a directory or record name: the name itself, or the longest id before a lower-case slug."""
        return _id_of(self.spec_id, name)

    def require_id(self, text: str) -> str:
        """`text` as a SPEC id (a slug is allowed and dropped). Raises GuardrailError for anything else."""
        found = self.id_of(text)
        if found is None:
            raise GuardrailError(f"'{text}' is not a SPEC id", f"ids match {self.spec_id}, for example SPEC-KIT-900")
        return found


@lru_cache(maxsize=8)
def _matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text matches. A pattern that a repository brings may be made to take for ever: it is matched
    by an engine whose time is linear."""
    if pattern == SPEC_ID:
        whole = re.compile(pattern.removesuffix("$") + r"\Z").match
        return lambda text: whole(text) is not None
    from jsonschema_rs import RegexOptions, validator_for

    anchored = f"^(?:{pattern})$"
    matches: Callable[[str], bool] = validator_for({"pattern": anchored}, pattern_options=RegexOptions()).is_valid
    return lambda text: "\n" not in text and matches(text)


def is_pattern(text: str) -> bool:
    """Whether `text` can be used as the pattern of SPEC ids."""
    try:
        _matcher(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _id_of(pattern: str, name: str) -> str | None:
    if len(name) > MAX_NAME:
        return None
    matches = _matcher(pattern)
    if matches(name):
        return name
    end = len(name)
    while (end := name.rfind("-", 0, end)) > 0:
        if re.fullmatch(_SLUG, name[end + 1 :]) and matches(name[:end]):
            return name[:end]
    return None


def stage_of(text: object) -> str | None:
    """The stage a record names: `plan`, `spec-plan`, `spec-ops-plan`, `guardrail.plan` and `Plan` are all plan."""
    return _stage_of(text) if isinstance(text, str) else None


@lru_cache(maxsize=256)
def _stage_of(text: str) -> str | None:
    word = text.strip().lower()
    match = re.fullmatch(_STAGE_KEY, word)
    word = match[1] if match else word
    return word if word in STAGES else None
