"""A packet of SPEC-KIT-900 that meets every criterion of the shipped example."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from guardrails.config import Settings
from guardrails.core import Checked, Finding, Skipped
from guardrails.engine import check_named
from guardrails.snapshot import CheckContext, MemorySnapshot, Recall, RecalledMemory, Scope
from tests.consensus.builder import TRIO, Bundle, render
from tests.records import EVIDENCE, plan_telemetry, telemetry_path

SPEC = "SPEC-KIT-900"
FOLDER = f"docs/{SPEC}"
DECLARED = f"{FOLDER}/acceptance.yaml"
EXAMPLE = (Path(__file__).parent.parent.parent / "examples" / "acceptance.yaml").read_bytes()
COSTS = f"{EVIDENCE}/costs/{SPEC}_cost_summary.json"
NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)

PLAN = """# Plan

## Timeline

| Milestone | Start | End |
| --- | --- | --- |
| Design | day 1 | day 4 |
| Implementation | day 5 | day 8 |
| Validation | day 9 | day 10 |

## Risks & Unknowns

| # | Risk | Kind | Mitigation |
| --- | --- | --- | --- |
| 1 | The queue is slow | technical | measure it first |
| 2 | Reviews are late | process | book them |
| 3 | Nobody is on call | operational | a rota |

## Success Metrics

- p95 latency below 200 ms
- adoption: 40 % of the team within two weeks
- **Telemetry coverage**: 95 % of requests
"""
_TASK = "| T{n} | Do part {n} | {m} | Engineer | A module | tests pass | {p} |\n"
TASKS = (
    "# Tasks\n\n| Id | Task | Milestone | Owner | Deliverable | Definition of Done | Parallel |\n"
    "| --- | --- | --- | --- | --- | --- | --- |\n"
    + "".join(
        _TASK.format(n=n, m="Design" if n < 5 else "Validation", p="yes" if n % 2 else "no") for n in range(1, 10)
    )
    + "\nT1 and T3 run in parallel.\n\n## Cross-Team Touchpoints\n\n- UX review of the reminder list\n- QA sign-off\n"
)
ANSWER = """## Tests

- Kind: unit · Scope: the queue
- Kind: integration · Scope: API and UI
- **Kind**: load · Scope: 500 devices

## Monitoring

The KPIs are latency and error rate. Rollback trigger: error rate above 2 % for five minutes.
Estimated cost of the suite: $0.40.
"""
REVIEW = "# Review\n\n| Reviewer | Rating |\n| --- | --- |\n| a maintainer | Adequate |\n"


def packet() -> dict[str, bytes]:
    """Every file of it."""
    files = {DECLARED: EXAMPLE, f"{FOLDER}/plan.md": PLAN.encode(), f"{FOLDER}/tasks.md": TASKS.encode()}
    files[f"{FOLDER}/review.md"] = REVIEW.encode()
    for stage in ("plan", "tasks", "validate"):
        text = ANSWER if stage == "validate" else "All is planned."
        files.update(Bundle(spec=SPEC, stage=stage, text=text).files)
    files[telemetry_path("plan")] = render(plan_telemetry())
    plain = {key: value for key, value in plan_telemetry().items() if key not in ("baseline", "hooks")}
    tasks = {**plain, "command": "spec-ops-tasks", "tool": {"status": "ok"}}
    files[telemetry_path("tasks")] = render(tasks)
    scenarios = [{"name": "unit", "status": "passed"}]
    files[telemetry_path("validate")] = render({**plain, "command": "spec-ops-validate", "scenarios": scenarios})
    entries = {stage: {"usd": 0.1, "tokens": 900, "source": "measured"} for stage in ("plan", "tasks", "validate")}
    files[COSTS] = render({"specId": SPEC, "schemaVersion": 1, "per_stage": entries, "total_usd": 0.3})
    return files


def remembers(*agents: str) -> Recall:
    """A memory in which these agents left one entry each."""
    return lambda tags: [RecalledMemory(frozenset({agent})) for agent in agents]


ALL = remembers(*TRIO)


def observed(
    files: dict[str, bytes],
    *,
    spec: str | None = SPEC,
    stage: str | None = None,
    recall: Recall | None = ALL,
    settings: Settings | None = None,
) -> list[Finding | Checked | Skipped]:
    """What the check says of some files."""
    subject = CheckContext(MemorySnapshot(files), settings or Settings(), NOW, Scope(spec=spec, stage=stage), recall)
    return list(check_named("accept").run(subject))


def findings(files: dict[str, bytes], **named: object) -> list[Finding]:
    """The findings alone."""
    return [each for each in observed(files, **named) if isinstance(each, Finding)]  # type: ignore[arg-type]


def broken(files: dict[str, bytes], **named: object) -> list[str]:
    """The criteria that do not hold, each once, in order."""
    return list(dict.fromkeys(finding.message.partition(":")[0] for finding in findings(files, **named)))
