"""Valid consensus bundles as files in memory, in the form the product writes, and the means to spoil them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any, NamedTuple

from guardrails.config import ROSTERS, ConsensusMethod, Layout, Settings, StageRoster
from guardrails.consensus import RecordContext, identity, read_output, statements_of
from guardrails.core import Result, is_valid
from guardrails.engine import check_named, runner
from guardrails.layouts import evidence_name
from guardrails.snapshot import CheckContext, MemorySnapshot, Scope, Snapshot
from tests.sandbox import EVIDENCE

Files = dict[str, bytes]
Document = dict[str, Any]

SPEC = "SPEC-KIT-DEMO"
TRIO = ("gemini", "claude", "gpt_pro")
CONFLICT = "storage: SQLite or Postgres by default"
NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
MOMENT = datetime(2026, 1, 31, 9, 30, tzinfo=timezone.utc)
STYLES: tuple[str, ...] = (
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H_%M_%SZ",
    "%Y-%m-%dT%H-%M-%SZ",
    "%Y%m%dT%H%M%SZ",
    "%Y%m%dT%H%M%S",
)
"""The styles in which file names were stamped; contents also hold `%Y-%m-%d %H:%M:%S`."""


class Bundle(NamedTuple):
    """What one run of a stage leaves behind when all goes well. `files` renders it."""

    spec: str = SPEC
    stage: str = "plan"
    roster: Sequence[str] = TRIO
    moment: datetime = MOMENT
    style: str = STYLES[3]
    session: str = "4f2a"
    agreements: Sequence[str] = ("three milestones", "telemetry first")
    proceed: object = True
    """what the decision of every answer says"""
    method: ConsensusMethod = "ballot"
    settled: Sequence[str] = ()
    """conflicts that outputs and synthesis state and a resolution record settles"""
    with_verdict: bool = True
    text: str = "Schema first, then the sync protocol."
    spec_text: str = "# Spec\n\n## Context\n\nA microservice.\n"

    @property
    def stamp(self) -> str:
        return self.moment.strftime(self.style) + (f"-{self.session}" if self.session else "")

    def path(self, tail: str) -> str:
        return f"{EVIDENCE}/consensus/{self.spec}/spec-{self.stage}_{self.stamp}_{tail}.json"

    @property
    def spec_md(self) -> str:
        return f"docs/{self.spec}/spec.md"

    @property
    def files(self) -> Files:
        made = {self.spec_md: self.spec_text.encode(), "PLANNING.md": b"# Planning\n"}
        inputs = [{"path": path, "sha256": digest(data)} for path, data in sorted(made.items())]
        for agent in self.roster:
            made[self.path(agent)] = render(self._output(agent, inputs, made))
        if self.method == "ballot":
            made |= self.ballots(made)
        made[self.path("synthesis")] = render(self._synthesis(made))
        for number, text in enumerate(self.settled):
            made.update(self.resolution(text, number))
        if self.with_verdict:
            made[self.path("verdict")] = render(self._verdict(inputs, made))
        return made

    def resolution(self, conflict_text: str, minute: int = 0, /, **changes: Any) -> Files:
        """A resolution record: later than the session, and named for it."""
        when = self.moment.replace(hour=23, minute=minute)
        name = self._replace(moment=when).path("resolution")
        record = self._head() | {
            "conflict": identity(conflict_text), "text": conflict_text, "because": "one file and no server",
            "by": "maintainer", "timestamp": iso(when), **changes,
        }  # fmt: skip
        return {name: render(record)}

    def ballots(self, made: Mapping[str, bytes], vote: str = "agree") -> Files:
        """A ballot of every agent of the roster on the answers in `made`, as they are."""
        return {self.path(f"{agent}_ballot"): render(self._ballot(agent, made, vote)) for agent in self.roster}

    def _ballot(self, agent: str, made: Mapping[str, bytes], vote: str) -> Document:
        inputs, statements = self._put_to_vote(self.roster, made)
        tokens = ("input_tokens", "output_tokens", "total_tokens", "cost_usd")
        return self._head() | {
            "agent": agent, "model": None, "prompt_version": "20260101-ballot-a",
            "prompt_sha256": digest(b"ballot of " + agent.encode()), "inputs": inputs, "statements": statements,
            "ballot": [{"id": each["id"], "vote": vote, "because": ""} for each in statements],
            "status": "ok", "error": None, "usage": {**dict.fromkeys(tokens), "source": "unknown"}, "latency_ms": 900,
        }  # fmt: skip

    def _put_to_vote(self, agents: Sequence[str], made: Mapping[str, bytes]) -> tuple[list[Document], list[Document]]:
        """The answers of some agents, and what they state, as a record of a ballot holds them."""
        layout, found = Layout(), []
        for agent in agents:
            data, name = made.get(self.path(agent)), evidence_name(layout, self.path(agent))
            if data is not None and name is not None:
                found.append(read_output(self.path(agent), name, data, RecordContext(layout, ()), is_valid))
        statements = [{**each._asdict(), "agents": list(each.agents)} for each in statements_of(found)]
        return [{"path": each.path, "sha256": each.sha256} for each in found], statements

    def _head(self) -> Document:
        head = {"schemaVersion": 1, "specId": self.spec, "stage": self.stage, "timestamp": iso(self.moment)}
        return {**head, "session": self.stamp}

    def _output(self, agent: str, inputs: list[Document], made: Mapping[str, bytes]) -> Document:
        prompt = {"prompt_version": f"20260101-{self.stage}-a", "prompt_sha256": digest(agent.encode())}
        tokens = ("input_tokens", "output_tokens", "total_tokens", "cost_usd")
        before = [each for each in self.roster if self.path(each) in made] if self.method == "chain" else []
        previous, statements = self._put_to_vote(before, made)
        chained = {
            "previous": previous, "ballot": [{"id": each["id"], "vote": "agree", "because": ""} for each in statements]
        }  # fmt: skip
        return self._head() | prompt | (chained if before else {}) | {
            "agent": agent, "model": None, "inputs": inputs, "status": "ok", "error": None, "latency_ms": 28400,
            "usage": {**dict.fromkeys(tokens), "source": "unknown"},
            "consensus": {"agreements": list(self.agreements), "conflicts": list(self.settled)},
            "output": {
                "agent": agent, "decision": {"proceed": self.proceed, "because": "it can be built"},
                "notes": [self.text],
            },
        }  # fmt: skip

    def _synthesis(self, made: Files) -> Document:
        outputs = [{"agent": a, "path": self.path(a), "sha256": digest(made[self.path(a)])} for a in self.roster]
        status = "conflict" if self.settled else "ok"
        return self._head() | {
            "roster": list(self.roster), "outputs": outputs, "agreements": list(self.agreements),
            "conflicts": [{"text": text} for text in self.settled], "status": status, "method": self.method,
        }  # fmt: skip

    def _verdict(self, inputs: list[Document], made: Files) -> Document:
        prompts = [
            {"agent": agent, "version": f"20260101-{self.stage}-a", "sha256": digest(agent.encode())}
            for agent in self.roster
        ]
        synthesis = {"path": self.path("synthesis"), "sha256": digest(made[self.path("synthesis")])}
        return self._head() | {
            "verdict": "conflict" if self.settled else "ok", "severe": False, "participation": 1.0, "agreement": 1.0,
            "roster": list(self.roster), "usable": list(self.roster), "unusable": [],
            "conflicts": [{"id": identity(text), "text": text, "resolved_by": None} for text in self.settled],
            "inputs": inputs, "prompts": prompts, "config_sha256": digest(b""), "synthesis": synthesis,
            "method": self.method,
        }  # fmt: skip


def reseal(bundle: Bundle, files: Mapping[str, bytes]) -> Files:
    """The files with ballots, synthesis and verdict made to fit the outputs as they are now: digests no longer tell."""
    synthesis, verdict = bundle.path("synthesis"), bundle.path("verdict")
    made = dict(files)
    present = [bundle.path(agent) for agent in bundle.roster if bundle.path(agent) in made]
    for ballot in (bundle.path(f"{agent}_ballot") for agent in bundle.roster):
        if _is_object(made.get(ballot)):
            made = put(made, ballot, inputs=[{"path": path, "sha256": digest(made[path])} for path in present])
    if _is_object(made.get(synthesis)):
        outputs = [
            {"agent": agent, "path": bundle.path(agent), "sha256": digest(made[bundle.path(agent)])}
            for agent in bundle.roster
            if bundle.path(agent) in made
        ]
        made = put(made, synthesis, outputs=outputs)
    if _is_object(made.get(verdict)) and synthesis in made:
        made = put(made, verdict, synthesis={"path": synthesis, "sha256": digest(made[synthesis])})
    return made


def _is_object(data: bytes | None) -> bool:
    return data is not None and data.startswith(b"{\n")


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def iso(moment: datetime) -> str:
    return moment.strftime(STYLES[0])


def render(value: object) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"


def edit(files: Mapping[str, bytes], path: str, change: Callable[[Document], None]) -> Files:
    """The files with one of them parsed, changed in place and written again."""
    value = json.loads(files[path])
    change(value)
    return {**files, path: render(value)}


def put(files: Mapping[str, bytes], path: str, **members: Any) -> Files:
    """The files with some members of one of them replaced."""
    return edit(files, path, lambda value: value.update(members))


def without(files: Mapping[str, bytes], *paths: str) -> Files:
    return {path: data for path, data in files.items() if path not in paths}


def settings(roster: Sequence[str] = TRIO, stage: str = "plan", **changes: Any) -> Settings:
    """Settings whose roster for `stage` is `roster`."""
    stages = tuple(StageRoster(row.name, tuple(roster)) if row.name == stage else row for row in ROSTERS)
    return Settings(stages=stages)._replace(**changes)


def judge(
    files: Mapping[str, bytes] | Snapshot,
    using: Settings | None = None,
    scope: Scope | None = None,
    if_any: bool = False,
) -> Result:
    """What `consensus check` makes of the files."""
    snapshot = MemorySnapshot(files) if isinstance(files, Mapping) else files
    subject = CheckContext(snapshot, using or settings(), NOW, scope or Scope())
    return runner.run_checks("consensus check", [check_named("consensus check")], [subject], if_any)


def codes(result: Result, severity: str = "error") -> list[str]:
    return [finding.rule.code for finding in result.findings if finding.severity == severity]


def said(result: Result) -> str:
    return "\n".join(f"{each.path}:{each.line}: {each.rule.code} {each.message}" for each in result.findings)
