"""The six stages as data: what must be there before, what is judged by default, what the record says."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.config.layout import STAGES
from guardrails.config.run_settings import Argv, StagePlan
from guardrails.config.settings import Service
from guardrails.engine.registry import CHECKS
from guardrails.errors import GuardrailError
from guardrails.runs.check_result import CheckResult
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.worktree import Worktree

TREE = "clean-tree"
VERDICTS = "consensus check"

_LINT = ("lint",)
PACKET = ("spec.md", "plan.md", "tasks.md")


class StageRules(NamedTuple):
    """One stage. `documents` are files of the SPEC's directory that must be there and not empty.

    Agents answer with evidence, they write no documents: plan.md is written by people, before `tasks` is run. So a
    stage asks for the documents that its own work begins from, and no others.
    """

    name: str
    documents: tuple[str, ...]
    checks: tuple[str, ...]
    probes: bool = False
    """whether the services are asked, where the configuration does not name those of the stage"""
    hooks: bool = False
    """whether the record says what became of the repository's hooks"""
    lock: bool = False
    """whether the record says that the SPEC is locked"""
    scenarios: bool = False
    """whether the record lists what was run"""

    @property
    def earlier(self) -> tuple[str, ...]:
        """The stages before this one."""
        return STAGES[: STAGES.index(self.name)]


RULES = (
    StageRules("plan", PACKET[:1], _LINT, hooks=True),
    StageRules("tasks", PACKET[:2], _LINT),
    StageRules("implement", PACKET, _LINT, hooks=True, lock=True),
    StageRules("validate", PACKET, ("validate", "footprint", "secrets"), probes=True, scenarios=True),
    StageRules("audit", PACKET, (VERDICTS, "validate", "footprint"), probes=True, scenarios=True),
    StageRules("unlock", PACKET, (VERDICTS, "validate")),
)


def rules_of(stage: str) -> StageRules:
    """The rules of a stage. Raises GuardrailError for what is no stage."""
    for rules in RULES:
        if rules.name == stage:
            return rules
    raise GuardrailError(f"there is no stage '{stage}'", f"stages are {', '.join(STAGES)}")


class PreparedStage(NamedTuple):
    """A stage as it will be run: the rules with what the configuration says on top."""

    rules: StageRules
    checks: tuple[str, ...]
    """without the tree, which is always judged, and without the verdicts"""
    verdicts: tuple[str, ...]
    """the stages whose verdicts must be ok, recomputed from their evidence"""
    probes: tuple[str, ...]
    """names of the services that are asked"""
    roster: tuple[str, ...]
    prefilter: tuple[Argv, ...]
    final: tuple[Argv, ...]
    timeout: float
    """seconds, for each policy command"""
    required: bool
    """whether what is skipped fails the stage"""


def ready(run_context: RunContext, stage: str) -> PreparedStage:
    """What running `stage` amounts to. Raises GuardrailError for names that nobody knows.

    `unlock` asks for the verdicts of all stages before it, whatever checks are configured.
    """
    rules, plan = rules_of(stage), run_context.plan.stage(stage)
    known = tuple(check.name for check in CHECKS)
    checks = _known("checks", plan, known, rules.checks if plan.checks is None else plan.checks)
    asked = VERDICTS in checks or stage == STAGES[-1]
    services = tuple(service.name for service in services_of(run_context))
    by_default = services if rules.probes else ()
    return PreparedStage(
        rules,
        tuple(name for name in checks if name not in (TREE, VERDICTS)),
        rules.earlier if asked else (),
        _known("probes", plan, services, by_default if plan.probes is None else plan.probes),
        plan.roster,
        plan.prefilter,
        plan.final,
        plan.timeout,
        plan.required,
    )


def _known(kind: str, plan: StagePlan, known: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            raise GuardrailError(f"stages.{plan.name}.{kind}: there is no '{name}'", f"known are {', '.join(known)}")
    return names


def services_of(run_context: RunContext) -> tuple[Service, ...]:
    """The services that a stage may ask: HAL, and those of `probes`."""
    return (run_context.settings.hal, *run_context.plan.probes)


# The documents of a SPEC that a stage begins from.


class PacketDocument(NamedTuple):
    """One document. `sha256` is None when it cannot be read, and `problem` says why."""

    path: str
    sha256: str | None
    problem: str | None = None


def folder_of(run_context: RunContext, tree: Snapshot) -> str | None:
    """The one directory of the SPEC, by its exact id; None when there is none, or more than one."""
    layout = run_context.settings.layout
    named = [name for name in tree.folders(layout.docs) if layout.id_of(name) == run_context.spec]
    return f"{layout.docs}/{named[0]}" if len(named) == 1 else None


def require_spec(run_context: RunContext) -> None:
    """Raises GuardrailError for a SPEC that has no directory here: it would only leave evidence of a mistyped id."""
    if folder_of(run_context, Worktree(run_context.repo)) is None:
        docs = run_context.settings.layout.docs
        raise GuardrailError(
            f"{run_context.spec} has no directory of its own in {docs}", f"write {docs}/{run_context.spec}/spec.md"
        )


def documents_of(run_context: RunContext, tree: Snapshot, rules: StageRules) -> tuple[PacketDocument, ...]:
    """The documents the stage begins from, as they are; none when the SPEC has no directory of its own."""
    folder = folder_of(run_context, tree)
    if folder is None:
        return ()
    return tuple(_document(tree, f"{folder}/{name}") for name in rules.documents)


def _document(tree: Snapshot, path: str) -> PacketDocument:
    entry = tree.entry(path)
    if entry is None:
        return PacketDocument(path, None, "is not there")
    if entry.kind != "file":
        return PacketDocument(path, None, f"is a {entry.kind}, not a regular file")
    data = tree.read(path)
    if data is None:
        return PacketDocument(path, None, "cannot be read")
    return PacketDocument(path, sha256(data).hexdigest(), None if data.strip() else "is empty")


def prerequisites(run_context: RunContext, rules: StageRules, found: tuple[PacketDocument, ...]) -> CheckResult:
    """Whether the documents are there."""
    if not found:
        docs = run_context.settings.layout.docs
        message = f"{run_context.spec} has no directory of its own in {docs}"
        return CheckResult("documents", "failed", message, f"write {docs}/{run_context.spec}/{rules.documents[0]}")
    broken = [document for document in found if document.problem]
    if broken:
        first = broken[0]
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        message = f"{rules.name} begins from {first.path}, which {first.problem}{more}"
        return CheckResult("documents", "failed", message, f"write {first.path} and commit it")
    return CheckResult("documents", "passed", f"{', '.join(rules.documents)}")
