"""Attestations: each session as a signed in-toto statement; and a run as a statement for tools that read such.

See https://github.com/in-toto/attestation: spec/v1/statement.md and spec/predicates/test-result.md. The statement about
a run is not signed, for its seal is; whoever wants an envelope puts it into one of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from guardrails.checks.ledger.attestation import (
    STATEMENT,
    AttestedSession,
    Envelope,
    authenticated_bytes,
    session_statement,
)
from guardrails.checks.ledger.entries import digest
from guardrails.checks.ledger.runs import RunEvidence
from guardrails.config.settings import Settings
from guardrails.core.schema import is_valid
from guardrails.core.strict_json import record_bytes
from guardrails.errors import GuardrailError
from guardrails.evidence.names import StageSession, consensus_path
from guardrails.evidence.signature import Warn, signing
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.git.repo import Repo
from guardrails.snapshot.worktree import Worktree

# Sessions: signed at their end, over every file they have.


def attest(
    repo: Repo, settings: Settings, session: StageSession, warn: Warn, also: Iterable[str] = ()
) -> tuple[WrittenFile, ...]:
    """Sign the statement about a session and write it: no file where nothing is to be signed, or could not be.

    It lists the files of the session among consensus evidence, and `also` others: telemetry, a resolution. Raises
    GuardrailError when signatures are required and there is none. The caller holds the SPEC's lock.
    """
    sign = signing(repo, settings.evidence.signature, warn)
    layout, store = settings.layout, EvidenceStore(repo.root)
    path = consensus_path(layout, session, "attestation.json")
    if sign is None:
        store.discard(path)  # of what was signed before, it would be about other files
        return ()
    worktree = Worktree(repo)
    paths = {entry.path for entry in worktree.entries(path.rpartition("/")[0]) if entry.kind == "file"}
    own = {each for each in paths if each.rpartition("/")[2].startswith(f"{session.name}_")} - {path}
    contents = {each: data for each in sorted(own | set(also)) if (data := store.read(each)) is not None}
    digests = {each: digest(data) for each, data in contents.items()}
    files = AttestedSession(session.spec, session.stage, session.stamp, digests)
    payload = record_bytes(session_statement(layout, files, contents.get))
    signature = sign(authenticated_bytes(payload), f"the session {session.name}")
    if signature is None:
        store.discard(path)
        return ()
    envelope = Envelope(payload, signature.data, signature.fingerprint)
    return (store.record(path, "attestation", envelope.document, replace=True),)


# Runs: for tools that read results of tests.


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
