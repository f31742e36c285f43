"""Whether the documents and outputs of each SPEC hold what its `acceptance.yaml` declares for its stages.

A stage is judged when it has evidence, or when it or its SPEC is named; `overall` when every declared stage is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from guardrails.checks.accept.declared import FROM_AGENTS, Criterion, Declared, declared
from guardrails.checks.accept.pages import TextPage, page_of_json, page_of_markdown
from guardrails.checks.accept.rules import NOT_JUDGED, NOT_MET, UNDECLARED
from guardrails.checks.accept.texts import AT_LEAST_ONE, CriterionFlaw, judge_text
from guardrails.config.layout import stage_of
from guardrails.consensus.load import ConsensusFile, candidates, cases, current_inputs
from guardrails.consensus.model import ConsensusVerdict, agent_of
from guardrails.consensus.sessions import ConsensusSession, belongs, group, latest
from guardrails.consensus.verdict import compute_verdict
from guardrails.core.finding import Checked, Finding, Observation, Skipped
from guardrails.core.limits import FLAWS, at_most
from guardrails.core.markdown import decode
from guardrails.core.paths import within
from guardrails.core.schema import is_valid
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.core.text import plural
from guardrails.errors import Undecidable
from guardrails.layouts.evidence_names import evidence_name
from guardrails.layouts.own import directories_of
from guardrails.snapshot.context import CheckContext, Scope

# The latest session of each stage: its verdict, computed anew, and the answers that it counts.


class LatestAnswers(NamedTuple):
    """One stage. `outputs` are the usable answers and `syntheses` the syntheses, as paths in order."""

    verdicts: tuple[ConsensusVerdict, ...]
    outputs: tuple[str, ...]
    syntheses: tuple[str, ...]


def latest_of(context: CheckContext, spec: str) -> dict[str, LatestAnswers]:
    """By stage; a stage without consensus evidence is not in it."""
    found = candidates(context.snapshot, context.settings.layout, Scope(spec=spec))
    filed = cases(
        context.snapshot, context.settings, (each for each in found if isinstance(each, ConsensusFile)), is_valid
    )
    made = {}
    for (_, stage), case in filed.items():
        sessions = latest(group(case.outputs, case.records, case.witnesses, case.ballots))
        outputs = [output for session in sessions for output in session.outputs]
        now = current_inputs(context.snapshot, context.settings.layout, outputs).of(spec)
        verdicts = []
        for session in sessions:
            resolutions = [each for each in case.resolutions if belongs(each, session)]
            question = case.question._replace(stamp=session.stamp)
            settings, ballots = context.settings.consensus, session.ballots
            verdict = compute_verdict(question, session.outputs, ballots, session.records, resolutions, now, settings)
            verdicts.append(verdict)
        usable = sorted({output.path for verdict in verdicts for output in verdict.usable})
        made[stage] = LatestAnswers(tuple(verdicts), tuple(usable), _syntheses(sessions))
    return made


def _syntheses(sessions: list[ConsensusSession]) -> tuple[str, ...]:
    records = [record for session in sessions for record in session.records]
    return tuple(sorted(record.path for record in records if record.role == "synthesis" and not record.problems))


# Criteria about records: evidence files, telemetry, costs, verdicts and memories. texts.py has those about text.


RECORDS = frozenset(("evidence", "telemetry", "cost", "verdict", "memory"))
"""The kinds that are judged here."""
MOST_FILES = 2000
"""Files of one criterion that are read for a tag."""


class SpecRecords:
    """The records of one SPEC, each kind read when a criterion asks for it."""

    def __init__(self, context: CheckContext, spec: str, latest: dict[str, LatestAnswers]) -> None:
        self._context, self._spec, self._latest = context, spec, latest
        self._layout = context.settings.layout

    def judge(self, criterion: Criterion) -> Iterator[CriterionFlaw]:
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

    def _evidence(self, criterion: Criterion, stage: str) -> Iterator[CriterionFlaw]:
        below = (criterion.evidence or "").replace("{spec}", self._spec).replace("{stage}", stage).rstrip("/")
        path = f"{self._layout.evidence}/{below}"
        entries = [entry for entry in self._context.snapshot.entries(path) if entry.kind == "file"]
        if not entries:
            yield CriterionFlaw(f"there is nothing at {path}")
            return
        if criterion.tag is not None:
            entries = [entry for entry in entries[:MOST_FILES] if self._carries(entry.path, criterion.tag)]
        bounds = criterion.times or AT_LEAST_ONE
        if not bounds.hold(len(entries)):
            tagged = f" with the tag {criterion.tag}" if criterion.tag else ""
            yield CriterionFlaw(f"{plural(len(entries), 'file')} at {path}{tagged}, not {bounds}")

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
        data = self._context.snapshot.read(path)
        try:
            return parse_json(data) if data is not None else None
        except JsonFlaw:
            return None

    def _telemetry(self, criterion: Criterion, stage: str) -> Iterator[CriterionFlaw]:
        found = [
            entry.path
            for entry in self._context.snapshot.entries(f"{self._layout.evidence}/commands/{self._spec}")
            if (name := evidence_name(self._layout, entry.path)) and name.kind == "telemetry" and name.stage == stage
        ]
        valid = [path for path in found if is_valid("telemetry.v1", self._record(path))]
        bounds = criterion.times or AT_LEAST_ONE
        if not bounds.hold(len(valid)):
            rest = f" ({plural(len(found) - len(valid), 'file')} not valid)" if len(found) > len(valid) else ""
            folder = f"{self._layout.evidence}/commands/{self._spec}"
            yield CriterionFlaw(f"{len(valid)} valid telemetry records of {stage} in {folder}, not {bounds}{rest}")

    def _cost(self, criterion: Criterion, stage: str) -> Iterator[CriterionFlaw]:
        from guardrails.core.cost import dollars, micros, total
        from guardrails.layouts.cost_summary import read_cost_summary

        path = f"{self._layout.evidence}/costs/{self._spec}_cost_summary.json"
        record = self._record(path)
        if not isinstance(record, dict):
            yield CriterionFlaw(f"there is no readable {path}", judged=False)
            return
        entries = [each.cost for each in read_cost_summary(record, path, self._spec).stages if each.stage == stage]
        if not entries:
            yield CriterionFlaw(f"no cost entry of {stage}", path, 1, 1)
            return
        if criterion.max_usd is None:
            return
        cost = total(entries)
        if cost.micros is None:
            yield CriterionFlaw(f"the cost of {stage} is unknown", path, 1, 1, judged=False)
        elif cost.micros > micros(criterion.max_usd):
            yield CriterionFlaw(f"{stage} cost {dollars(cost.usd)}, more than {dollars(criterion.max_usd)}", path, 1, 1)

    def _verdict(self, criterion: Criterion, stage: str) -> Iterator[CriterionFlaw]:
        latest = self._latest.get(stage)
        if latest is None:
            yield CriterionFlaw(f"there is no consensus evidence of {stage}", judged=False)
            return
        for verdict in latest.verdicts:
            if verdict.kind != "ok":
                reason = f": {verdict.reasons[0]}" if verdict.reasons else ""
                yield CriterionFlaw(f"the verdict of {stage} is {verdict.kind}{reason}")
            elif criterion.min_agreement is not None:
                agreement = verdict.agreement
                if agreement is None or agreement < criterion.min_agreement:
                    yield CriterionFlaw(
                        f"the agreement of {stage} is {agreement}, less than {criterion.min_agreement:g}"
                    )

    def _memory(self, criterion: Criterion, stage: str) -> Iterator[CriterionFlaw]:
        recall = self._context.recall
        tag = criterion.tag or f"stage:{stage}"
        if recall is None:
            yield CriterionFlaw("memories are not part of what is judged; 'speckit accept' asks them", judged=False)
            return
        key, _, value = tag.partition(":")
        asked = stage_of(value) if key == "stage" else None
        roster = self._context.settings.roster(asked or stage)
        bounds = criterion.times or AT_LEAST_ONE
        try:
            memories = recall((f"spec:{self._spec}", tag))
        except Undecidable as error:
            yield CriterionFlaw(f"the memory cannot be asked: {error.message}", judged=False)
            return
        for agent in roster:
            number = sum(1 for each in memories if agent_of(agent) in each.agents)
            if not bounds.hold(number):
                yield CriterionFlaw(f"{number} memories of {agent} with spec:{self._spec} {tag}, not {bounds}")
        if not roster and not bounds.hold(len(memories)):
            yield CriterionFlaw(f"{len(memories)} memories with spec:{self._spec} {tag}, not {bounds}")


_EVIDENCE = frozenset(("telemetry", "agent_output", "synthesis", "verdict"))


def check(context: CheckContext) -> Iterator[Observation]:
    """One finding for each flaw of each criterion.

    Raises GuardrailError when the scope names something that cannot be a SPEC id.
    """
    layout, wanted = context.settings.layout, context.scope.spec
    if wanted is not None:
        wanted = layout.require_id(wanted)
    needed = set(context.settings.acceptance.require) | ({wanted} if wanted else set())
    if wanted:
        needed &= {wanted}
    for directory in directories_of(context.snapshot, context.settings):
        if wanted not in (None, directory.spec):
            continue
        found = declared(context.snapshot, layout, directory)
        if found is None:
            continue
        needed.discard(directory.spec)
        if isinstance(found, Declared):
            yield from _judge(context, found)
        else:
            yield from found
    for spec in sorted(needed):
        message, hint = (
            f"{spec} declares no acceptance criteria",
            "'speckit accept --example' prints some to begin with",
        )
        yield UNDECLARED.at(f"{layout.docs}", message, hint=hint, spec=spec)


def _judge(context: CheckContext, found: Declared) -> Iterator[Observation]:
    chosen, only = dict(found.stages), context.scope.stage
    begun = _begun(context, found.spec)
    if only is not None and only not in chosen:
        message = f"{found.spec} declares nothing for the stage {only}"
        yield UNDECLARED.at(found.path, message, hint="declare criteria for it", spec=found.spec, stage=only)
        return
    named = context.scope.spec is not None
    due = [stage for stage in chosen if (only is None and named) or stage == only or (only is None and stage in begun)]
    waiting = [stage for stage in chosen if stage not in due]
    criteria = [criterion for stage in due for criterion in chosen[stage]]
    if only is None and not waiting:
        criteria += found.overall
    if only is None and waiting:
        yield Skipped(found.path, f"not begun, so not judged yet: {', '.join(waiting)}")
    if criteria:
        yield Checked(found.path)
        judge_ = _Judge(context, found)
        for criterion in criteria:
            yield from judge_.findings(criterion)


class Tally(NamedTuple):
    """How many criteria hold of those that could be judged."""

    hold: int
    judged: int


def tally(context: CheckContext, spec: str, stage: str) -> Tally:
    """How the latest answers of a stage fare: its criteria about outputs, synthesis, verdict and cost, counted. What is
    declared of documents, and of records that a guardrail leaves, says nothing of answers and is not among them."""
    hold = judged = 0
    for directory in directories_of(context.snapshot, context.settings):
        found = declared(context.snapshot, context.settings.layout, directory) if directory.spec == spec else None
        if isinstance(found, Declared):
            judge_ = _Judge(context, found)
            for criterion in dict(found.stages).get(stage, ()):
                if criterion.where in FROM_AGENTS or criterion.kind in ("verdict", "cost"):
                    rules = {finding.rule for finding in judge_.findings(criterion)}
                    judged += NOT_JUDGED not in rules
                    hold += not rules
    return Tally(hold, judged)


def _begun(context: CheckContext, spec: str) -> set[str]:
    """The stages of a SPEC that have evidence."""
    layout = context.settings.layout
    roots = (layout.docs,) if within(layout.evidence, layout.docs) else (layout.docs, layout.evidence)
    names = (evidence_name(layout, entry.path) for root in roots for entry in context.snapshot.entries(root))
    return {name.stage for name in names if name and name.spec == spec and name.stage and name.kind in _EVIDENCE}


class _Judge:
    """The criteria of one SPEC. Each file is read once."""

    def __init__(self, context: CheckContext, found: Declared) -> None:
        self._context, self._found = context, found
        self._latest: dict[str, LatestAnswers] = latest_of(context, found.spec)
        self._records = SpecRecords(context, found.spec, self._latest)
        self._pages: dict[str, TextPage | None] = {}

    def findings(self, criterion: Criterion) -> Iterator[Finding]:
        """The flaws of one criterion as findings, where they are."""
        flaws = list(self._records.judge(criterion) if criterion.kind in RECORDS else self._of_text(criterion))
        stage = criterion.stages[0] if len(criterion.stages) == 1 else None
        listed, more = at_most(flaws, FLAWS)
        for flaw in listed:
            yield self._finding(criterion, flaw, stage)
        if more:
            yield self._finding(criterion, CriterionFlaw(f"{len(flaws)} flaws in all"), stage)

    def _finding(self, criterion: Criterion, flaw: CriterionFlaw, stage: str | None) -> Finding:
        rule = NOT_MET if flaw.judged else NOT_JUDGED
        message = f"{criterion.id}: {flaw.what}"
        path, line, column = flaw.path, flaw.line, flaw.column
        if path is None:
            path, line, column = self._found.path, criterion.line, criterion.column
        # A memory that could not be read does not prove the criterion unmet: that is a warning, not an error.
        elsewhere = criterion.kind == "memory" and self._context.recall is None
        return rule.at(
            path,
            message,
            line=line,
            column=column,
            hint=f"what must hold: {criterion.says}",
            severity="warning" if elsewhere else None,
            spec=self._found.spec,
            stage=stage,
        )

    def _of_text(self, criterion: Criterion) -> Iterator[CriterionFlaw]:
        for stage, groups in self._groups(criterion):
            if isinstance(groups, CriterionFlaw):
                yield groups
                continue
            roster = self._context.settings.roster(stage)
            for pages in groups:
                yield from judge_text(criterion, pages, roster)

    def _groups(self, criterion: Criterion) -> Iterator[tuple[str, list[list[TextPage]] | CriterionFlaw]]:
        """(stage, pages that count as one) of what a criterion looks at, or why there is nothing."""
        if criterion.where not in ("synthesis", "outputs", "each output"):
            path = f"{self._found.folder}/{criterion.where}"
            page = self._page(path)
            yield (
                criterion.stages[0],
                [[page]] if page else CriterionFlaw(f"{path} is not there or cannot be read", judged=False),
            )
            return
        for stage in criterion.stages:
            latest = self._latest.get(stage)
            what = "synthesis" if criterion.where == "synthesis" else "usable output"
            paths: Sequence[str] = ()
            if latest is not None:
                paths = latest.syntheses if what == "synthesis" else latest.outputs
            pages = [page for page in map(self._page, paths) if page]
            if not pages:
                yield stage, CriterionFlaw(f"the latest session of {stage} has no {what}", judged=False)
            else:
                yield stage, [[page] for page in pages] if criterion.where == "each output" else [pages]

    def _page(self, path: str) -> TextPage | None:
        if path not in self._pages:
            self._pages[path] = self._read(path)
        return self._pages[path]

    def _read(self, path: str) -> TextPage | None:
        data = self._context.snapshot.read(path)
        if data is None:
            return None
        if not path.endswith(".json"):
            text = decode(data)
            return page_of_markdown(path, text) if isinstance(text, str) else None
        try:
            return page_of_json(path, data, parse_json(data))
        except JsonFlaw:
            return None
