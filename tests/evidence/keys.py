"""Repositories whose evidence is signed, with real keys."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from guardrails.evidence import signer
from guardrails.git import Repo, open_repo
from tests.evidence.runs import Made, make_run
from tests.sandbox import Sandbox

KEYGEN = shutil.which("ssh-keygen")
GLOBAL = "the file that git's global configuration names"
needs_keygen = pytest.mark.skipif(KEYGEN is None, reason="ssh-keygen is not installed (openssh-client)")


class Signed(NamedTuple):
    """A repository whose git signs with a key that its allowed signers name."""

    sandbox: Sandbox
    repo: Repo
    key: Path
    allowed: Path

    def run(self, number: int = 0, use: str = "required") -> Made:
        sign = signer(self.repo, use, print)  # type: ignore[arg-type]
        return make_run(self.sandbox.root, number, sign=sign, attested=self.repo)

    def signature(self, run: Made) -> Path:
        return self.sandbox.root / run.ledger.replace(".jsonl", ".sig")

    def verify(self, *arguments: str) -> tuple[int, list[str]]:
        ran = self.sandbox.judge("evidence verify", *arguments)
        return ran.code, list(dict.fromkeys(row["rule"] for row in ran.document["findings"]))


def make_key(place: Path, comment: str) -> str:
    """A key without a passphrase. Returns its public half."""
    assert KEYGEN
    subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(place)], check=True)
    return place.with_suffix(".pub").read_text()


def sign_with_a_key(sandbox: Sandbox, tmp_path: Path) -> Signed:
    """Make a key, have git sign with it, and have git's global configuration allow it."""
    key, allowed = tmp_path / "key", tmp_path / "allowed"
    allowed.write_text(f"dev@example.invalid {make_key(key, 'dev')}")
    sandbox.git("config", "gpg.format", "ssh")
    sandbox.git("config", "user.signingkey", str(key))
    sandbox.git("config", "--global", "gpg.ssh.allowedSignersFile", str(allowed))
    return Signed(sandbox, open_repo(str(sandbox.root), sandbox.environment), key, allowed)
