"""Signatures over seals, made and verified by ssh-keygen with what git itself is configured with.

Read are gpg.format (which must be ssh), user.signingkey, gpg.ssh.program, gpg.ssh.allowedSignersFile and
gpg.ssh.revocationFile. What is signed is the seal: the head of the ledger in it stands for every file of the run. A
ledger without a signature shows that files belong together; only a signature says who sealed them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Literal, NamedTuple

import orjson

from guardrails.checks.ledger.rules import SIGNATURE_BAD, SIGNED, UNSIGNED
from guardrails.checks.ledger.runs import RunEvidence, evidence_inventory
from guardrails.config.settings import SignatureUse
from guardrails.core import programs
from guardrails.core.finding import Checked, Finding, Observation, Skipped
from guardrails.core.programs import Ran
from guardrails.core.text import printable
from guardrails.engine.registry import Check
from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.ledger import Seal, Signer
from guardrails.evidence.store import EvidenceStore
from guardrails.git.repo import Repo, to_text
from guardrails.snapshot.context import CheckContext

NAMESPACE = "speckit"
TIMEOUT = 60.0
"""Seconds for one call: a key in a device waits to be touched."""
LARGEST = 64 * 1024
"""Bytes of a signature that are looked at."""
_LITERAL = ("key::", "ssh-", "ecdsa-", "sk-")
_HINT = "git config gpg.format ssh; git config user.signingkey FILE"
Warn = Callable[[str], None]
"""Takes one line for the operator."""
SignatureState = Literal["good", "bad", "stranger"]


class SignatureVerdict(NamedTuple):
    """What a signature is worth: `who` is the principal of the allowed signers, when there is one."""

    state: SignatureState
    who: str | None = None


def payload(seal: Seal) -> bytes:
    """The bytes that are signed: the seal as one line of JSON."""
    return orjson.dumps({"ledger": seal.ledger, "entries": seal.entries, "head": seal.head}) + b"\n"


def signer(repo: Repo, use: SignatureUse, warn: Warn) -> Signer | None:
    """What signs seals in this repository; None where nothing is to be signed.

    Raises GuardrailError when signatures are required and git has no key: better before a run than after it.
    """
    if use == "off":
        return None
    problem = _unconfigured(repo)
    if problem and use == "required":
        raise GuardrailError(f"signatures are required, and {problem}", _HINT)
    store = EvidenceStore(repo.root)

    def sign(seal: Seal) -> str | None:
        made = problem or _signed(repo, payload(seal))
        if isinstance(made, bytes):
            return store.write(seal.signature_path, made, replace=True).path
        if use == "required":
            raise GuardrailError(f"the seal was not signed: {made}", "unlock the key, or mend git's configuration")
        warn(f"the seal is not signed: {made}")
        return None

    return sign


def _unconfigured(repo: Repo) -> str | None:
    chosen = _config(repo, "gpg.format") or "openpgp"
    if chosen != "ssh":
        return f"git's gpg.format is {chosen}, and seals are signed with SSH keys"
    return None if _config(repo, "user.signingkey") else "git has no user.signingkey"


def _config(repo: Repo, key: str, *kind: str) -> str:
    return to_text(repo.run("config", *kind, "--get", key, ok=(0, 1))).rstrip("\n")


def _signed(repo: Repo, data: bytes) -> bytes | str:
    """The signature, or why there is none."""
    from tempfile import TemporaryDirectory  # costly, and few runs are signed

    key = _config(repo, "user.signingkey")
    with TemporaryDirectory(prefix="speckit-") as folder:
        if key.startswith(_LITERAL):  # the key itself: the agent has its secret half
            place = os.path.join(folder, "key.pub")
            with open(place, "w", encoding="utf-8") as stream:
                stream.write(key.removeprefix("key::") + "\n")
        else:
            place = os.path.join(repo.root, _config(repo, "user.signingkey", "--type=path"))
        ran = _keygen(repo, ["-Y", "sign", "-n", NAMESPACE, "-f", place], data)
    return ran.out if ran.succeeded and ran.out.startswith(b"-----BEGIN SSH SIGNATURE") else _why(ran)


def _keygen(repo: Repo, arguments: Sequence[str], stdin: bytes = b"") -> Ran:
    program = _config(repo, "gpg.ssh.program", "--type=path") or "ssh-keygen"
    environment = programs.allowed_environment(repo.environment, ("SSH_AUTH_SOCK",))
    environment |= {"LC_ALL": "C", "TZ": "UTC", "SSH_ASKPASS_REQUIRE": "never"}  # nobody is there to type a passphrase
    ran = programs.run_program([program, *arguments], repo.root, environment, TIMEOUT, stdin)
    if ran.problem in ("missing", "not-executable"):
        raise Undecidable(
            f"{program} was not found", "install OpenSSH's client, or set gpg.ssh.program in git's config"
        )
    return ran


def _why(ran: Ran) -> str:
    if ran.problem == "timeout":
        return f"{ran.argv[0]} did not answer within {TIMEOUT:.0f} seconds"
    said = ran.err.decode("utf-8", "replace").strip().splitlines()
    return printable(said[-1]) if said else f"{ran.argv[0]} exited with {ran.exit_code}"


class Trust(NamedTuple):
    """Whose keys count, and which do not any more: files that git's configuration names."""

    allowed: str
    revoked: str | None = None


def trust(repo: Repo) -> Trust | None:
    """Whose keys count; None when the configuration names no file of allowed signers that is there.

    Raises Undecidable when it names revoked keys and they are not there.
    """
    allowed = _named(repo, "gpg.ssh.allowedSignersFile")
    if not allowed or not os.path.isfile(allowed):
        return None
    revoked = _named(repo, "gpg.ssh.revocationFile")
    if revoked and not os.path.isfile(revoked):
        raise Undecidable(
            f"{revoked}: gpg.ssh.revocationFile names it, and it is not there", "mend git's configuration"
        )
    return Trust(allowed, revoked or None)


def _named(repo: Repo, key: str) -> str:
    named = _config(repo, key, "--type=path")
    return os.path.join(repo.root, named) if named else ""


def judge(repo: Repo, trusted: Trust, seal: Seal, signature: bytes, when: datetime) -> SignatureVerdict:
    """Whether a signature over a seal holds, and whose it is. Raises Undecidable without ssh-keygen.

    `when` is when the seal was made: as with commits, a key counts that was valid then. Whoever may no longer sign at
    all belongs among the revoked.
    """
    from tempfile import TemporaryDirectory

    data = payload(seal)
    with TemporaryDirectory(prefix="speckit-") as folder:
        place = os.path.join(folder, "signature")
        with open(place, "wb") as stream:
            stream.write(signature)
        common = [*_moment(trusted.allowed, when), "-s", place, "-f", trusted.allowed]
        found = _keygen(repo, ["-Y", "find-principals", *common])
        names = [line for line in to_text(found.out).splitlines() if line] if found.succeeded else []
        revoked = ["-r", trusted.revoked] if trusted.revoked else []
        for name in names:
            identity = ["-n", NAMESPACE, "-I", name, *common, *revoked]
            if _keygen(repo, ["-Y", "verify", *identity], data).succeeded:
                return SignatureVerdict("good", name)
        sound = _keygen(repo, ["-Y", "check-novalidate", "-n", NAMESPACE, "-s", place], data).succeeded
    return SignatureVerdict("stranger" if sound else "bad")


def _moment(allowed: str, when: datetime) -> list[str]:
    """The option that says when; programs that are too old for it know no keys that are valid for a time either."""
    with open(allowed, "rb") as stream:
        dated = b"valid-" in stream.read()
    return [f"-Overify-time={when.astimezone(timezone.utc):%Y%m%d%H%M%S}"] if dated else []


# Whether the signatures of seals hold: judged beside the ledgers, but not by a check, for it starts a program.


_NOBODY = "git's gpg.ssh.allowedSignersFile names no file here, so nobody can say whose signature it is"
_SAID = {
    "bad": "is not the signature of this seal",
    "stranger": "is not by a key of the allowed signers that counts for this and was valid then",
}


class Signatures(Check):
    """Verifies what is signed, and asks for a signature where the configuration requires one."""

    __slots__ = ()

    def run(self, context: CheckContext) -> Iterator[Observation]:
        return verify(context)


class RequiredSignatures(Check):
    """The same, and every seal has to be signed."""

    __slots__ = ()

    def run(self, context: CheckContext) -> Iterator[Observation]:
        return verify_required(context)


def verify(context: CheckContext) -> Iterator[Observation]:
    """The signatures of the runs in scope."""
    yield from _verify(context, required=context.settings.evidence.signature == "required")


def verify_required(context: CheckContext) -> Iterator[Observation]:
    """As `verify`; a run without a signature is an error, whatever the configuration says."""
    yield from _verify(context, required=True)


def _verify(context: CheckContext, *, required: bool) -> Iterator[Observation]:
    snapshot, scope = context.snapshot, context.scope
    runs = [
        run
        for run in evidence_inventory(snapshot, context.settings.layout, scope.spec).runs
        if scope.run in (None, run.name)
    ]
    for run in runs:
        seal = _seal(run)
        if seal is None:
            continue  # the ledger check says what is wrong with it
        if not run.signed:
            if required:
                yield UNSIGNED.at(run.summary_path, "the seal is not signed", hint=UNSIGNED.fix, spec=run.spec)
            continue
        yield from _judge(context, snapshot.repo, run, seal, required)


def _seal(run: RunEvidence) -> Seal | None:
    said = (run.summary.document or {}).get("seal") if run.summary else None
    if not isinstance(said, dict) or run.chain is None or run.chain.head is None:
        return None
    return Seal(run.ledger, len(run.chain.entries), run.chain.head)


def _judge(
    context: CheckContext, repo: Repo | None, run: RunEvidence, seal: Seal, required: bool
) -> Iterator[Observation]:
    path = run.signature_path
    trusted = trust(repo) if repo else None
    if repo is None or trusted is None:
        if required:
            raise Undecidable(f"{path}: {_NOBODY}", "git config gpg.ssh.allowedSignersFile FILE")
        yield Skipped(path, _NOBODY)
        return
    yield Checked(path)
    data = context.snapshot.read(path) or b""
    judged = judge(repo, trusted, seal, data[:LARGEST], min(run.ended or context.now, context.now))
    if judged.state != "good":
        yield _bad(run, _SAID[judged.state])
    else:
        yield SIGNED.at(path, f"signed by {judged.who}", spec=run.spec)


def _bad(run: RunEvidence, message: str) -> Finding:
    return SIGNATURE_BAD.at(run.signature_path, message, hint=SIGNATURE_BAD.fix, spec=run.spec)
