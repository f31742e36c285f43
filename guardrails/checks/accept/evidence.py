"""Whether records hold what a criterion asks of them: evidence files, telemetry, costs, verdicts, memories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guardrails.checks.accept.declared import Criterion
from guardrails.checks.accept.sessions import Latest
from guardrails.checks.accept.texts import AT_LEAST_ONE, Flaw
from guardrails.config.layout import stage_of
from guardrails.consensus.model import agent_of
from guardrails.core.schema import is_valid
from guardrails.core.strict_json import JsonFlaw, parse
from guardrails.errors import Undecidable
from guardrails.layouts.evidence_names import evidence_name
from guardrails.snapshot.context import Subject

RECORDS = frozenset(("evidence", "telemetry", "cost", "verdict", "memory"))
"""The kinds that are judged here."""
MOST_FILES = 2000
"""Files of one criterion that are read for a tag."""


class Records:
    """The records of one SPEC, each kind read when a criterion asks for it."""

    def __init__(self, subject: Subject, spec: str, latest: dict[str, Latest]) -> None:
        self._subject, self._spec, self._latest = subject, spec, latest
        self._layout = subject.settings.layout

    def judge(self, criterion: Criterion) -> Iterator[Flaw]:
        """The flaws of one criterion, for each stage it is about."""
        for stage in criterion.stages:
            flaws = {
                "evidence": self._evidence,
                "telemetry": self._telemetry,
                "cost": self._cost,
                "verdict": self._verdict,
                "memory": self._memory,
            }[criterion.kind](criterion, stage)
            yield from flaws
            if criterion.kind in ("evidence", "memory") and "{stage}" not in (criterion.evidence or ""):
                return  # it says itself which stage it is about

    def _evidence(self, criterion: Criterion, stage: str) -> Iterator[Flaw]:
        below = (criterion.evidence or "").replace("{spec}", self._spec).replace("{stage}", stage).rstrip("/")
        path = f"{self._layout.evidence}/{below}"
        entries = [entry for entry in self._subject.snapshot.entries(path) if entry.kind == "file"]
        if not entries:
            yield Flaw(f"there is nothing at {path}")
            return
        if criterion.tag is not None:
            entries = [entry for entry in entries[:MOST_FILES] if self._carries(entry.path, criterion.tag)]
        bounds = criterion.times or AT_LEAST_ONE
        if not bounds.hold(len(entries)):
            tagged = f" with the tag {criterion.tag}" if criterion.tag else ""
            yield Flaw(f"{_files(len(entries))} at {path}{tagged}, not {bounds}")

    def _carries(self, path: str, tag: str) -> bool:
        """Whether a file has a tag: among its `tags`, or by what its name says of its SPEC and stage."""
        key, _, value = tag.partition(":")
        name = evidence_name(self._layout, path)
        if name and (key, value) in (("stage", name.stage), ("spec", name.spec), ("agent", name.agent)):
            return True
        record = self._record(path) if path.endswith(".json") else None
        tags = record.get("tags") if isinstance(record, dict) else None
        return isinstance(tags, list) and tag in tags

    def _record(self, path: str) -> Any:
        data = self._subject.snapshot.read(path)
        try:
            return parse(data) if data is not None else None
        except JsonFlaw:
            return None

    def _telemetry(self, criterion: Criterion, stage: str) -> Iterator[Flaw]:
        found = [
            entry.path
            for entry in self._subject.snapshot.entries(f"{self._layout.evidence}/commands/{self._spec}")
            if (name := evidence_name(self._layout, entry.path)) and name.kind == "telemetry" and name.stage == stage
        ]
        valid = [path for path in found if is_valid("telemetry.v1", self._record(path))]
        bounds = criterion.times or AT_LEAST_ONE
        if not bounds.hold(len(valid)):
            rest = f" ({_files(len(found) - len(valid))} not valid)" if len(found) > len(valid) else ""
            folder = f"{self._layout.evidence}/commands/{self._spec}"
            yield Flaw(f"{len(valid)} valid telemetry records of {stage} in {folder}, not {bounds}{rest}")

    def _cost(self, criterion: Criterion, stage: str) -> Iterator[Flaw]:
        path = f"{self._layout.evidence}/costs/{self._spec}_cost_summary.json"
        record = self._record(path)
        if not isinstance(record, dict):
            yield Flaw(f"there is no readable {path}", judged=False)
            return
        stages = record.get("per_stage", record.get("perStage"))
        entries = [each for key, each in stages.items() if stage_of(key) == stage] if isinstance(stages, dict) else []
        if not entries:
            yield Flaw(f"no cost entry of {stage}", path, 1, 1)
            return
        if criterion.max_usd is None:
            return
        usd = _usd(entries[0])
        if usd is None:
            yield Flaw(f"the cost of {stage} is unknown", path, 1, 1, judged=False)
        elif usd > criterion.max_usd:
            yield Flaw(f"{stage} cost ${usd:g}, more than ${criterion.max_usd:g}", path, 1, 1)

    def _verdict(self, criterion: Criterion, stage: str) -> Iterator[Flaw]:
        latest = self._latest.get(stage)
        if latest is None:
            yield Flaw(f"there is no consensus evidence of {stage}", judged=False)
            return
        for verdict in latest.verdicts:
            if verdict.kind != "ok":
                reason = f": {verdict.reasons[0]}" if verdict.reasons else ""
                yield Flaw(f"the verdict of {stage} is {verdict.kind}{reason}")
            elif criterion.min_agreement is not None:
                agreement = verdict.agreement
                if agreement is None or agreement < criterion.min_agreement:
                    yield Flaw(f"the agreement of {stage} is {agreement}, less than {criterion.min_agreement:g}")

    def _memory(self, criterion: Criterion, stage: str) -> Iterator[Flaw]:
        recall = self._subject.recall
        tag = criterion.tag or f"stage:{stage}"
        if recall is None:
            yield Flaw("memories are not part of what is judged; 'speckit accept' asks them", judged=False)
            return
        key, _, value = tag.partition(":")
        asked = stage_of(value) if key == "stage" else None
        roster = self._subject.settings.roster(asked or stage)
        bounds = criterion.times or AT_LEAST_ONE
        try:
            memories = recall((f"spec:{self._spec}", tag))
        except Undecidable as error:
            yield Flaw(f"the memory cannot be asked: {error.message}", judged=False)
            return
        for agent in roster:
            number = sum(1 for each in memories if agent_of(agent) in each.agents)
            if not bounds.hold(number):
                yield Flaw(f"{number} memories of {agent} with spec:{self._spec} {tag}, not {bounds}")
        if not roster and not bounds.hold(len(memories)):
            yield Flaw(f"{len(memories)} memories with spec:{self._spec} {tag}, not {bounds}")


def _usd(entry: Any) -> float | None:
    if isinstance(entry, dict):
        entry = entry.get("usd", entry.get("cost_usd"))
    return float(entry) if isinstance(entry, (int, float)) and not isinstance(entry, bool) else None


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"
