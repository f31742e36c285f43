"""Signing what runs and sessions leave behind, with the SSH key that git itself signs with.

Signed are the seal of a run, which stands for every file in its ledger, and the statement about a session. Files that
are not signed can show that they belong together; only a signature says who made them.
"""

from __future__ import annotations

from collections.abc import Callable

from guardrails.checks.ledger.entries import seal_bytes
from guardrails.config.settings import SignatureUse
from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.ledger import Seal, Signer
from guardrails.evidence.store import EvidenceStore
from guardrails.git.repo import Repo
from guardrails.git.signatures import SshSignature, sign, why_unsigned

_HINT = "git config gpg.format ssh; git config user.signingkey FILE"
Warn = Callable[[str], None]
"""Takes one line for the operator."""
Sign = Callable[[bytes, str], SshSignature | None]
"""Signs some bytes; the words say what they are. None when they were not signed."""


def signing(repo: Repo, use: SignatureUse, warn: Warn) -> Sign | None:
    """What signs in this repository; None where nothing is to be signed.

    Raises GuardrailError when signatures are required and git has no key: better before a run than after it.
    """
    if use == "off":
        return None
    problem = why_unsigned(repo)
    if problem and use == "required":
        raise GuardrailError(f"signatures are required, and {problem}", _HINT)

    def made(data: bytes, what: str) -> SshSignature | None:
        signature = problem or _sign(repo, data, use)
        if isinstance(signature, SshSignature):
            return signature
        if use == "required":
            raise GuardrailError(
                f"{what} was not signed: {signature}", "unlock the key, or correct git's configuration"
            )
        warn(f"{what} is not signed: {signature}")
        return None

    return made


def _sign(repo: Repo, data: bytes, use: SignatureUse) -> SshSignature | str:
    try:
        return sign(repo, data)
    except Undecidable as error:  # there is no ssh-keygen
        if use == "required":
            raise
        return error.message


def signer(repo: Repo, use: SignatureUse, warn: Warn) -> Signer | None:
    """What signs the seals of runs; None where nothing is to be signed. Raises GuardrailError as `signing` does."""
    sign_bytes = signing(repo, use, warn)
    if sign_bytes is None:
        return None
    store = EvidenceStore(repo.root)

    def sign_seal(seal: Seal) -> str | None:
        signature = sign_bytes(seal_bytes(seal.ledger, seal.entries, seal.head), "the seal")
        if signature is None:
            return None
        return store.write(seal.signature_path, signature.armored, replace=True).path

    return sign_seal
