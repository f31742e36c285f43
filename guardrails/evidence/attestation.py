"""A run as an in-toto Statement v1 with the test-result predicate, for tools that read attestations.

See https://github.com/in-toto/attestation: spec/v1/statement.md and spec/predicates/test-result.md. The statement is
not signed; whoever wants an attestation puts it into an envelope of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from guardrails.checks.ledger.entries import digest
from guardrails.checks.ledger.runs import RunEvidence
from guardrails.core.schema import is_valid
from guardrails.errors import GuardrailError

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
AttestedOutcome = Literal["passed", "warned", "failed"]
_STAGES: dict[str, AttestedOutcome] = {"passed": "passed", "failed": "failed", "halted": "failed"}
"""A stage that was skipped was not run: it is in no list, so no policy takes it for passed."""
_VERDICTS: dict[str, AttestedOutcome] = {
    "ok": "passed",
    "degraded": "warned",
    "hold": "failed",
    "conflict": "failed",
    "undecided": "failed",
}


class Test(NamedTuple):
    name: str
    outcome: AttestedOutcome


def statement(run: RunEvidence, ledger: bytes) -> dict[str, Any]:
    """The statement of a finished, sealed run. `ledger` are the bytes of its ledger.

    The subjects are what was judged: the SPEC's documents and the commit the run started from. Each stage is a test,
    and so is each verdict. The ledger is part of the configuration, so that the statement is about its evidence too.
    Raises GuardrailError for a run that is not finished.
    """
    summary = run.summary.document if run.summary else None
    if summary is None or not is_valid("run_summary", summary):
        raise GuardrailError(f"{run.name} has no sound summary", "'speckit validate' says what is wrong with it")
    if not summary["seal"]:
        raise GuardrailError(f"{run.name} is not finished, so nothing is sealed", "export it when it has ended")
    names: dict[AttestedOutcome, list[str]] = {"passed": [], "warned": [], "failed": []}
    for test in _tests(summary):
        names[test.outcome].append(test.name)
    good = summary["outcome"] == "completed" and not names["failed"]
    return {
        "_type": STATEMENT,
        "subject": list(_subjects(summary)) or [_descriptor(run.ledger, ledger)],
        "predicateType": PREDICATE,
        "predicate": {
            "result": "FAILED" if not good else "WARNED" if names["warned"] else "PASSED",
            "configuration": list(_configuration(run, summary, ledger)),
            "passedTests": names["passed"],
            "warnedTests": names["warned"],
            "failedTests": names["failed"],
        },
    }


def _tests(summary: dict[str, Any]) -> Iterator[Test]:
    for row in summary["stages"]:
        if row["status"] in _STAGES:
            yield Test(f"{row['stage']}", _STAGES[row["status"]])
        if row["verdict"]:
            yield Test(f"{row['stage']} consensus", _VERDICTS[row["verdict"]["verdict"]])


def _subjects(summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
    digests = summary["digests"]
    for item in {item["path"]: item for item in digests["documents"]}.values():
        yield {"name": item["path"], "digest": {"sha256": item["sha256"]}}
    if digests.get("commit"):
        yield {"name": "commit", "digest": {"gitCommit": digests["commit"]}}


def _configuration(run: RunEvidence, summary: dict[str, Any], ledger: bytes) -> Iterator[dict[str, Any]]:
    yield {"name": "configuration", "digest": {"sha256": summary["digests"]["config_sha256"]}}
    for number, sha256 in enumerate(summary["digests"]["prompts"], 1):
        yield {"name": f"prompt {number}", "digest": {"sha256": sha256}}
    seal = {"entries": summary["seal"]["entries"], "head": summary["seal"]["head"]}
    yield _descriptor(run.ledger, ledger) | {"annotations": seal}


def _descriptor(path: str, data: bytes) -> dict[str, Any]:
    return {"name": path, "digest": {"sha256": digest(data)}}
