"""A stage's checks: what each makes of this SPEC in the working tree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from guardrails import engine
from guardrails.finding import Finding
from guardrails.halves import in_one_process
from guardrails.pipeline.examined import Examined
from guardrails.pipeline.halting import Reason
from guardrails.pipeline.stages import PACKET, VERDICTS, StageRules
from guardrails.pipeline.world import World
from guardrails.printable import printable
from guardrails.redaction import needles, redact
from guardrails.registry import check_named
from guardrails.result import Result
from guardrails.rules.documents import MISSING_DOCUMENT
from guardrails.snapshot import Snapshot
from guardrails.subject import Scope, Subject

LISTED = 20
"""Warnings of one check that are listed."""
_REASONS: dict[int, Reason] = {1: "guardrail", 3: "undecided", 4: "conflict", 5: "degraded"}


def run_checks(world: World, tree: Snapshot, rules: StageRules, names: Sequence[str]) -> tuple[Examined, ...]:
    """Each check, narrowed to the SPEC. One with nothing to examine is skipped; when all of them are, the stage has
    examined nothing, and that is undecided."""
    rows = tuple(_check(world, tree, rules, name) for name in names)
    if rows and all(row.status == "skipped" for row in rows):
        message = f"none of {', '.join(names)} found anything of {world.spec} to examine"
        return (*rows, Examined("checks", "failed", message, "run the stages before this one", "undecided"))
    return rows


def _check(world: World, tree: Snapshot, rules: StageRules, name: str) -> Examined:
    result = _result(world, tree, name, Scope(spec=world.spec), if_any=True)
    findings = tuple(_at_stage(each, rules) for each in result.findings if each.spec in (None, world.spec))
    result = result._replace(findings=findings)
    if result.exit_code == 1 and all(each.severity != "error" for each in findings):
        result = result._replace(verdict="pass", exit_code=0)  # what failed is another SPEC's, or a later stage's
    if result.verdict == "not-applicable":
        return Examined(name, "skipped", f"there is nothing of {world.spec} to examine")
    return _row(name, result)


def _at_stage(finding: Finding, rules: StageRules) -> Finding:
    """A document that only a later stage begins from may still be unwritten."""
    early = finding.rule is MISSING_DOCUMENT and finding.path.rpartition("/")[2] in set(PACKET) - set(rules.documents)
    return finding._replace(severity="warning") if early else finding


def verdict_of(world: World, tree: Snapshot, stage: str, *, lenient: bool = False) -> Examined:
    """Whether the verdict of a stage, recomputed from its evidence, is ok.

    `lenient` lets a degraded one pass, which is then skipped, never passed.
    """
    result = _result(world, tree, VERDICTS, Scope(spec=world.spec, stage=stage), if_any=False)
    row = _row(f"verdict of {stage}", result)
    if lenient and row.reason == "degraded" and row.status == "failed":
        return row._replace(status="skipped", message=f"let pass by --allow-degraded: {row.message}")
    return row


def has_verdict(world: World, tree: Snapshot, stage: str) -> bool:
    """Whether there is any consensus evidence of a stage."""
    from guardrails.consensus.gathering import Candidate, candidates

    found = candidates(tree, world.settings.layout, Scope(spec=world.spec, stage=stage))
    return any(isinstance(each, Candidate) for each in found)


def _result(world: World, tree: Snapshot, name: str, scope: Scope, *, if_any: bool) -> Result:
    subject = Subject(tree, world.settings, datetime.now(timezone.utc), scope)
    with in_one_process():
        result = engine.run(name, [check_named(name)], [subject], if_any)
    return redact(result, needles(world.settings.secrets.variables, world.environment))


def _row(name: str, result: Result) -> Examined:
    warnings = [f"{f.rule.code} {f.path}: {f.message}" for f in result.findings if f.severity == "warning"]
    shown = tuple(printable(text) for text in warnings[:LISTED])
    if result.exit_code == 0:
        return Examined(name, "passed", warnings=shown)
    message, hint = _worst(result)
    reason = _REASONS.get(result.exit_code, "undecided")
    return Examined(name, "failed", printable(message), hint and printable(hint), reason, shown)


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
