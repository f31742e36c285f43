"""Whether the documents and outputs of each SPEC hold what its `acceptance.yaml` declares for its stages.

A stage is judged when it has evidence, or when it or its SPEC is named; `overall` when every declared stage is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guardrails.checks.accept.declared import FROM_AGENTS, Criterion, Declared, declared
from guardrails.checks.accept.evidence import RECORDS, Records
from guardrails.checks.accept.pages import Page, page_of_json, page_of_markdown
from guardrails.checks.accept.rules import NOT_JUDGED, NOT_MET, UNDECLARED
from guardrails.checks.accept.sessions import Latest, latest_of
from guardrails.checks.accept.texts import Flaw, judge_text
from guardrails.core.finding import Checked, Finding, Observation, Skipped
from guardrails.core.markdown import decode
from guardrails.core.paths import within
from guardrails.core.strict_json import JsonFlaw, parse
from guardrails.layouts.evidence_names import evidence_name
from guardrails.layouts.guardrails import directories_of
from guardrails.snapshot.context import Subject

LISTED = 25
"""Flaws of one criterion that are listed."""
_EVIDENCE = frozenset(("telemetry", "agent_output", "synthesis", "verdict"))


def check(subject: Subject) -> Iterator[Observation]:
    """One finding for each flaw of each criterion.

    Raises GuardrailError when the scope names something that cannot be a SPEC id.
    """
    layout, wanted = subject.settings.layout, subject.scope.spec
    if wanted is not None:
        wanted = layout.require_id(wanted)
    needed = set(subject.settings.acceptance.require) | ({wanted} if wanted else set())
    if wanted:
        needed &= {wanted}
    for directory in directories_of(subject.snapshot, subject.settings):
        if wanted not in (None, directory.spec):
            continue
        found = declared(subject.snapshot, layout, directory)
        if found is None:
            continue
        needed.discard(directory.spec)
        if isinstance(found, Declared):
            yield from _judge(subject, found)
        else:
            yield from found
    for spec in sorted(needed):
        message, hint = (
            f"{spec} declares no acceptance criteria",
            "'speckit accept --example' prints some to begin with",
        )
        yield UNDECLARED.at(f"{layout.docs}", message, hint=hint, spec=spec)


def _judge(subject: Subject, found: Declared) -> Iterator[Observation]:
    chosen, only = dict(found.stages), subject.scope.stage
    begun = _begun(subject, found.spec)
    if only is not None and only not in chosen:
        message = f"{found.spec} declares nothing for the stage {only}"
        yield UNDECLARED.at(found.path, message, hint="declare criteria for it", spec=found.spec, stage=only)
        return
    named = subject.scope.spec is not None
    due = [stage for stage in chosen if (only is None and named) or stage == only or (only is None and stage in begun)]
    waiting = [stage for stage in chosen if stage not in due]
    criteria = [criterion for stage in due for criterion in chosen[stage]]
    if only is None and not waiting:
        criteria += found.overall
    if only is None and waiting:
        yield Skipped(found.path, f"not begun, so not judged yet: {', '.join(waiting)}")
    if criteria:
        yield Checked(found.path)
        judge_ = _Judge(subject, found)
        for criterion in criteria:
            yield from judge_.findings(criterion)


class Tally(NamedTuple):
    """How many criteria hold of those that could be judged."""

    hold: int
    judged: int


def tally(subject: Subject, spec: str, stage: str) -> Tally:
    """How the latest answers of a stage fare: its criteria about outputs, synthesis, verdict and cost, counted. What is
    declared of documents, and of records that a guardrail leaves, says nothing of answers and is not among them."""
    hold = judged = 0
    for directory in directories_of(subject.snapshot, subject.settings):
        found = declared(subject.snapshot, subject.settings.layout, directory) if directory.spec == spec else None
        if isinstance(found, Declared):
            judge_ = _Judge(subject, found)
            for criterion in dict(found.stages).get(stage, ()):
                if criterion.where in FROM_AGENTS or criterion.kind in ("verdict", "cost"):
                    rules = {finding.rule for finding in judge_.findings(criterion)}
                    judged += NOT_JUDGED not in rules
                    hold += not rules
    return Tally(hold, judged)


def _begun(subject: Subject, spec: str) -> set[str]:
    """The stages of a SPEC that have evidence."""
    layout = subject.settings.layout
    roots = (layout.docs,) if within(layout.evidence, layout.docs) else (layout.docs, layout.evidence)
    names = (evidence_name(layout, entry.path) for root in roots for entry in subject.snapshot.entries(root))
    return {name.stage for name in names if name and name.spec == spec and name.stage and name.kind in _EVIDENCE}


class _Judge:
    """The criteria of one SPEC. Each file is read once."""

    def __init__(self, subject: Subject, found: Declared) -> None:
        self._subject, self._found = subject, found
        self._latest: dict[str, Latest] = latest_of(subject, found.spec)
        self._records = Records(subject, found.spec, self._latest)
        self._pages: dict[str, Page | None] = {}

    def findings(self, criterion: Criterion) -> Iterator[Finding]:
        """The flaws of one criterion as findings, where they are."""
        flaws = list(self._records.judge(criterion) if criterion.kind in RECORDS else self._of_text(criterion))
        stage = criterion.stages[0] if len(criterion.stages) == 1 else None
        for flaw in flaws[:LISTED]:
            yield self._finding(criterion, flaw, stage)
        if len(flaws) > LISTED:
            yield self._finding(criterion, Flaw(f"{len(flaws)} flaws in all"), stage)

    def _finding(self, criterion: Criterion, flaw: Flaw, stage: str | None) -> Finding:
        rule = NOT_MET if flaw.judged else NOT_JUDGED
        message = f"{criterion.id}: {flaw.what}"
        path, line, column = flaw.path, flaw.line, flaw.column
        if path is None:
            path, line, column = self._found.path, criterion.line, criterion.column
        # Where nobody could look, there is nobody to be blamed; it is said all the same.
        elsewhere = criterion.kind == "memory" and self._subject.recall is None
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

    def _of_text(self, criterion: Criterion) -> Iterator[Flaw]:
        for stage, groups in self._groups(criterion):
            if isinstance(groups, Flaw):
                yield groups
                continue
            roster = self._subject.settings.roster(stage)
            for pages in groups:
                yield from judge_text(criterion, pages, roster)

    def _groups(self, criterion: Criterion) -> Iterator[tuple[str, list[list[Page]] | Flaw]]:
        """(stage, pages that count as one) of what a criterion looks at, or why there is nothing."""
        if criterion.where not in ("synthesis", "outputs", "each output"):
            path = f"{self._found.folder}/{criterion.where}"
            page = self._page(path)
            yield (
                criterion.stages[0],
                [[page]] if page else Flaw(f"{path} is not there or cannot be read", judged=False),
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
                yield stage, Flaw(f"the latest session of {stage} has no {what}", judged=False)
            else:
                yield stage, [[page] for page in pages] if criterion.where == "each output" else [pages]

    def _page(self, path: str) -> Page | None:
        if path not in self._pages:
            self._pages[path] = self._read(path)
        return self._pages[path]

    def _read(self, path: str) -> Page | None:
        data = self._subject.snapshot.read(path)
        if data is None:
            return None
        if not path.endswith(".json"):
            text = decode(data)
            return page_of_markdown(path, text) if isinstance(text, str) else None
        try:
            return page_of_json(path, data, parse(data))
        except JsonFlaw:
            return None
