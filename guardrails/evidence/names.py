"""Names of evidence files: unique, sortable, and legal on every file system."""

import re
import secrets
from datetime import datetime
from typing import NamedTuple

from guardrails.config.layout import STAGES, Layout
from guardrails.core.timestamps import compact

_SESSION = r"[0-9a-z]{4,32}"


class StageSession(NamedTuple):
    """One run of one stage. Its `name` begins every file it writes, so two in the same second do not collide."""

    spec: str
    stage: str
    started: datetime
    """with a time zone"""
    nonce: str

    @property
    def stamp(self) -> str:
        """`YYYYMMDDTHHMMSSZ-<nonce>`: the form all writers use; readers know four older ones."""
        return f"{compact(self.started)}-{self.nonce}"

    @property
    def name(self) -> str:
        return f"spec-{self.stage}_{self.stamp}"


def new_session(layout: Layout, spec: str, stage: str, now: datetime) -> StageSession:
    """A session that no other process has. Raises GuardrailError for what is not a SPEC id."""
    if stage not in STAGES:
        raise ValueError(stage)
    return StageSession(layout.require_id(spec), stage, now, secrets.token_hex(4))


def telemetry_path(layout: Layout, session: StageSession) -> str:
    """Where the stage telemetry of a session lies."""
    return f"{layout.evidence}/commands/{session.spec}/{session.name}.json"


def command_path(layout: Layout, session: StageSession, tail: str) -> str:
    """Where a log or response of a session lies. `tail` ends the name, extension included."""
    return f"{layout.evidence}/commands/{session.spec}/{session.name}_{_tail(tail)}"


def consensus_path(layout: Layout, session: StageSession, tail: str) -> str:
    """Where an agent output, synthesis, verdict or metrics file of a session lies."""
    return f"{layout.evidence}/consensus/{session.spec}/{session.name}_{_tail(tail)}"


def cost_path(layout: Layout, spec: str) -> str:
    """Where the cost summary of a SPEC lies."""
    return f"{layout.evidence}/costs/{layout.require_id(spec)}_cost_summary.json"


def run_path(layout: Layout, spec: str, run: str, ledger: bool = False) -> str:
    """Where the summary or the ledger of a run lies."""
    if not re.fullmatch(r"\d{8}T\d{6}Z-" + _SESSION, run):
        raise ValueError(run)
    return f"{layout.evidence}/runs/{layout.require_id(spec)}/{run}{'.ledger.jsonl' if ledger else '.json'}"


def _tail(tail: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*\.(json|jsonl|log|md|txt)", tail):
        raise ValueError(tail)
    return tail
