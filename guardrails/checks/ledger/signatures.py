"""Whether what is signed holds: the seals of runs and the attestations of sessions; and whether what must be is signed.

Loaded only where something is signed, or where the configuration requires it. ssh-keygen is the one program besides git
that judging starts, and only when there is a signature to verify.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from guardrails.checks.ledger.attestation import (
    AttestedSession,
    Envelope,
    authenticated_bytes,
    read_envelope,
    session_statement,
    subjects,
)
from guardrails.checks.ledger.entries import seal_bytes
from guardrails.checks.ledger.files import Digests
from guardrails.checks.ledger.rules import (
    ATTESTATION_MISMATCH,
    SESSION_UNATTESTED,
    SIGNATURE_BAD,
    SIGNATURE_UNVERIFIED,
    SIGNED,
)
from guardrails.checks.ledger.runs import EvidenceInventory, RunEvidence, evidence_location
from guardrails.checks.presence import ATTESTATION, COMPARED
from guardrails.consensus.load import ConsensusFile, candidates
from guardrails.core.finding import Checked, Finding, Observation, Rule, Skipped
from guardrails.core.limits import LEDGER_FAULTS, at_most
from guardrails.core.strict_json import JsonFlaw, parse_json, record_bytes
from guardrails.core.timestamps import FileStamp, parse_stamp
from guardrails.errors import Undecidable
from guardrails.git.signatures import (
    SIGNATURE_LIMIT,
    SIGNERS_LIMIT,
    AllowedSigners,
    SshSignature,
    Verifier,
    parse_armored,
    parse_signature,
    read_signers,
    revoked_keys,
    trusted_path,
)
from guardrails.layouts.evidence_names import evidence_name, session_name
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.context import CheckContext

_VERDICTS = ("synthesis", "verdict")
"""Kinds of record that count only in the attestation of their own session."""
_RECORDS = ("resolution", "telemetry")
"""Kinds that count in any attestation, or in the signed ledger of a run: they come before or after its sessions."""
_MOMENT = len("20260131T093000Z")


def judge(
    context: CheckContext, found: EvidenceInventory, chosen: list[RunEvidence], digests: Digests
) -> Iterator[Observation]:
    """The signatures of the chosen runs and of the sessions in scope."""
    desk = _SignatureDesk(context)
    listed: set[str] = set()
    for run in chosen:
        if desk.judge_seal(run):
            listed.update(run.entries)
        yield from desk.observations()
    yield from _Sessions(context, found, chosen, desk).judge(listed, digests)
    yield from desk.signers()


# Whose signatures count.


def allowed_signers(context: CheckContext) -> AllowedSigners | str:
    """Whose keys count, or why nobody can say.

    The file that `evidence.allowed_signers` names is read as the base has it: a change cannot add its own key. Where
    nothing is compared, it is the one that is judged. Raises Undecidable when revoked keys cannot be read.
    """
    snapshot, named = context.snapshot, context.settings.evidence.allowed_signers
    trusted = (snapshot.base if snapshot.source.kind in COMPARED else None) or snapshot
    if snapshot.repo is None:
        return "there is no repository to verify signatures with"
    if named is None:
        path = trusted_path(snapshot.repo, "gpg.ssh.allowedSignersFile")
        if path is None:
            return "neither evidence.allowed_signers nor git's global gpg.ssh.allowedSignersFile names a file"
        named = _inside(snapshot.repo.root, path)
        if named is None:
            return _signers(snapshot, read_signers(path), "the file that git's global configuration names")
    data = trusted.read(named)
    if data is not None and len(data) > SIGNERS_LIMIT:
        data = None
    origin = f"{named} in {trusted.describe()}"
    return _signers(snapshot, data, origin if trusted is not snapshot else f"{origin}, which is judged itself")


def _inside(root: str, path: str) -> str | None:
    """A path of git's global configuration that leads into the working tree, from its root; None for any other."""
    if not path.startswith(("/", "\\")) and ":" not in path[:3]:
        return path
    place = root.rstrip("/") + "/"
    return path[len(place) :] if path.startswith(place) else None


def _signers(snapshot: Snapshot, data: bytes | None, origin: str) -> AllowedSigners | str:
    assert snapshot.repo is not None
    if data is None:
        return f"there are no allowed signers: {origin} cannot be read"
    return AllowedSigners(data, origin, revoked_keys(snapshot.repo))


class _Signed(NamedTuple):
    """Something that is signed: where, of which SPEC, what it is in words, its bytes, and when it was signed."""

    path: str
    spec: str
    what: str
    data: bytes
    signature: SshSignature | None
    when: datetime


class _SignatureDesk:
    """Verifies signatures and keeps what is to be said of them. Whom to believe is found out with the first."""

    def __init__(self, context: CheckContext) -> None:
        self._context = context
        self.required = context.settings.signatures_required
        self._verifier: tuple[Verifier | None, str] | None = None
        self._kept: list[Observation] = []
        self._good: dict[str, list[tuple[str, str | None]]] = defaultdict(list)

    def observations(self) -> list[Observation]:
        """What was observed since this was asked last."""
        kept, self._kept = self._kept, []
        return kept

    def signers(self) -> Iterator[Finding]:
        """Who signed: one note for each, at the first of what he signed."""
        for who, rows in sorted(self._good.items()):
            (path, spec), more = rows[0], len(rows) - 1
            others = f", and {more} more of this repository" if more else ""
            yield SIGNED.at(path, f"signed by {who}{others}", hint=None, spec=spec)

    def judge_seal(self, run: RunEvidence) -> bool:
        """Judge the signature over a run's seal. False where it has none that could be judged."""
        seal = (run.summary.document or {}).get("seal") if run.summary else None
        if not run.signed or not isinstance(seal, dict) or run.chain is None or run.chain.head is None:
            return False
        data = seal_bytes(run.ledger, len(run.chain.entries), run.chain.head)
        given = self._context.snapshot.read(run.signature_path) or b""
        signature = parse_armored(given) if len(given) <= SIGNATURE_LIMIT else None
        when = run.ended or self._context.now
        self.judge(_Signed(run.signature_path, run.spec, "this seal", data, signature, when))
        return True

    def judge(self, signed: _Signed) -> None:
        """Judge a signature. What there is to say about it is kept."""
        verifier, reason = self._ready()
        when = min(signed.when, self._context.now)
        verdict = verifier.judge(signed.data, signed.signature, when) if verifier else None
        bad = signed.signature is None or (verdict is not None and verdict.state == "bad")
        if not bad and (verdict is None or reason):
            self._unverified(signed, reason)
            return
        self._kept.append(Checked(signed.path))
        origin = verifier.allowed.origin if verifier else ""
        if bad:
            self._bad(signed, f"is not the signature of {signed.what}")
        elif verdict is not None and verdict.state == "good":
            self._good[f"{verdict.who} ({origin})"].append((signed.path, signed.spec))
        else:
            said = "is not by a key of the allowed signers that counts for this and was valid then"
            self._bad(signed, f"{said} ({origin})")

    def _bad(self, signed: _Signed, message: str) -> None:
        self._kept.append(_at(SIGNATURE_BAD, signed.path, message, signed.spec))

    def _unverified(self, signed: _Signed, reason: str) -> None:
        if self.required:
            self._kept.append(_at(SIGNATURE_UNVERIFIED, signed.path, f"cannot be verified: {reason}", signed.spec))
        else:
            self._kept.append(Skipped(signed.path, f"not verified: {reason}"))

    def _ready(self) -> tuple[Verifier | None, str]:
        """What verifies, and why it cannot say whose a signature is: it still tells what is no signature at all."""
        if self._verifier is None:
            allowed = allowed_signers(self._context)
            reason = allowed if isinstance(allowed, str) else ""
            signers = AllowedSigners(b"", "nobody") if isinstance(allowed, str) else allowed
            repo = self._context.snapshot.repo
            try:
                self._verifier = (Verifier(repo, signers) if repo is not None else None, reason)
            except Undecidable as error:
                self._verifier = (None, error.message)
        return self._verifier


def _at(rule: Rule, path: str, message: str, spec: str | None, stage: str | None = None) -> Finding:
    return rule.at(path, message, hint=rule.fix, spec=spec, stage=stage)


# The sessions: all files that share a SPEC, a stage and a time stamp, however the stamp is written.


class _SessionKey(NamedTuple):
    spec: str
    stage: str
    stamp: FileStamp | None


class _Session(NamedTuple):
    """The files of one session by their kinds."""

    key: _SessionKey
    files: dict[str, str]
    """path -> kind, of all but attestations"""
    attestations: list[str]

    def of(self, *kinds: str) -> list[str]:
        return sorted(path for path, kind in self.files.items() if kind in kinds)


class _Sessions:
    """Judges the sessions in scope."""

    def __init__(
        self, context: CheckContext, found: EvidenceInventory, chosen: list[RunEvidence], desk: _SignatureDesk
    ) -> None:
        self._context, self._snapshot, self._layout = context, context.snapshot, context.settings.layout
        self._found, self._desk = found, desk
        self._packed = _packed(found)
        self._only = {name for run in chosen for name in run.sessions} if context.scope.run is not None else None

    def judge(self, listed: set[str], digests: Digests) -> Iterator[Observation]:
        """Every session that is attested, and where signatures are required every other that carries a verdict.
        `listed` are the files in ledgers whose seal is signed: what is wrong with a signature is said where it is."""
        covered = set(listed)
        sessions = list(self._grouped().values())
        attested = [session for session in sessions if session.attestations]
        digest = {path: row.sha256 for path, row in digests.of(_paths(attested)).items()}
        for session in attested:
            for path in sorted(session.attestations):
                yield from self._attestation(session, path, digest, covered)
        if self._desk.required:
            for session in sessions:
                yield from self._uncovered(session, covered)

    def _grouped(self) -> dict[_SessionKey, _Session]:
        grouped: dict[_SessionKey, _Session] = {}
        for path, kind, key in self._files():
            session = grouped.setdefault(key, _Session(key, {}, []))
            if kind == "attestation":
                session.attestations.append(path)
            else:
                session.files[path] = kind
        return grouped

    def _files(self) -> Iterator[tuple[str, str, _SessionKey]]:
        """Each file that belongs to a session by its name: consensus evidence wherever it may lie, what stages and
        agents leave in the folders of evidence, and attestations."""
        scope, layout = self._context.scope, self._layout
        paths = {
            each.entry.path
            for each in candidates(self._snapshot, layout, scope._replace(stage=None))
            if isinstance(each, ConsensusFile)
        }
        for path in sorted(paths | self._found.files.keys()):
            where, named = evidence_location(layout, path), session_name(path, case_blind=True)
            if path not in paths and (where is None or where.kind not in ("commands", "consensus")):
                continue
            if self._only is not None and named not in self._only:
                continue
            name = evidence_name(layout, path)
            spec = (name.spec if name else None) or (where.spec if where else None)
            if spec is None:
                continue
            if name is not None and name.stage is not None and name.kind != "unknown":
                yield path, name.kind, _SessionKey(spec, name.stage, parse_stamp(name.stamp))
            elif named is not None:
                stage, _, stamp = named.lower().removeprefix("spec-").partition("_")
                moment, nonce = stamp[:_MOMENT].upper(), stamp[_MOMENT:]
                yield path, "unknown", _SessionKey(spec, stage, parse_stamp(moment + nonce))

    def _attestation(
        self, session: _Session, path: str, digest: Mapping[str, str | None], covered: set[str]
    ) -> Iterator[Observation]:
        """Whether an attestation is about exactly the files of its session, and whether its signature holds."""
        spec, stage = session.key.spec, session.key.stage
        data = self._snapshot.read(path)
        envelope = read_envelope(data) if data is not None else "cannot be read"
        if isinstance(envelope, str):
            yield Checked(path)
            yield _at(ATTESTATION_MISMATCH, path, f"is no attestation: {envelope}", spec, stage)
            return
        faults = list(self._faults(session, path, envelope, digest, covered))
        told, more = at_most(faults, LEDGER_FAULTS)
        for fault in told:
            yield _at(ATTESTATION_MISMATCH, path, fault, spec, stage)
        if more:
            message = f"more than {LEDGER_FAULTS} differences; the rest is not listed"
            yield _at(ATTESTATION_MISMATCH, path, message, spec, stage)
        signature = parse_signature(envelope.signature)
        if signature is not None and signature.fingerprint != envelope.fingerprint:
            signature = None  # the key that is named is not the one that signed
        moment = session.key.stamp.when if session.key.stamp else self._context.now
        data = authenticated_bytes(envelope.payload)
        self._desk.judge(_Signed(path, spec, "this statement", data, signature, moment))
        yield from self._desk.observations()

    def _faults(
        self, session: _Session, path: str, envelope: Envelope, digest: Mapping[str, str | None], covered: set[str]
    ) -> Iterator[str]:
        """In what a statement differs from the one that the files of its session give."""
        try:
            statement = parse_json(envelope.payload)
        except JsonFlaw as flaw:
            yield f"its statement cannot be read: {flaw.message}"
            return
        claimed = subjects(statement) if isinstance(statement, dict) else {}
        covered.update(claimed)
        files = self._expected(session, path, claimed, digest)
        expected = session_statement(self._layout, files, self._snapshot.read)
        if record_bytes(expected) == envelope.payload:
            return
        yield from _differences(expected, statement if isinstance(statement, dict) else {})

    def _expected(
        self, session: _Session, path: str, claimed: Mapping[str, str], digest: Mapping[str, str | None]
    ) -> AttestedSession:
        """What the statement has to be made from. Telemetry and resolutions are part of it where it lists them: they
        may be filed before or after the session's end."""
        must = {each for each, kind in session.files.items() if kind not in _RECORDS and not self._is_command(each)}
        may = {each for each in claimed if self._may_list(session, each)}
        found: dict[str, str] = {}
        for each in must | may:
            known = digest.get(each)
            if known is None and each in claimed and (each, claimed[each]) in self._packed:
                known = claimed[each]
            if known is not None:
                found[each] = known
        return AttestedSession(session.key.spec, session.key.stage, _of_session(path), found)

    def _is_command(self, path: str) -> bool:
        where = evidence_location(self._layout, path)
        return where is not None and where.kind == "commands"

    def _may_list(self, session: _Session, path: str) -> bool:
        """Telemetry of the session, or a resolution for it: its name has the same nonce, and a time of its own."""
        if path in session.files:
            return session.files[path] in _RECORDS or self._is_command(path)
        name = evidence_name(self._layout, path)
        stamp = parse_stamp(name.stamp) if name is not None and name.kind == "resolution" else None
        own = session.key.stamp
        return (
            name is not None
            and stamp is not None
            and own is not None
            and (name.spec, name.stage, stamp.session) == (session.key.spec, session.key.stage, own.session)
        )

    def _uncovered(self, session: _Session, covered: set[str]) -> Iterator[Finding]:
        spec, stage = session.key.spec, session.key.stage
        verdicts = session.of(*_VERDICTS)
        if verdicts and not session.attestations:
            yield _at(SESSION_UNATTESTED, verdicts[-1], "its session has no attestation", spec, stage)
        for path in session.of(*_RECORDS):
            if path not in covered:
                message = "is in no attestation, and in no ledger of a run whose seal is signed"
                yield _at(SESSION_UNATTESTED, path, message, spec, stage)


def _paths(sessions: Iterable[_Session]) -> set[str]:
    return {path for session in sessions for path in session.files}


def _of_session(path: str) -> str:
    """The session of an attestation, as its name has it."""
    return path.rpartition("/")[2].removesuffix(ATTESTATION).partition("_")[2]


def _packed(found: EvidenceInventory) -> set[tuple[str, str]]:
    """(path, digest) of every file that a manifest says is in an archive."""
    rows = (row for each in found.manifests.values() if not isinstance(each, str) for row in each.archives)
    return {(member.path, member.sha256) for row in rows for member in row.members}


def _differences(expected: dict[str, Any], statement: dict[str, Any]) -> Iterator[str]:
    """What differs, in words: files first, then what is said of the session."""
    wanted, given = subjects(expected), subjects(statement)
    before = len(wanted.keys() ^ given.keys())
    for path in sorted(wanted.keys() - given.keys()):
        yield f"does not list {path}"
    for path in sorted(given.keys() - wanted.keys()):
        yield f"lists {path}, which is no file of its session here"
    for path in sorted(wanted.keys() & given.keys()):
        if wanted[path] != given[path]:
            before += 1
            yield f"lists {path} with another digest than it has"
    said = statement.get("predicate")
    said = said if isinstance(said, dict) else {}
    for name, value in expected["predicate"].items():
        if name not in said or said[name] != value:
            before += 1
            yield f"says another {name} than the files of its session do"
    if not before:
        yield "is not the statement that the files of its session give"
