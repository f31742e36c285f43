"""A history whose figures were worked out by hand, as files in memory. Every test of a figure begins from it.

Three ISO weeks of one SPEC, read on 2026-02-18 (in 2026-W08):

- 2026-W05, two runs, each of one stage: agreement 4 of 5 = 0.80 in both; $4.00 and $3.20, so $3.60 a run.
- 2026-W06, one run: agreement 2 of 3; $3.75.
- 2026-W07, six runs: agreement 1; the 18 calls took 1, 2 … 18 seconds and cost ten cents each, but for one whose cost
  nobody knows: $1.70 and maybe more, a run (5 × 0.30 + 0.20) / 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.consensus.builder import SPEC, TRIO, Bundle, Files, edit, iso, put, render, reseal
from tests.sandbox import EVIDENCE

NOW = datetime(2026, 2, 18, 12, tzinfo=timezone.utc)
_PASSED: dict[str, dict[str, Any]] = {
    "plan": {
        "baseline": {"mode": "full", "artifact": "docs/b.md", "status": "passed"},
        "hooks": {"session.start": "ok"},
    },
    "tasks": {"tool": {"status": "ready"}},
    "implement": {"lock_status": "locked", "hook_status": "ok"},
    "validate": {"scenarios": [{"name": "unit", "status": "passed"}]},
    "audit": {"scenarios": [{"name": "review", "status": "passed"}]},
    "unlock": {"unlock_status": "unlocked"},
}


def at(month: int, day: int, hour: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=timezone.utc)


def telemetry(bundle: Bundle, **changes: Any) -> Files:
    """The telemetry of a bundle's stage."""
    record = {
        "schemaVersion": 1, "command": f"spec-ops-{bundle.stage}", "specId": bundle.spec, "sessionId": bundle.stamp,
        "timestamp": iso(bundle.moment), **_PASSED[bundle.stage], "artifacts": [], **changes,
    }  # fmt: skip
    return {f"{EVIDENCE}/commands/{bundle.spec}/spec-{bundle.stage}_{bundle.stamp}.json": render(record)}


def metrics(bundle: Bundle, usd: Sequence[float | None], seconds: Sequence[float] = (1, 2, 3)) -> Files:
    """The metrics of each agent's call; a cost of None was not known."""
    made = {}
    for agent, cost, time in zip(bundle.roster, usd, seconds, strict=True):
        known = cost is not None
        record = {
            "schemaVersion": 1, "specId": bundle.spec, "stage": bundle.stage, "session": bundle.stamp,
            "timestamp": iso(bundle.moment), "agent": agent, "attempt": 1, "model_id": f"{agent}-1",
            "output_path": bundle.path(agent), "latency_ms": int(time * 1000),
            "prompt_tokens": 3000 if known else None, "completion_tokens": 1000 if known else None,
            "total_tokens": 4000 if known else None, "cost_usd": cost, "source": "measured" if known else "unknown",
            "status": "ok", "error": None,
        }  # fmt: skip
        made[bundle.path(f"{agent}_metrics")] = render(record)
    return made


def run(bundle: Bundle, usd: Sequence[float | None], seconds: Sequence[float] = (1, 2, 3)) -> Files:
    """A stage run that held: telemetry, consensus and metrics."""
    return {**bundle.files, **telemetry(bundle), **metrics(bundle, usd, seconds)}


def disputed(bundle: Bundle, usd: Sequence[float | None]) -> Files:
    """The same with one conflict that nobody settled, and one statement that an agent abstains on."""
    files = run(bundle, usd)
    said = {"agreements": list(bundle.agreements), "conflicts": ["storage: SQLite or Postgres by default"]}
    files = put(files, bundle.path("gemini"), consensus=said)
    files = put(files, bundle.path("synthesis"), conflicts=[{"text": "storage: SQLite or Postgres by default"}])
    files = reseal(bundle, put(files, bundle.path("synthesis"), status="conflict"))

    def abstain(ballot: dict[str, Any]) -> None:
        ballot["ballot"][0]["vote"] = "abstain"

    return edit(files, bundle.path("gemini_ballot"), abstain)


def history() -> Files:
    """The files of the three weeks, with the tracker."""
    three, five = ("a", "b", "c"), ("a", "b", "c", "d", "e")
    files = disputed(Bundle(moment=at(1, 27), agreements=five, with_verdict=False), (2.00, 1.00, 1.00))
    files |= disputed(Bundle(stage="tasks", moment=at(1, 29), agreements=five, with_verdict=False), (1.20, 1.00, 1.00))
    files |= disputed(
        Bundle(stage="validate", moment=at(2, 3), agreements=three, with_verdict=False), (1.25, 1.25, 1.25)
    )
    for number in range(6):
        moment = at(2, 9) + timedelta(days=number)
        usd: tuple[float | None, ...] = (0.10, 0.10, None if number == 3 else 0.10)
        files |= run(Bundle(moment=moment), usd, [3 * number + step for step in (1, 2, 3)])
    head = "| Order | Task ID | Title | Status | Owners | PRD | Branch | PR | Last Validation | Evidence | Notes |"
    row = f"| 1 | T26 | {SPEC} baseline | In Progress | Code | docs/{SPEC}/spec.md | main | - | 2026-02-14 | - | - |"
    files["SPEC.md"] = "\n".join(["# Tracker", "", head, "|" + "---|" * 11, row, ""]).encode()
    return files


def costs(stages: dict[str, float | None], **changes: Any) -> Files:
    """A cost summary of the SPEC."""
    known = [usd for usd in stages.values() if usd is not None]
    record = {
        "schemaVersion": 1, "specId": SPEC, "generatedAt": "2026-02-14T10:00:00Z", "runProfile": "cheap",
        "per_stage": {
            stage: {"usd": usd, "tokens": None, "source": "unknown" if usd is None else "measured"}
            for stage, usd in stages.items()
        },
        "total_usd": sum(known) if known else None, "total_tokens": None, "calls": len(TRIO) * len(stages),
        "priced_calls": len(TRIO) * len(known), "budget": {"usd": 3.0}, **changes,
    }  # fmt: skip
    return {f"{EVIDENCE}/costs/{SPEC}_cost_summary.json": render(record)}
