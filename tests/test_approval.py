"""An approver's signed commit may loosen the policy; nobody else's, and no other bytes than were signed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.evidence.keys import make_key, needs_keygen
from tests.records import plan_telemetry
from tests.sandbox import Ran, Sandbox
from tests.test_policy import CONFIG, configuration, guard, policy_findings
from tests.test_undecided import SPEC, SPEC_TEXT, TABLE, TELEMETRY

pytestmark = needs_keygen
APPROVERS = "keys/approvers"
STRICT = {"policy": {"approvers": APPROVERS}}
LOOSE = {**STRICT, "evidence": {"root": "docs/evidence", "limit_mb": 500}}


@pytest.fixture
def approved(sandbox: Sandbox, tmp_path: Path) -> Sandbox:
    """A repository that names an approver, whose key git signs with when it is asked to."""
    sandbox.write("SPEC.md", TABLE)
    sandbox.write(f"docs/{SPEC}/spec.md", SPEC_TEXT)
    sandbox.write(TELEMETRY, plan_telemetry())
    sandbox.write(CONFIG, configuration(**STRICT))
    sandbox.write(APPROVERS, f"lead@example.invalid {make_key(tmp_path / 'lead', 'lead')}")
    sandbox.commit()
    sign_with(sandbox, tmp_path / "lead")
    return sandbox


def sign_with(sandbox: Sandbox, key: Path) -> None:
    sandbox.git("config", "gpg.format", "ssh")
    sandbox.git("config", "user.signingkey", str(key))


def signed_commit(sandbox: Sandbox) -> None:
    sandbox.git("add", "-A")
    sandbox.git("commit", "-q", "-S", "-m", "signed")


def codes(ran: Ran) -> list[tuple[str, str]]:
    return [(each["rule"], each["severity"]) for each in policy_findings(ran)]


def test_what_an_approver_signed_is_a_note_that_names_who_it_was(approved: Sandbox) -> None:
    approved.write(CONFIG, configuration(**LOOSE))
    signed_commit(approved)
    ran = guard(approved)
    assert (ran.code, codes(ran)) == (0, [("POL003", "note")])
    assert policy_findings(ran)[0]["hint"].startswith("approved by lead@example.invalid in commit ")


def test_a_commit_without_a_signature_approves_nothing(approved: Sandbox) -> None:
    approved.write(CONFIG, configuration(**LOOSE))
    approved.commit()
    ran = guard(approved)
    assert (ran.code, codes(ran)) == (1, [("POL003", "error")])


def test_a_stranger_approves_nothing(approved: Sandbox, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger", "stranger")
    sign_with(approved, tmp_path / "stranger")
    approved.write(CONFIG, configuration(**LOOSE))
    signed_commit(approved)
    assert guard(approved).code == 1


def test_a_change_that_names_its_own_approver_is_not_approved_by_it(approved: Sandbox, tmp_path: Path) -> None:
    approved.write(APPROVERS, f"stranger@example.invalid {make_key(tmp_path / 'stranger', 'stranger')}")
    sign_with(approved, tmp_path / "stranger")
    approved.write(CONFIG, configuration(**LOOSE))
    signed_commit(approved)
    ran = guard(approved)
    assert (ran.code, codes(ran)) == (1, [("POL003", "error"), ("POL007", "error")])


def test_a_file_of_approvers_that_gets_a_signer_is_a_finding_where_nothing_else_changes(
    approved: Sandbox, tmp_path: Path
) -> None:
    listed = (approved.root / APPROVERS).read_text()
    approved.write(APPROVERS, listed + f"more@example.invalid {make_key(tmp_path / 'more', 'more')}")
    approved.commit()
    ran = guard(approved)
    assert (ran.code, [severity for _, severity in codes(ran)]) == (1, ["error"])


def test_what_is_loosened_after_the_signature_is_not_approved(approved: Sandbox) -> None:
    approved.write(CONFIG, configuration(**LOOSE))
    signed_commit(approved)
    looser = {**LOOSE, "evidence": {"root": "docs/evidence", "limit_mb": 900}}
    approved.write(CONFIG, configuration(**looser))
    approved.commit()
    assert guard(approved, source="HEAD~2..HEAD").code == 1


def test_work_after_the_signature_keeps_the_approval(approved: Sandbox) -> None:
    approved.write(CONFIG, configuration(**LOOSE))
    signed_commit(approved)
    approved.write("src/part.py", "x = 1\n")
    approved.commit()
    assert guard(approved, source="HEAD~2..HEAD").code == 0


def test_a_signature_of_the_base_approves_no_later_change(approved: Sandbox) -> None:
    approved.write("src/part.py", "x = 1\n")
    signed_commit(approved)
    approved.write(CONFIG, configuration(**LOOSE))
    approved.commit()
    assert guard(approved).code == 1


@pytest.mark.parametrize("kept", ["message", "tree"])
def test_a_signature_that_is_taken_to_another_commit_approves_nothing(approved: Sandbox, kept: str) -> None:
    approved.write("src/part.py", "x = 1\n")
    signed_commit(approved)
    signed = approved.git("cat-file", "commit", "HEAD").out
    approved.write(CONFIG, configuration(**LOOSE))
    approved.git("add", "-A")
    tree = approved.git("write-tree").out.strip()
    parent = approved.git("rev-parse", "HEAD").out.strip()
    forged = signed.replace(signed.split()[1], tree, 1)
    if kept == "tree":
        forged = forged.replace("signed", "forged")
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=approved.root, env=approved.environment, input=forged.encode(), stdout=subprocess.PIPE, check=True,
    ).stdout.decode().strip()  # fmt: skip
    approved.git("reset", "-q", "--hard", made)
    assert guard(approved, source=f"{made}~1..{made}").code == 1
    assert parent


def test_where_the_base_names_no_approvers_nobody_approves(approved: Sandbox) -> None:
    approved.write(CONFIG, configuration())
    approved.commit()
    approved.write(CONFIG, configuration(evidence={"root": "docs/evidence", "limit_mb": 500}))
    signed_commit(approved)
    assert guard(approved).code == 1
