"""Violations of the rules about evidence: records, costs, HAL, and the ledgers of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guardrails.checks.ledger.entries import LedgerEntry, digest, line_of, unsealed
from guardrails.checks.security_review.form import template
from guardrails.checks.security_review.tracker import document_path, tracker_path
from guardrails.core.strict_json import record_bytes
from guardrails.setup.canaries.ground import SPECS, STAMP, TIME, Canary, Content, Ground, Plant, SymbolicLink, rendered

ZEROS = "0" * 64


def _telemetry(ground: Ground) -> dict[str, Any]:
    """A sound record of the plan stage."""
    return {
        "schemaVersion": 1, "command": "spec-ops-plan", "specId": ground.spec, "sessionId": STAMP, "timestamp": TIME,
        "baseline": {"mode": "run", "artifact": ground.prd, "status": "passed"},
        "hooks": {"session.start": "ok"}, "artifacts": [],
    }  # fmt: skip


def _path(ground: Ground) -> str:
    return ground.evidence(f"commands/{ground.spec}/spec-plan_{STAMP}.json")


def _record(content: Content) -> Callable[[Ground], Plant]:
    return lambda ground: Plant({_path(ground): content})


def _changed(**changes: Any) -> Callable[[Ground], Plant]:
    return lambda ground: Plant({_path(ground): rendered({**_telemetry(ground), **changes})})


def _artifact(path: str, sha256: str = ZEROS) -> Callable[[Ground], Plant]:
    def plant(ground: Ground) -> Plant:
        rows = [{"path": path.format(prd=ground.prd), "sha256": sha256}]
        return Plant({_path(ground): rendered({**_telemetry(ground), "artifacts": rows})})

    return plant


RECORDS = (
    Canary("TEL001", "pre-commit", _record(b'{"note": "ran "make""}\n')),
    Canary("TEL002", "pre-commit", _changed(schemaVersion="banana")),
    Canary("TEL003", "pre-commit", _record(b'{"status": "failed", "status": "passed"}\n')),
    Canary("TEL004", "pre-commit", _record(b"")),
    Canary("TEL005", "pre-commit", _record(b"[" * 5000 + b"]" * 5000)),
    Canary("TEL006", "pre-commit", _changed(sessionId="${session}")),
    Canary("TEL007", "pre-commit", _changed(timestamp="2025-02-30T00:00:00Z")),
    Canary("TEL008", "pre-commit", _changed(specId=SPECS[1])),
    Canary("TEL009", "pre-commit", _artifact("{prd}")),
    Canary("TEL010", "pre-commit", _artifact("docs/canary/gone.md")),
    Canary("TEL012", "pre-commit", _artifact("../../etc/passwd")),
    Canary("TEL013", "pre-commit", _record(SymbolicLink("/dev/null"))),
    Canary(
        "TEL014", "pre-commit", lambda ground: Plant(ground.configured(evidence={"require": ["commands/SPEC-GONE-1"]}))
    ),
)


def _costs(**changes: Any) -> Callable[[Ground], Plant]:
    def plant(ground: Ground) -> Plant:
        stage = {"usd": 0.4, "tokens": 100, "source": "measured", "calls": 3, "priced_calls": 3}
        summary = {
            "schemaVersion": 1, "specId": ground.spec, "generatedAt": TIME, "runProfile": "canary",
            "per_stage": {"plan": stage}, "total_usd": 0.4, "total_tokens": 100, "calls": 3, "priced_calls": 3,
            "budget": {"usd": 4.0, "used": 0.1, "spent": 0.4},
        }  # fmt: skip
        return Plant({ground.evidence(f"costs/{ground.spec}_cost_summary.json"): rendered({**summary, **changes})})

    return plant


_FREE = {"plan": {"usd": None, "tokens": None, "source": "unknown", "calls": 3, "priced_calls": 0}}

COSTS = (
    Canary("CST001", "pre-commit", _costs(per_stage=_FREE, total_usd=0.0, budget=None)),
    Canary("CST002", "pre-commit", _costs(total_usd=1.0)),
    Canary("CST003", "pre-commit", _costs(priced_calls=5)),
    Canary("CST004", "pre-commit", _costs(budget={"usd": 4.0, "used": 0.9, "spent": 0.4})),
    Canary(
        "HAL001",
        "pre-commit",
        _changed(hal={"mode": "live", "summary": {"status": "passed", "failed_checks": ["health"], "artifacts": []}}),
    ),
)


class _Run:
    """A finished, sealed run of one file, and the means to spoil it."""

    def __init__(self, ground: Ground, name: str = STAMP) -> None:
        folder = ground.evidence(f"runs/{ground.spec}")
        self.ledger, self.summary = f"{folder}/{name}.ledger.jsonl", f"{folder}/{name}.json"
        self.signature = f"{folder}/{name}.ledger.sig"
        self.file, self.data = _path(ground), rendered(_telemetry(ground))
        self.extra = ground.evidence(f"commands/{ground.spec}/spec-plan_{STAMP}_extra.json")
        self.manifest = ground.evidence(f"archive/{ground.spec}/manifest.json")
        self.document: dict[str, Any] = {
            "schemaVersion": 1, "specId": ground.spec, "run": name, "from": "plan", "to": "plan", "outcome": "done",
            "started_at": TIME, "finished_at": TIME, "exit_code": 0, "stages": [],
        }  # fmt: skip

    def lines(self, also: Mapping[str, bytes] | None = None) -> list[bytes]:
        bare = unsealed(self.document)
        made: list[bytes] = []
        for path, data in {self.file: self.data, **(also or {}), self.summary: bare}.items():
            previous = digest(made[-1]) if made else None
            made.append(line_of(LedgerEntry(len(made) + 1, path, digest(data), len(data), previous, timestamp=TIME)))
        return made

    def files(self, lines: list[bytes] | None = None, also: Mapping[str, bytes] | None = None) -> dict[str, Content]:
        """The run with these lines in its ledger, sealed as they are."""
        rows = self.lines(also) if lines is None else lines
        seal = {"ledger": self.ledger, "entries": len(rows), "head": digest(rows[-1]), "signature": None}
        sealed = record_bytes({**self.document, "seal": seal})
        return {
            self.file: self.data, **(also or {}), self.summary: sealed, self.ledger: b"".join(r + b"\n" for r in rows),
        }  # fmt: skip


def _ledger(spoil: Callable[[_Run], Mapping[str, Content]]) -> Callable[[Ground], Plant]:
    def plant(ground: Ground) -> Plant:
        run = _Run(ground)
        return Plant({**run.files(), **spoil(run)})

    return plant


def _later(spoil: Callable[[_Run], Mapping[str, Content]]) -> Callable[[Ground], Plant]:
    """What a later push does to a run that was pushed before."""

    def plant(ground: Ground) -> Plant:
        run = _Run(ground)
        return Plant(spoil(run), (run.files(),), pushed=True)

    return plant


def _unlinked(run: _Run) -> Mapping[str, Content]:
    first, second = run.lines()
    return run.files([first, second.replace(digest(first).encode(), ZEROS.encode())])


def _other_seal(run: _Run) -> Mapping[str, Content]:
    seal = {"ledger": run.ledger, "entries": 41, "head": ZEROS, "signature": None}
    return {run.summary: record_bytes({**run.document, "seal": seal})}


def _stale_verdict(ground: Ground) -> Plant:
    run = _Run(ground)
    path = _session(ground, "verdict")
    inputs = [{"path": ground.prd, "sha256": ZEROS}]
    verdict = rendered({"specId": ground.spec, "stage": "plan", "verdict": "ok", "inputs": inputs, "timestamp": TIME})
    return Plant(run.files(also={path: verdict}))


def _lost_answer(ground: Ground) -> Plant:
    path = ground.evidence(f"consensus/{ground.spec}/spec-plan_{STAMP}_claude.json")
    return Plant({path: None}, ({path: b"{}\n"},), pushed=True)


def _lent_file(ground: Ground) -> Plant:
    other = f"{STAMP[:-1]}{'0' if STAMP[-1] != '0' else '1'}"
    return Plant({**_Run(ground).files(), **_Run(ground, other).files()})


def _session(ground: Ground, tail: str) -> str:
    return ground.evidence(f"consensus/{ground.spec}/spec-plan_{STAMP}_{tail}.json")


def _unattested(ground: Ground) -> Plant:
    verdict = rendered({"specId": ground.spec, "stage": "plan", "verdict": "ok", "timestamp": TIME})
    return Plant({_session(ground, "verdict"): verdict, **ground.configured(evidence={"signature": "required"})})


LEDGERS = (
    Canary("LED001", "pre-push", _ledger(_unlinked)),
    Canary("LED002", "pre-push", _ledger(lambda run: {run.ledger: b"no entry\n"})),
    Canary("LED003", "pre-push", _ledger(lambda run: {run.file: run.data + b"\n"})),
    Canary("LED004", "pre-push", _ledger(lambda run: {run.file: None})),
    Canary("LED005", "pre-push", _ledger(lambda run: {run.extra: run.data})),
    Canary("LED006", "pre-push", _ledger(_other_seal)),
    Canary("LED007", "pre-push", _ledger(lambda run: {run.summary: None})),
    Canary("LED009", "pre-push", _stale_verdict),
    Canary("LED010", "pre-push", _later(lambda run: {run.ledger: b"".join(reversed(run.lines())) + b"\n"})),
    Canary("LED011", "pre-push", _later(lambda run: dict.fromkeys((run.ledger, run.summary)))),
    Canary("LED012", "pre-push", lambda ground: Plant({_Run(ground).manifest: b"{\n"})),
    Canary(
        "LED013",
        "pre-push",
        lambda ground: Plant({**_Run(ground).files(), **ground.configured(evidence={"signature": "required"})}),
    ),
    Canary("LED014", "pre-push", _ledger(lambda run: {run.signature: b"a signature\n"})),
    Canary("LED019", "pre-push", _lost_answer),
    Canary("LED020", "pre-push", _lent_file),
    Canary("LED021", "pre-push", _unattested),
    Canary("LED022", "pre-push", lambda ground: Plant({_session(ground, "attestation"): b"{}\n"})),
)


# Violations of the rules about security reviews.


_EXCEPTION = "| TODO: none, or X1 | TODO: T1 | TODO: what is accepted, and why | TODO | TODO: YYYY-MM-DD |"
_EXPIRED = "| X1 | T1 | seals are not signed | a canary | 2025-06-30 |"


def _unsigned(ground: Ground) -> Plant:
    return Plant(ground.configured(security={"require": [ground.spec]}))


def _signed(artifact: str = "", sha256: str = "", name: str = "canary") -> Callable[[Ground], Plant]:
    """A form that nobody filled in, recorded as signed off: with a digest of its own or another, by somebody."""

    def plant(ground: Ground) -> Plant:
        text = template(ground.spec, [("Specification", artifact or ground.prd)]).replace(_EXCEPTION, _EXPIRED)
        path, data = document_path(ground.folder), text.encode()
        made = sha256 or digest(data)
        sign_off = {"name": name, "role": "reviewer", "decision": "approved", "date": TIME[:10], "note": None}
        tracker = {
            "schemaVersion": 1, "specId": ground.spec, "updated_at": TIME, "status": "signed-off",
            "review": {"path": path, "sha256": made}, "template_version": "1", "classification": "internal",
            "checkpoints": [{"id": "context", "title": "Context", "status": "done", "evidence": [path]}],
            "threats": [], "artifacts": [], "exceptions": [], "sign_offs": [sign_off],
        }  # fmt: skip
        return Plant({path: data, tracker_path(ground.settings.layout, ground.spec): rendered(tracker)})

    return plant


REVIEWS = (
    Canary("DOC011", "pre-commit", _unsigned),
    Canary("DOC012", "pre-commit", _signed()),
    Canary("DOC013", "pre-commit", _signed(sha256="0" * 64)),
    Canary("DOC014", "pre-commit", _signed(artifact="docs/canary/gone.md")),
    Canary("DOC015", "pre-commit", _signed(name="TBD")),
    Canary("DOC016", "pre-commit", _signed()),
)
