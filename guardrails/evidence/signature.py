"""Signatures over seals, made and verified by ssh-keygen with what git itself is configured with.

Read are gpg.format (which must be ssh), user.signingkey, gpg.ssh.program and gpg.ssh.allowedSignersFile. What is signed
is the seal: the head of the ledger in it stands for every file of the run. A ledger without a signature shows that
files belong together; only a signature says who sealed them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import orjson

from guardrails import programs
from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.ledger import Seal, Signer
from guardrails.evidence.store import Store
from guardrails.git import Repo, to_text
from guardrails.printable import printable
from guardrails.programs import Ran
from guardrails.settings import SignatureUse

NAMESPACE = "speckit"
TIMEOUT = 60.0
"""Seconds for one call: a key in a device waits to be touched."""
LARGEST = 64 * 1024
"""Bytes of a signature that are looked at."""
_LITERAL = ("key::", "ssh-", "ecdsa-", "sk-")
_HINT = "git config gpg.format ssh; git config user.signingkey FILE"
Warn = Callable[[str], None]
"""Takes one line for the operator."""
State = Literal["good", "bad", "stranger"]


class Judged(NamedTuple):
    """What a signature is worth: `who` is the principal of the allowed signers, when there is one."""

    state: State
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
    store = Store(repo.root)

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
    if _config(repo, "gpg.format") != "ssh":
        return "git's gpg.format is not ssh"
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
    environment |= {"LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}  # nobody is there to type a passphrase
    ran = programs.run([program, *arguments], repo.root, environment, TIMEOUT, stdin)
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


def allowed_signers(repo: Repo) -> str | None:
    """The file that says whose keys count, by git's configuration; None when it names none that is there."""
    named = _config(repo, "gpg.ssh.allowedSignersFile", "--type=path")
    place = os.path.join(repo.root, named) if named else ""
    return place if place and os.path.isfile(place) else None


def judge(repo: Repo, allowed: str, seal: Seal, signature: bytes) -> Judged:
    """Whether a signature over a seal holds, and whose it is. Raises Undecidable without ssh-keygen."""
    from tempfile import TemporaryDirectory

    data = payload(seal)
    with TemporaryDirectory(prefix="speckit-") as folder:
        place = os.path.join(folder, "signature")
        with open(place, "wb") as stream:
            stream.write(signature)
        found = _keygen(repo, ["-Y", "find-principals", "-s", place, "-f", allowed])
        names = [line for line in to_text(found.out).splitlines() if line] if found.succeeded else []
        for name in names:
            identity = ["-n", NAMESPACE, "-I", name, "-f", allowed, "-s", place]
            if _keygen(repo, ["-Y", "verify", *identity], data).succeeded:
                return Judged("good", name)
        if names:
            return Judged("bad")
        sound = _keygen(repo, ["-Y", "check-novalidate", "-n", NAMESPACE, "-s", place], data).succeeded
    return Judged("stranger" if sound else "bad")
