"""What a stage relies on besides its SPEC: programs, the repository's hooks, the lock. Looked at, never assumed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.config.run_settings import Agent
from guardrails.core.text import printable
from guardrails.evidence.lock import holder
from guardrails.runs.check_result import CheckResult
from guardrails.runs.stage_definitions import PreparedStage


class MissingTool(NamedTuple):
    """Something that cannot be used, and why. `agent`: its place could be taken by a fallback profile."""

    name: str
    why: str
    agent: bool


def tools(run_context: RunContext, ready: PreparedStage) -> CheckResult:
    """Whether every program of the stage can be started: git, the agents of the roster, the policy commands.

    Agents that are missing fail a stage whose agents are going to be asked, unless another profile may answer for
    them; and the stage `tasks`, whose record is about its tools. Elsewhere nobody needs them.
    """
    lacking = tuple(_lacking(run_context, ready))
    if not lacking:
        return CheckResult("tools", "passed", f"git, and what {len(ready.roster)} agents and the policy need")
    said = printable("; ".join(f"{each.name}: {each.why}" for each in lacking))
    hint = "install it, or correct its command in .speckit.yaml"
    asked = run_context.run is not None and run_context.plan.recovery.fallback is None
    if any(not each.agent for each in lacking) or asked or (run_context.run is None and ready.rules.name == "tasks"):
        return CheckResult("tools", "failed", said, hint, "missing-tool")
    return CheckResult("tools", "skipped", said, hint, "missing-tool", (f"tools: {said}",))


def _lacking(run_context: RunContext, ready: PreparedStage) -> Iterator[MissingTool]:
    if _program(run_context, "git") is None:
        yield MissingTool("git", "not on PATH", False)
    for name in ready.roster:
        why = why_not(run_context, run_context.plan.agent(name))
        if why:
            yield MissingTool(name, why, True)
    for argv in (*ready.prefilter, *ready.final):
        if _program(run_context, argv[0]) is None:
            yield MissingTool("policy", f"there is no program {argv[0]}", False)


def why_not(run_context: RunContext, agent: Agent) -> str | None:
    """Why an agent cannot be called; None when it can."""
    if agent.replay is not None:
        place = os.path.join(run_context.repo.root, agent.replay)
        return None if os.path.isdir(place) else f"there is no folder {agent.replay}"
    if not agent.command:
        return "no command is configured"
    return None if _program(run_context, agent.command[0]) else f"there is no program {agent.command[0]}"


def _program(run_context: RunContext, name: str) -> str | None:
    """Where a program is found, as it will be when it is started at the root."""
    if os.path.dirname(name):
        place = os.path.join(run_context.repo.root, name)
        return place if os.path.isfile(place) and os.access(place, os.X_OK) else None
    return shutil.which(name, path=run_context.environment.get("PATH"))


def hooks(run_context: RunContext) -> CheckResult:
    """Whether the hooks that guard this repository's commits and pushes are installed, as `speckit doctor` sees it."""
    from guardrails.setup.detect import detect_layout
    from guardrails.setup.diagnosis import DoctorContext
    from guardrails.setup.hook_checks import hook_rows
    from guardrails.snapshot.worktree import Worktree

    patient = DoctorContext(
        run_context.repo,
        Worktree(run_context.repo),
        detect_layout(run_context.repo, run_context.settings.layout),
        run_context.settings,
    )
    rows = [row for row in hook_rows(patient) if row.subject in ("pre-commit", "pre-push", "hooks")]
    bad = [row for row in rows if row.level in ("fail", "unknown")]
    if bad:
        said = printable("; ".join(f"{row.subject}: {row.message}" for row in bad))
        return CheckResult("hooks", "skipped", said, "speckit install", warnings=(f"hooks: {said}",))
    warned = tuple(printable(f"hooks: {row.subject}: {row.message}") for row in rows if row.level == "warn")
    return CheckResult("hooks", "passed", "installed", warnings=warned)


def lock(run_context: RunContext) -> CheckResult:
    """Whether this process holds the lock of the SPEC."""
    who = holder(run_context.repo, run_context.spec)
    if who is not None and who.pid == os.getpid():
        return CheckResult("lock", "passed", "held by this process")
    said = f"held by process {who.pid} ({who.purpose})" if who else "nobody holds it"
    return CheckResult(
        "lock", "failed", printable(said), "run the stage through 'speckit stage' or 'speckit auto'", "locked"
    )
