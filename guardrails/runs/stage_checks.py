"""A stage's checks: what each makes of this SPEC in the working tree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.checks.lint.document_rules import MISSING_DOCUMENT
from guardrails.config.settings import HAL, Service
from guardrails.core.finding import Finding
from guardrails.core.limits import STAGE_WARNINGS
from guardrails.core.parallel import in_one_process
from guardrails.core.result import Result
from guardrails.core.text import printable
from guardrails.engine import runner
from guardrails.engine.registry import check_named
from guardrails.errors import Undecidable
from guardrails.evidence.names import StageSession
from guardrails.runs.check_result import CheckResult
from guardrails.runs.checkpoint import Checkpoint, Recorder
from guardrails.runs.halt import Reason
from guardrails.runs.stage_definitions import PACKET, VERDICTS, PreparedStage, StageRules, services_of
from guardrails.secrets.redact import redactor_of
from guardrails.services.probes.records import Response
from guardrails.services.probes.run import ProbeEnvironment, ProbeRecords, ProbeSummary, run_probes, shortfall
from guardrails.services.readiness import ReadinessContext, ReadinessProbe, tools
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.context import CheckContext, Scope

_REASONS: dict[int, Reason] = {1: "guardrail", 3: "undecided", 4: "conflict", 5: "degraded"}


def run_checks(
    run_context: RunContext, tree: Snapshot, rules: StageRules, names: Sequence[str]
) -> tuple[CheckResult, ...]:
    """Each check, narrowed to the SPEC. One with nothing to examine is skipped; when all of them are, the stage has
    examined nothing, and that is undecided."""
    rows = tuple(_check(run_context, tree, rules, name) for name in names)
    if rows and all(row.status == "skipped" for row in rows):
        message = f"none of {', '.join(names)} found anything of {run_context.spec} to examine"
        return (*rows, CheckResult("checks", "failed", message, "run the stages before this one", "undecided"))
    return rows


def _check(run_context: RunContext, tree: Snapshot, rules: StageRules, name: str) -> CheckResult:
    result = _result(run_context, tree, name, Scope(spec=run_context.spec), if_any=True)
    findings = tuple(_at_stage(each, rules) for each in result.findings if each.spec in (None, run_context.spec))
    result = result._replace(findings=findings)
    if result.exit_code == 1 and all(each.severity != "error" for each in findings):
        result = result._replace(verdict="pass", exit_code=0)  # what failed is another SPEC's, or a later stage's
    if result.verdict == "not-applicable":
        return CheckResult(name, "skipped", f"there is nothing of {run_context.spec} to examine")
    return _row(name, result)


def _at_stage(finding: Finding, rules: StageRules) -> Finding:
    """A document that only a later stage begins from may still be unwritten."""
    early = finding.rule is MISSING_DOCUMENT and finding.path.rpartition("/")[2] in set(PACKET) - set(rules.documents)
    return finding._replace(severity="warning") if early else finding


def verdict_of(run_context: RunContext, tree: Snapshot, stage: str, *, lenient: bool = False) -> CheckResult:
    """Whether the verdict of a stage, recomputed from its evidence, is ok.

    `lenient` lets a degraded one pass, which is then skipped, never passed.
    """
    result = _result(run_context, tree, VERDICTS, Scope(spec=run_context.spec, stage=stage), if_any=False)
    row = _row(f"verdict of {stage}", result)
    if lenient and row.reason == "degraded" and row.status == "failed":
        return row._replace(status="skipped", message=f"let pass by --allow-degraded: {row.message}")
    return row


def has_verdict(run_context: RunContext, tree: Snapshot, stage: str) -> bool:
    """Whether there is any consensus evidence of a stage."""
    from guardrails.consensus.load import ConsensusFile, candidates

    found = candidates(tree, run_context.settings.layout, Scope(spec=run_context.spec, stage=stage))
    return any(isinstance(each, ConsensusFile) for each in found)


def _result(run_context: RunContext, tree: Snapshot, name: str, scope: Scope, *, if_any: bool) -> Result:
    context = CheckContext(tree, run_context.settings, datetime.now(timezone.utc), scope)
    with in_one_process():
        result = runner.run_checks(name, [check_named(name)], [context], if_any)
    return redactor_of(run_context.settings, run_context.environment).result(result)


def _row(name: str, result: Result) -> CheckResult:
    warnings = [f"{f.rule.code} {f.path}: {f.message}" for f in result.findings if f.severity == "warning"]
    shown = tuple(printable(text) for text in warnings[:STAGE_WARNINGS])
    if result.exit_code == 0:
        return CheckResult(name, "passed", warnings=shown)
    message, hint = _worst(result)
    reason = _REASONS.get(result.exit_code, "undecided")
    return CheckResult(name, "failed", printable(message), hint and printable(hint), reason, shown)


def _worst(result: Result) -> tuple[str, str | None]:
    """The first finding that made the verdict, or the problem, and how many more there are."""
    errors = [each for each in result.findings if each.severity == "error"]
    decisive = [each for each in errors if each.rule.outcome == result.verdict] or errors
    if decisive:
        first = decisive[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        place = first.path if first.line is None else f"{first.path}:{first.line}"
        return f"{place}: {first.rule.code} {first.message}{more}", first.hint
    if result.problem:
        return result.problem.message, result.problem.hint
    return "nothing was examined", "run the stages before this one"


# The services that a stage asks.


class Probed(NamedTuple):
    """What the record says of a service, and what the stage makes of it."""

    summary: ProbeSummary
    rows: tuple[CheckResult, ...]


def concerned(run_context: RunContext, ready: PreparedStage) -> tuple[Service, ...]:
    """The services the stage has anything to say of: those it asks, and those it would ask unless told otherwise."""
    return tuple(each for each in services_of(run_context) if ready.rules.probes or each.name in ready.probes)


def not_asked(service: Service, why: str) -> Probed:
    """A service in a stage that had failed before it could be asked."""
    summary = ProbeSummary(service.mode, service.origin, "skipped")
    return Probed(summary, (CheckResult(service.key, "skipped", why, needed=False),))


def probe(
    run_context: RunContext,
    session: StageSession,
    service: Service,
    ready: PreparedStage,
    notes: Checkpoint,
    recorder: Recorder,
) -> Probed:
    """Ask a service as configured. A probe that fails, fails the stage; what is required is satisfied by the live
    service alone.

    Executed again, nobody is asked again.
    """
    key = service.key
    service = service._replace(required=service.required or ready.required)
    if service.name not in ready.probes:
        summary = ProbeSummary("off", f"stages.{session.stage}.probes", "skipped")
        row = CheckResult(key, "skipped", "not a probe of the stage", needed=False)
        return Probed(summary, _required(service, summary) or (row,))

    def ask() -> Probed:
        around = ProbeEnvironment(run_context.environment, run_context.repo.root)
        try:
            outcome = run_probes(service, run_context.settings, around, ProbeRecords(recorder, session))
        except Undecidable as error:
            failed = ProbeSummary(service.mode, service.origin, "failed", tuple(check.name for check in service.checks))
            return Probed(failed, (CheckResult(key, "failed", printable(error.message), error.hint, "undecided"),))
        rows = tuple(_service_row(service, made) for made in outcome.responses)
        return Probed(outcome.summary, (*rows, *_required(service, outcome.summary)))

    return notes.once(key, Probed, ask)


def _service_row(service: Service, made: Response) -> CheckResult:
    name = f"{service.key} {made.check}"
    if made.status == "passed":
        return CheckResult(name, "passed", f"{made.mode}: {made.http_status or 'answered'} in {made.latency_ms} ms")
    said = f"{made.mode}: {printable(made.reason or made.status)}"
    return CheckResult(name, made.status, said, None, _reason(service), needed=False)


def _required(service: Service, summary: ProbeSummary) -> tuple[CheckResult, ...]:
    """Whether what is required was had: nothing at all when it was."""
    missing = shortfall(service, summary)
    if missing is None:
        return ()
    key = service.key
    hint = f"set {key}.mode to live and {key}.base_url, and the key in its variable"
    return (CheckResult(key, "failed", printable(missing), hint, _reason(service)),)


def _reason(service: Service) -> Reason:
    """What a failure halts by: HAL has a reason of its own in the records of runs."""
    return "hal" if service.name == HAL.name else "guardrail"


# The tools that `readiness` in the configuration names, asked before the agents of a stage are.


def readiness(run_context: RunContext) -> tuple[CheckResult, ...]:
    """A row for each answer. What is not required is a warning, however much the stage requires."""
    return tuple(
        map(
            _readiness_row,
            tools(ReadinessContext(run_context.repo, run_context.settings, run_context.plan, run_context.spec)),
        )
    )


def _readiness_row(probe: ReadinessProbe) -> CheckResult:
    name, said = printable(f"{probe.kind} {probe.name}"), printable(probe.message)
    if probe.status == "passed":
        return CheckResult(name, "passed", said)
    if probe.status == "failed":
        return CheckResult(name, "failed", said, probe.hint, "missing-tool" if probe.missing else "guardrail")
    return CheckResult(name, "skipped", said, probe.hint, warnings=(f"{name}: {said}",), needed=False)
