"""Whether a ledger holds together, and whether the run's summary seals it."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.checks.ledger.entries import Chain, digest, unsealed
from guardrails.checks.ledger.rules import (
    CHAIN_BROKEN,
    EVIDENCE_EDITED,
    EVIDENCE_MISSING,
    LINE_MALFORMED,
    RUN_UNDER_WAY,
    RUN_UNSEALED,
    SEAL_MISMATCH,
    SIGNATURE_BAD,
    UNSIGNED,
)
from guardrails.checks.ledger.runs import RunEvidence, RunSummaryFile
from guardrails.core.finding import Finding, Rule, Severity
from guardrails.core.limits import LEDGER_FAULTS, at_most
from guardrails.core.strict_json import record_bytes

_SEAL = ("ledger", "entries", "head", "signature")


def judge(run: RunEvidence, signature_required: bool) -> Iterator[Finding]:
    """Everything about a run's ledger, summary and seal, without its files."""
    if run.chain is not None:
        yield from _chain(run, run.chain)
    if run.summary is None:
        if run.chain is not None:
            yield _at(RUN_UNSEALED, run, run.ledger, "there is no summary that seals it")
        if run.chain is not None and run.summary_path in run.chain.latest:
            yield _at(EVIDENCE_MISSING, run, run.summary_path, "its ledger lists this summary, and it is not here")
        if run.signed:
            yield _at(SIGNATURE_BAD, run, run.signature_path, "there is no summary whose seal it could sign")
        return
    if run.summary.document is None:
        yield _at(RUN_UNSEALED, run, run.summary_path, f"cannot be read: {run.summary.problem}")
        return
    if run.chain is None:
        yield from _without_ledger(run, run.summary)
        return
    yield from _content(run, run.summary, run.chain)
    yield from _closed(run, run.summary, run.chain, signature_required)


def _at(rule: Rule, run: RunEvidence, path: str, message: str, hint: str | None = None) -> Finding:
    return rule.at(path, message, hint=hint or rule.fix, spec=run.spec)


def _chain(run: RunEvidence, chain: Chain) -> Iterator[Finding]:
    listed, more = at_most(chain.faults, LEDGER_FAULTS)
    for fault in listed:
        rule = LINE_MALFORMED if fault.kind == "malformed" else CHAIN_BROKEN
        yield rule.at(run.ledger, fault.message, line=fault.line, column=1, hint=rule.fix, spec=run.spec)
    if more:
        message = f"more than {LEDGER_FAULTS} faults in this ledger; the rest is not listed"
        yield _at(CHAIN_BROKEN, run, run.ledger, message)
    under_way = run.summary is not None and run.summary.under_way
    if chain.torn:
        message = "the last line has no end: its writer was cut off"
        hint = "resume the run, which repairs it" if under_way else LINE_MALFORMED.fix
        severity: Severity = "warning" if under_way else "error"
        line = len(chain.numbers) + 1
        yield LINE_MALFORMED.at(run.ledger, message, line=line, column=1, hint=hint, severity=severity, spec=run.spec)


def _without_ledger(run: RunEvidence, summary: RunSummaryFile) -> Iterator[Finding]:
    assert summary.document is not None
    if summary.under_way and summary.document.get("seal") is None:
        yield _at(RUN_UNDER_WAY, run, run.summary_path, "the run is under way and has no ledger yet")
    elif summary.document.get("seal") is None:
        yield _at(RUN_UNSEALED, run, run.summary_path, "the run is finished, and has neither a seal nor a ledger")
    else:
        yield _at(EVIDENCE_MISSING, run, run.ledger, "the summary seals this ledger, and it is not here")


def _content(run: RunEvidence, summary: RunSummaryFile, chain: Chain) -> Iterator[Finding]:
    """The summary is the one its own entry in the ledger is about, to the byte."""
    assert summary.document is not None
    entry = chain.latest.get(run.summary_path)
    if entry is None:
        yield _at(SEAL_MISMATCH, run, run.summary_path, "its ledger has no entry for it, so nothing holds what it says")
        return
    bare = unsealed(summary.document)
    if summary.data != record_bytes(summary.document) or (digest(bare), len(bare)) != (entry.sha256, entry.size):
        message = f"is not the summary that entry {entry.sequence} of its ledger is about"
        yield _at(EVIDENCE_EDITED, run, run.summary_path, message)


def _closed(run: RunEvidence, summary: RunSummaryFile, chain: Chain, required: bool) -> Iterator[Finding]:
    assert summary.document is not None
    seal = summary.document.get("seal")
    if seal is None and summary.under_way:
        message = f"the run is under way; {_count(len(chain.entries))}, not sealed"
        yield _at(RUN_UNDER_WAY, run, run.summary_path, message)
    elif seal is None:
        yield _at(RUN_UNSEALED, run, run.summary_path, "the run is finished, and its ledger is not sealed")
    elif not isinstance(seal, dict) or set(seal) != set(_SEAL) or summary.under_way:
        yield _at(SEAL_MISMATCH, run, run.summary_path, "the seal is not one that a run writes")
    else:
        yield from _seal(run, chain, *(seal[name] for name in _SEAL))
        yield from _signed(run, seal["signature"], required)


def _seal(
    run: RunEvidence, chain: Chain, ledger: object, entries: object, head: object, _signature: object
) -> Iterator[Finding]:
    if ledger != run.ledger:
        yield _at(SEAL_MISMATCH, run, run.summary_path, "the seal names another ledger")
    message = None
    if entries != len(chain.entries):
        message = f"the seal counts {entries} entries, the ledger has {len(chain.entries)}"
    elif head != chain.head:
        message = "the seal names another last entry than the ledger has"
    if message:  # either may be the one that was edited, so both are named
        yield _at(SEAL_MISMATCH, run, run.ledger, message)
        yield _at(SEAL_MISMATCH, run, run.summary_path, message)


def _signed(run: RunEvidence, signature: object, required: bool) -> Iterator[Finding]:
    """Whether the signature is where the seal says. Whether it holds is for those who may start programs."""
    if signature is None:
        if run.signed:
            yield _at(SIGNATURE_BAD, run, run.signature_path, "the seal says that it is not signed")
        elif required:
            yield _at(UNSIGNED, run, run.summary_path, "the seal is not signed")
    elif signature != run.signature_path:
        yield _at(SEAL_MISMATCH, run, run.summary_path, "the seal names a signature that is not its own")
    elif not run.signed:
        yield _at(EVIDENCE_MISSING, run, run.signature_path, "the seal names this signature, and it is not here")


def _count(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
