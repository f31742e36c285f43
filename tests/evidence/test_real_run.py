"""A whole run by `speckit auto`, agents and all: signed, then tampered with file by file."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from guardrails.config import load_settings
from guardrails.core import Result
from guardrails.engine import check_named, runner
from guardrails.snapshot import CheckContext, MemorySnapshot
from tests.evidence.keys import make_key, needs_keygen
from tests.runs.auto_world import Runs
from tests.sandbox import Sandbox

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
SIGNED = {"signature": "required"}


def judge(files: dict[str, bytes]) -> Result:
    """Without signatures: there is no repository here to verify them with."""
    settings = load_settings(files[".speckit.yaml"], ".speckit.yaml", {}).settings
    settings = settings._replace(evidence=settings.evidence._replace(signature="off"))
    subject = CheckContext(MemorySnapshot(files), settings, NOW)
    return runner.run_checks("evidence verify", [check_named("evidence verify")], [subject])


def files_of(root: Path) -> dict[str, bytes]:
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and ".git" not in path.relative_to(root).parts]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


@needs_keygen
@pytest.mark.tier2
def test_a_finished_run_is_signed_and_whatever_is_done_to_a_file_of_it_is_found(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    key, allowed = tmp_path / "key", tmp_path / "allowed"
    allowed.write_text(f"dev@example.invalid {make_key(key, 'dev')}")
    sandbox.git("config", "--global", "gpg.format", "ssh")
    sandbox.git("config", "--global", "user.signingkey", str(key))
    sandbox.git("config", "--global", "gpg.ssh.allowedSignersFile", str(allowed))
    runs = Runs(sandbox)
    runs.configure(evidence=SIGNED)
    ran = runs.auto()
    assert ran.code == 0, ran
    ran = sandbox.judge("evidence verify", "--require-signature")
    assert (ran.code, "LED017" in {row["rule"] for row in ran.document["findings"]}) == (0, True), ran
    before = files_of(sandbox.root)
    assert judge(before).exit_code == 0
    mine = [path for path in before if "/evidence/" in path]
    assert len(mine) > 60
    for path in mine:
        if path.endswith(".sig"):
            continue  # that it holds is for `evidence verify` to say, which may start programs
        data = before[path]
        for spoilt in (data + b" ", data[:-2], data.replace(b"a", b"b", 1), b""):
            assert path in {row.path for row in judge({**before, path: spoilt}).findings}, (path, len(spoilt))
    for path in mine:
        result = judge({each: data for each, data in before.items() if each != path})
        assert result.exit_code == 1, path


def test_a_run_that_has_to_be_signed_and_cannot_be_is_not_begun(sandbox: Sandbox) -> None:
    runs = Runs(sandbox)
    runs.configure(evidence=SIGNED)
    ran = runs.auto()
    assert (ran.code, "signatures are required" in ran.err) == (2, True), ran
    assert runs.paid() == 0
    assert sandbox.git("status", "--porcelain").out == ""


@pytest.mark.parametrize("use", ["off", "optional"])
def test_a_run_without_a_key_is_sealed_all_the_same(sandbox: Sandbox, use: str) -> None:
    runs = Runs(sandbox)
    runs.configure(evidence={"signature": use})
    assert runs.auto("--to", "plan").code == 0
    assert sandbox.judge("evidence verify").code == 0
