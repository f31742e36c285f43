"""One stage's guardrail: what is asked before its agents are, and after their verdict; and the record of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import Any, NamedTuple, TypeVar

from guardrails import __version__
from guardrails.agents.run_context import RunContext
from guardrails.config.run_settings import Argv
from guardrails.config.settings import HAL
from guardrails.core.limits import STAGE_CHANGES, START_PATHS, at_most
from guardrails.core.text import printable
from guardrails.core.timestamps import stamped
from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.names import StageSession, command_path, telemetry_path
from guardrails.evidence.store import WrittenFile
from guardrails.runs import policy, stage_checks, stage_definitions, tools
from guardrails.runs.check_result import CheckResult, CheckStatus, enforced, failures, halted
from guardrails.runs.checkpoint import Checkpoint, Recorder
from guardrails.runs.halt import Halt, Reason
from guardrails.runs.policy import Layer, LayerDone
from guardrails.runs.stage_checks import Probed
from guardrails.runs.stage_definitions import PacketDocument, PreparedStage, StageRules, ready, rules_of
from guardrails.runs.tree import TreeChange, TreeState, judge_tree, own_files
from guardrails.secrets.redact import Redactor, redactor_of
from guardrails.services.probes.run import ProbeSummary
from guardrails.services.probes.run import telemetry as hal_telemetry
from guardrails.snapshot.worktree import Worktree

# The baseline report: the state of the packet and the tree before a SPEC is planned.


OF_BASELINE = ("clean-tree", "documents", "lint")
"""The rows a baseline consists of."""


def status(rows: Sequence[CheckResult]) -> CheckStatus:
    """The outcome of the baseline: passed when the packet and the tree were examined, and hold."""
    found = [row.status for row in rows if row.name in OF_BASELINE]
    if "failed" in found:
        return "failed"
    return "passed" if "passed" in found else "skipped"


def render(
    session: StageSession, start: TreeState, documents: Sequence[PacketDocument], rows: Sequence[CheckResult]
) -> str:
    """The report as Markdown. It holds nothing that differs when it is written again."""
    lines = [f"# Baseline of {session.spec}", ""]
    lines += [
        f"- Session: {session.stamp}",
        f"- HEAD: {start.head or 'no commit yet'}",
        f"- Status: {status(rows)}",
        "",
    ]
    lines += ["## Documents", "", "| Document | SHA-256 |", "| --- | --- |"]
    lines += [f"| {_cell(each.path)} | {each.sha256 or 'not there'} |" for each in documents]
    lines += ["", "## Tree", ""]
    listed, more = at_most(start.dirty, START_PATHS)
    lines += [f"- {row.kind}: {_cell(row.path)}" for row in listed] or ["Clean at the start."]
    if more:
        lines.append(f"- and {more} more")
    lines += ["", "## Examined", "", "| What | Outcome | Found |", "| --- | --- | --- |"]
    lines += [f"| {row.name} | {row.status} | {_cell(row.message or '')} |" for row in rows]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")


_SWITCHES = ("SPEC_OPS_ALLOW_DIRTY", "SPEC_OPS_HAL_SKIP", "SPEC_OPS_TELEMETRY_HAL", "SPEC_OPS_HAL_MODE")
_HOOKS = {"passed": "ok", "skipped": "not installed", "failed": "failed"}
_TOOLS = {"passed": "ready", "skipped": "missing", "failed": "missing"}


# Telemetry of a stage, as telemetry.v1 has it.


class Findings(NamedTuple):
    """All that a stage found. `begun` and `finished` are decided once for each time it is tried."""

    rules: StageRules
    rows: tuple[CheckResult, ...]
    layers: tuple[LayerDone, ...]
    hal: ProbeSummary | None
    baseline: WrittenFile | None
    halt: Halt | None
    begun: datetime
    finished: datetime
    artifacts: tuple[WrittenFile, ...]


def telemetry_document(run_context: RunContext, session: StageSession, found: Findings) -> dict[str, Any]:
    """The record, valid against schemas/telemetry.v1.schema.json. It may still hold secrets."""
    made: dict[str, Any] = {
        "schemaVersion": 1,
        "command": f"spec-ops-{session.stage}",
        "specId": session.spec,
        "sessionId": session.stamp,
        "timestamp": stamped(found.finished),
        "success": found.halt is None,
        "exit_code": found.halt.exit_code if found.halt else 0,
        "duration_ms": max(0, round((found.finished - found.begun).total_seconds() * 1000)),
        **({"run": run_context.run} if run_context.run else {}),
        **dict(_of_stage(session.stage, found)),
        "policy": {layer.layer: policy.record(layer) for layer in found.layers},
        **({"hal": hal_telemetry(found.hal)} if found.hal else {}),
        "checks": [_row(row) for row in found.rows],
        "warnings": [text for row in found.rows for text in row.warnings],
        "errors": [f"{row.name}: {row.message}" for row in failures(found.rows)],
        "overrides": overrides(run_context),
        "producer": {"name": "speckit-guardrails", "version": __version__},
        "artifacts": [{"path": file.path, "sha256": file.sha256} for file in _distinct(found.artifacts)],
    }
    return made


def _of_stage(stage: str, found: Findings) -> Iterator[tuple[str, Any]]:
    """The fields that telemetry of this one stage has."""
    by_name = {row.name: row for row in found.rows}
    hooks = by_name.get("hooks")
    said = _HOOKS[hooks.status] if hooks else "not examined"
    if stage == "plan":
        tree = by_name.get("clean-tree")
        mode = "tree not asked to be clean" if tree and tree.status == "skipped" else "full"
        artifact = found.baseline.path if found.baseline else "none"
        yield "baseline", {"mode": mode, "artifact": artifact, "status": status(found.rows)}
        yield "hooks", {"session.start": said}
    elif stage == "tasks":
        tools = by_name.get("tools")
        yield "tool", {"status": _TOOLS[tools.status] if tools else "not examined", "message": tools and tools.message}
    elif stage == "implement":
        lock = by_name.get("lock")
        yield "lock_status", "locked" if lock and lock.status == "passed" else "unlocked"
        yield "hook_status", said
    elif stage == "unlock":
        yield "unlock_status", "refused" if found.halt else "unlocked"
    if found.rules.scenarios:
        yield "scenarios", [_row(row) for row in found.rows]


def _row(row: CheckResult) -> dict[str, Any]:
    return {"name": row.name, "status": row.status, "message": row.message}


def overrides(run_context: RunContext) -> dict[str, Any]:
    """What the operator switched: variables with the value they had, and flags."""
    found: dict[str, Any] = {
        name: value for name in _SWITCHES if (value := run_context.environment.get(name, "").strip()) not in ("", "0")
    }
    if allows_dirty(run_context):
        found.setdefault("SPEC_OPS_ALLOW_DIRTY", "1")
    if run_context.allow_degraded:
        found["--allow-degraded"] = True
    return found


def allows_dirty(run_context: RunContext) -> bool:
    """Whether the tree is not asked to be clean."""
    return run_context.allow_dirty or run_context.settings.overrides.allow_dirty


def _distinct(files: Iterable[WrittenFile]) -> Sequence[WrittenFile]:
    return tuple({file.path: file for file in files}.values())


# The checks before the agents of a stage are asked: one row for each.


ResultRows = tuple[CheckResult, ...]
Made = TypeVar("Made")


class StageContext(NamedTuple):
    """What the parts of one stage's guardrail share."""

    run_context: RunContext
    session: StageSession
    notes: Checkpoint
    recorder: Recorder
    redactor: Redactor
    tree: Worktree


def hand(run_context: RunContext, session: StageSession) -> StageContext:
    notes = Checkpoint(run_context.repo, session)
    recorder = Recorder(run_context.repo.root, notes)
    return StageContext(
        run_context,
        session,
        notes,
        recorder,
        redactor_of(run_context.settings, run_context.environment),
        Worktree(run_context.repo),
    )


def guarded(name: str, part: Callable[[], ResultRows]) -> ResultRows:
    """The rows of a part, or the row that says why it has none."""
    rows, failed = _attempted(name, part)
    return failed if rows is None else rows


def _attempted(name: str, part: Callable[[], Made]) -> tuple[Made | None, ResultRows]:
    """What a part gives. What it cannot do is a failure of its own, never nothing: None, and the row that says why."""
    try:
        return part(), ()
    except Undecidable as error:
        return None, (CheckResult(name, "failed", printable(error.message), error.hint, "undecided"),)
    except GuardrailError as error:
        return None, (CheckResult(name, "failed", printable(error.message), error.hint, "usage"),)
    except OSError as error:
        said = f"{error.filename or name}: {error.strerror}"
        return None, (CheckResult(name, "failed", printable(said), "make it readable and try again", "undecided"),)


def before(at: StageContext, ready: PreparedStage, start: TreeState, own: Sequence[WrittenFile]) -> ResultRows:
    """Everything but the policy layer."""
    run_context, rules = at.run_context, ready.rules
    parts: list[tuple[str, Callable[[], ResultRows]]] = [
        ("clean-tree", lambda: (clean_tree(at, start, own),)),
        ("documents", lambda: (_documents(at, ready),)),
        ("tools", lambda: (tools.tools(run_context, ready),)),
        ("checks", lambda: stage_checks.run_checks(run_context, at.tree, rules, ready.checks)),
        (
            "verdicts",
            lambda: verdicts(at, ready.verdicts, lenient=run_context.allow_degraded and rules.name != "unlock"),
        ),
    ]
    if run_context.plan.readiness:
        parts.append(("readiness", lambda: stage_checks.readiness(run_context)))
    if rules.hooks:
        parts.append(("hooks", lambda: (tools.hooks(run_context),)))
    if rules.lock:
        parts.append(("lock", lambda: (tools.lock(run_context),)))
    return tuple(row for name, part in parts for row in guarded(name, part))


def _documents(at: StageContext, ready: PreparedStage) -> CheckResult:
    found = stage_definitions.documents_of(at.run_context, at.tree, ready.rules)
    return stage_definitions.prerequisites(at.run_context, ready.rules, found)


def verdicts(at: StageContext, stages: Sequence[str], *, lenient: bool) -> ResultRows:
    """The verdicts of other stages, recomputed."""
    return tuple(stage_checks.verdict_of(at.run_context, at.tree, stage, lenient=lenient) for stage in stages)


def clean_tree(at: StageContext, start: TreeState, own: Sequence[WrittenFile], name: str = "clean-tree") -> CheckResult:
    """Whether the tree is what it was at the start of the run, and was clean then, apart from the run's own files."""

    judged = judge_tree(at.run_context, start, own_files(own, at.notes.written))
    found = (*judged.dirty, *judged.changes)
    if not found:
        return CheckResult(name, "passed", "nothing but what the run recorded" if own else "nothing uncommitted")
    message = _listed(found)
    if allows_dirty(at.run_context):
        said = f"overridden by SPEC_OPS_ALLOW_DIRTY: {message}"
        return CheckResult(name, "skipped", said, "unset SPEC_OPS_ALLOW_DIRTY", "dirty-tree", (f"{name}: {said}",))
    hint = found[0].hint or "commit it, or begin a new run"
    return CheckResult(name, "failed", message, hint, "dirty-tree")


def _listed(found: Sequence[TreeChange]) -> str:
    listed, more = at_most(found, STAGE_CHANGES)
    said = [f"{printable(change.path)}: {change.message}" for change in listed]
    return "; ".join([*said, *([f"and {more} more"] if more else [])])


_BEFORE = "the stage had failed before"
_REASONS: dict[str, Reason] = {"conflict": "conflict", "hold": "hold", "degraded": "degraded"}


class Opened(NamedTuple):
    """What was found before the agents of a stage are asked. `written` are the files that were written for it."""

    stage: str
    start: TreeState
    halt: Halt | None = None
    written: tuple[WrittenFile, ...] = ()
    warnings: tuple[str, ...] = ()
    rows: tuple[CheckResult, ...] = ()
    prefilter: LayerDone | None = None
    baseline: WrittenFile | None = None
    begun: datetime | None = None
    """when it was opened; the stage is timed from here"""


class Closed(NamedTuple):
    """How a stage ended. `telemetry` is its record, which `written` has too."""

    stage: str
    status: CheckStatus
    exit_code: int
    halt: Halt | None = None
    written: tuple[WrittenFile, ...] = ()
    telemetry: WrittenFile | None = None
    warnings: tuple[str, ...] = ()
    rows: tuple[CheckResult, ...] = ()
    layers: tuple[LayerDone, ...] = ()


def open_stage(run_context: RunContext, session: StageSession, start: TreeState, own: Sequence[WrittenFile]) -> Opened:
    """The tree, the prerequisites, the checks, the stage's tools, and the first policy layer.

    `own` is all that the run has written and recorded so far; of one path the last entry counts. Nothing is raised for
    what a stage can fail by: that is `halt`. Call `close_stage` even then: it writes the record of the failure.
    Executed again after a kill it measures nothing twice; before a stage is tried anew, let its `Notes` be forgotten.
    Raises GuardrailError when evidence cannot be written.
    """
    at = hand(run_context, session)
    begun = at.notes.once("begun", datetime, _now)
    plan, rows = _attempted("stage", lambda: ready(run_context, session.stage))
    layer = LayerDone("prefilter", (), _BEFORE)
    required = False
    if plan is not None:
        required = plan.required
        rows = enforced(before(at, plan, start, own), required)
        layer, judged = _layer(at, plan, "prefilter", plan.prefilter, rows)
        rows += enforced(judged, required)
    report = _baseline(at, start, rows) if session.stage == "plan" else None
    written = (*_logs(layer), *((report,) if report else ()))
    warnings = tuple(text for row in rows for text in row.warnings)
    return Opened(session.stage, start, halted(session.stage, rows), written, warnings, rows, layer, report, begun)


def _layer(
    at: StageContext, plan: PreparedStage, layer: Layer, commands: Sequence[Argv], rows: ResultRows
) -> tuple[LayerDone, ResultRows]:
    """Run a policy layer, unless the stage has failed already."""
    if failures(rows):
        return LayerDone(layer, (), _BEFORE), ()
    asking = policy.PolicyContext(at.run_context, at.session, at.notes, at.recorder, at.redactor, plan.timeout)
    done, failed = _attempted(f"policy {layer}", lambda: policy.run_layer(asking, layer, commands))
    if done is None:
        return LayerDone(layer, (), failed[0].message), failed
    row = policy.examined(done)
    return done, (row,) if row else ()


def _baseline(at: StageContext, start: TreeState, rows: ResultRows) -> WrittenFile:
    documents = stage_definitions.documents_of(at.run_context, at.tree, rules_of("plan"))
    text = at.redactor.text(render(at.session, start, documents, rows))
    path = command_path(at.run_context.settings.layout, at.session, "baseline.md")
    return at.recorder.write(path, text.encode("utf-8", "replace"))


def close_stage(
    run_context: RunContext,
    session: StageSession,
    opened: Opened,
    verdict: str | None,
    own: Sequence[WrittenFile],
    unasked: Halt | None = None,
) -> Closed:
    """The final policy layer, the probes, the tree once more, the outcome; telemetry is written.

    `verdict` is that of the agents (`ok`, `conflict`, `degraded`, `undecided`), None when none were asked. `own` is as
    for `open_stage`, with what the agents' consensus wrote, and without what `opened` has. `unasked` says why the
    agents of a run could not be asked. A run without a verdict does not pass.
    Raises GuardrailError when the record itself cannot be written.
    """
    at = hand(run_context, session)
    rows, layer = opened.rows, LayerDone("final", (), _BEFORE)
    probed: dict[str, Probed] = {}
    if opened.halt is None:
        plan = ready(run_context, session.stage)
        rows += enforced((_of_agents(run_context, session.stage, verdict, unasked),), plan.required)
        layer, judged = _layer(at, plan, "final", plan.final, rows)
        rows += enforced(judged, plan.required)
        probed = _probed(at, plan, rows)
        rows += enforced([row for each in probed.values() for row in each.rows], plan.required)
        rows += enforced(_at_last(at, plan, opened, verdict, own, rows), plan.required)
    written = (*_logs(layer), *(file for each in probed.values() for file in each.summary.artifacts))
    found = Findings(
        rules_of(session.stage),
        rows,
        (opened.prefilter or LayerDone("prefilter", (), _BEFORE), layer),
        probed[HAL.name].summary if HAL.name in probed else None,
        opened.baseline,
        halted(session.stage, rows) or opened.halt,
        opened.begun or session.started,
        at.notes.once("finished", datetime, _now),
        (*_of_session(session, own), *opened.written, *written),
    )
    return _recorded(at, found, written)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _of_agents(run_context: RunContext, stage: str, verdict: str | None, unasked: Halt | None) -> CheckResult:
    """What the agents' verdict means for the stage. A degraded one may be let pass, but never reaches unlock."""
    if unasked is not None:
        return CheckResult("consensus", "failed", unasked.message, unasked.hint, unasked.reason)
    if verdict is None and run_context.run is not None:
        return CheckResult("consensus", "failed", "no verdict was computed", None, "undecided")
    if verdict is None:
        return CheckResult("consensus", "skipped", "the agents are not asked here", needed=False)
    if verdict == "ok":
        return CheckResult("consensus", "passed", "the verdict is ok")
    said = f"the verdict is {verdict}"
    reason = _REASONS.get(verdict, "undecided")
    if verdict == "degraded" and run_context.allow_degraded and stage != "unlock":
        said += ", let pass by --allow-degraded"
        return CheckResult("consensus", "skipped", said, None, reason, (f"consensus: {said}",))
    hint = f"run 'speckit consensus check {run_context.spec} --stage {stage}'"
    return CheckResult("consensus", "failed", said, hint, reason)


def _probed(at: StageContext, plan: PreparedStage, rows: ResultRows) -> dict[str, Probed]:
    """What came of each service that concerns the stage, by its name."""
    services = stage_checks.concerned(at.run_context, plan)
    if failures(rows):
        return {each.name: stage_checks.not_asked(each, _BEFORE) for each in services}
    probe = partial(stage_checks.probe, at.run_context, at.session)
    return {each.name: probe(each, plan, at.notes, at.recorder) for each in services}


def _at_last(
    at: StageContext,
    plan: PreparedStage,
    opened: Opened,
    verdict: str | None,
    own: Sequence[WrittenFile],
    rows: ResultRows,
) -> ResultRows:
    """The tree once more; and before anything is unlocked every verdict once more, from the evidence as it is now."""
    everything = (*own, *opened.written)
    made = guarded("clean-tree", lambda: (clean_tree(at, opened.start, everything, "clean-tree after"),))
    if plan.rules.name != "unlock" or failures((*rows, *made)):
        return made
    return made + guarded("verdicts", lambda: _of_all(at, plan, verdict))


def _of_all(at: StageContext, plan: PreparedStage, verdict: str | None) -> ResultRows:
    """Of the stages before, and of this one when its agents were ever asked."""
    stage = plan.rules.name
    asked = verdict is not None or stage_checks.has_verdict(at.run_context, at.tree, stage)
    stages = (*plan.rules.earlier, *((stage,) if asked else ()))
    found = verdicts(at._replace(tree=hand(at.run_context, at.session).tree), stages, lenient=False)
    return tuple(row._replace(name=f"{row.name} at unlock") for row in found)


def _logs(layer: LayerDone) -> tuple[WrittenFile, ...]:
    return tuple(command.output for command in layer.commands if command.output)


def _of_session(session: StageSession, own: Sequence[WrittenFile]) -> tuple[WrittenFile, ...]:
    """What the consensus wrote under this session's name. Files that later stages change are no artifacts of it."""
    return tuple(file for file in own if file.path.rpartition("/")[2].startswith(session.name + "_"))


def _recorded(at: StageContext, found: Findings, written: tuple[WrittenFile, ...]) -> Closed:
    run_context, session = at.run_context, at.session
    document, _ = at.redactor.document(telemetry_document(run_context, session, found))
    telemetry = at.recorder.record(telemetry_path(run_context.settings.layout, session), "telemetry.v1", document)
    warnings = tuple(text for row in found.rows for text in row.warnings)
    return Closed(
        session.stage,
        "failed" if found.halt else "passed",
        found.halt.exit_code if found.halt else 0,
        found.halt,
        (*written, telemetry),
        telemetry,
        warnings,
        found.rows,
        found.layers,
    )
