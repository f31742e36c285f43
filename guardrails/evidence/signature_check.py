"""Whether the signatures of seals hold: judged beside the ledgers, but not by a check, for it starts a program."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.checks.ledger_runs import Run, shelf
from guardrails.errors import Undecidable
from guardrails.evidence.ledger import Seal
from guardrails.evidence.signature import LARGEST, judge, trust
from guardrails.finding import Checked, Finding, Observation, Skipped
from guardrails.git import Repo
from guardrails.registry import Check
from guardrails.rules.ledger import SIGNATURE_BAD, SIGNED, UNSIGNED
from guardrails.subject import CheckFunction, Subject

_NOBODY = "git's gpg.ssh.allowedSignersFile names no file here, so nobody can say whose signature it is"
_SAID = {
    "bad": "is not the signature of this seal",
    "stranger": "is not by a key of the allowed signers that counts for this and was valid then",
}


class Signatures(Check):
    """Verifies what is signed, and asks for a signature where the configuration requires one."""

    __slots__ = ()

    @property
    def run(self) -> CheckFunction:
        return verify


class RequiredSignatures(Check):
    """The same, and every seal has to be signed."""

    __slots__ = ()

    @property
    def run(self) -> CheckFunction:
        return verify_required


def verify(subject: Subject) -> Iterator[Observation]:
    """The signatures of the runs in scope."""
    yield from _verify(subject, required=subject.settings.evidence.signature == "required")


def verify_required(subject: Subject) -> Iterator[Observation]:
    """As `verify`; a run without a signature is an error, whatever the configuration says."""
    yield from _verify(subject, required=True)


def _verify(subject: Subject, *, required: bool) -> Iterator[Observation]:
    snapshot, scope = subject.snapshot, subject.scope
    runs = [run for run in shelf(snapshot, subject.settings.layout, scope.spec).runs if scope.run in (None, run.name)]
    for run in runs:
        seal = _seal(run)
        if seal is None:
            continue  # the ledger check says what is wrong with it
        if not run.signed:
            if required:
                yield UNSIGNED.at(run.summary_path, "the seal is not signed", hint=UNSIGNED.fix, spec=run.spec)
            continue
        yield from _judge(subject, snapshot.repo, run, seal, required)


def _seal(run: Run) -> Seal | None:
    said = (run.summary.document or {}).get("seal") if run.summary else None
    if not isinstance(said, dict) or run.chain is None or run.chain.head is None:
        return None
    return Seal(run.ledger, len(run.chain.entries), run.chain.head)


def _judge(subject: Subject, repo: Repo | None, run: Run, seal: Seal, required: bool) -> Iterator[Observation]:
    path = run.signature_path
    trusted = trust(repo) if repo else None
    if repo is None or trusted is None:
        if required:
            raise Undecidable(f"{path}: {_NOBODY}", "git config gpg.ssh.allowedSignersFile FILE")
        yield Skipped(path, _NOBODY)
        return
    yield Checked(path)
    data = subject.snapshot.read(path) or b""
    judged = judge(repo, trusted, seal, data[:LARGEST], min(run.ended or subject.now, subject.now))
    if judged.state != "good":
        yield _bad(run, _SAID[judged.state])
    else:
        yield SIGNED.at(path, f"signed by {judged.who}", spec=run.spec)


def _bad(run: Run, message: str) -> Finding:
    return SIGNATURE_BAD.at(run.signature_path, message, hint=SIGNATURE_BAD.fix, spec=run.spec)
