"""Seals signed by real keys, and attestations of runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from guardrails.checks.ledger import seal_bytes
from guardrails.core import record_bytes
from guardrails.errors import GuardrailError
from guardrails.evidence import Seal, signer
from guardrails.git import open_repo
from tests.evidence.keys import GLOBAL, KEYGEN, Signed, make_key, needs_keygen, sign_with_a_key
from tests.evidence.runs import LAYOUT, SPEC, load, make_run
from tests.sandbox import Sandbox


@pytest.fixture
def signed(sandbox: Sandbox, tmp_path: Path) -> Signed:
    return sign_with_a_key(sandbox, tmp_path)


@needs_keygen
def test_a_signed_seal_holds_and_says_whose_it_is(signed: Signed) -> None:
    run = signed.run()
    assert load(signed.sandbox.root, run.summary)["seal"]["signature"] == run.ledger.replace(".jsonl", ".sig")
    ran = signed.sandbox.judge("evidence verify", "--require-signature")
    assert (ran.code, ran.rules) == (0, []), ran
    assert [(row["rule"], row["message"]) for row in ran.document["findings"]] == [
        ("LED017", f"signed by dev@example.invalid ({GLOBAL}), and 2 more of this repository")
    ]


@needs_keygen
def test_it_holds_in_a_commit_too_and_can_be_verified_without_us(signed: Signed, tmp_path: Path) -> None:
    run = signed.run()
    tip = signed.sandbox.commit()
    assert signed.verify("--source", tip, "--require-signature")[0] == 0
    seal = load(signed.sandbox.root, run.summary)["seal"]
    text = json.dumps({name: seal[name] for name in ("ledger", "entries", "head")}, separators=(",", ":")) + "\n"
    assert text.encode() == seal_bytes(seal["ledger"], seal["entries"], seal["head"])
    command = ["-Y", "verify", "-n", "speckit", "-I", "dev@example.invalid", "-f", str(signed.allowed)]
    assert KEYGEN
    done = subprocess.run([KEYGEN, *command, "-s", str(signed.signature(run))], input=text.encode(), check=False)
    assert done.returncode == 0


@needs_keygen
def test_a_signature_of_another_seal_or_of_nobody_does_not_hold(signed: Signed) -> None:
    first, second = signed.run(0), signed.run(1)
    good = signed.signature(first).read_bytes()
    for bad in (signed.signature(second).read_bytes(), b"", b"garbage\n", good[:100], good[:60] + b"A" + good[61:]):
        signed.signature(first).write_bytes(bad)
        code, rules = signed.verify()
        assert (code, "LED014" in rules) == (1, True), bad


@needs_keygen
def test_a_forged_run_signed_by_a_stranger_is_found(signed: Signed, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger", "stranger")
    signed.sandbox.git("config", "user.signingkey", str(tmp_path / "stranger"))
    signed.run()
    ran = signed.sandbox.judge("evidence verify")
    assert (ran.code, ran.rules) == (1, ["LED014"] * 3), "the seal and two sessions"
    assert "allowed signers" in ran.document["findings"][0]["message"]


def allow(signed: Signed, options: str) -> None:
    """Allow the key with options, as `namespaces="git"`."""
    signed.allowed.write_text(f"dev@example.invalid {options} {signed.key.with_suffix('.pub').read_text()}")


@needs_keygen
@pytest.mark.parametrize(
    ("options", "rules"),
    [
        ('namespaces="speckit"', ["LED017"]),
        ('namespaces="git,speckit"', ["LED017"]),
        ('namespaces="git"', ["LED014"]),
        ('valid-before="20270101"', ["LED017"]),
        ('valid-after="20260101",valid-before="20260301"', ["LED017"]),  # it has expired since
        ('valid-before="20260101"', ["LED014"]),
        ('valid-after="20270101"', ["LED014"]),
        ("cert-authority", ["LED014"]),
    ],
)
def test_a_key_counts_for_what_and_when_it_was_allowed(signed: Signed, options: str, rules: list[str]) -> None:
    signed.run()
    allow(signed, options)
    for more in ([], ["--require-signature"]):
        assert signed.verify(*more) == (int(rules == ["LED014"]), rules)


@needs_keygen
def test_a_key_that_was_revoked_does_not_count(signed: Signed, tmp_path: Path) -> None:
    signed.run()
    revoked = tmp_path / "revoked"
    revoked.write_text(signed.key.with_suffix(".pub").read_text())
    signed.sandbox.git("config", "--global", "gpg.ssh.revocationFile", str(revoked))
    assert signed.verify() == (1, ["LED014"])
    revoked.write_text(make_key(tmp_path / "stranger", "stranger"))
    assert signed.verify() == (0, ["LED017"])
    revoked.unlink()
    assert signed.sandbox.judge("evidence verify").code == 3, "nobody can say what was revoked"


@needs_keygen
def test_a_signature_for_another_purpose_is_none(signed: Signed) -> None:
    run = signed.run()
    seal = load(signed.sandbox.root, run.summary)["seal"]
    data = seal_bytes(seal["ledger"], seal["entries"], seal["head"])
    assert KEYGEN
    command = [KEYGEN, "-Y", "sign", "-n", "git", "-f", str(signed.key)]
    signed.signature(run).write_bytes(subprocess.run(command, input=data, capture_output=True, check=True).stdout)
    assert signed.verify() == (1, ["LED017", "LED014"]), "the sessions are signed for this"


@needs_keygen
def test_a_run_written_anew_and_signed_by_a_stranger_is_found(signed: Signed, tmp_path: Path) -> None:
    run = signed.run()
    for path in (*run.all, str(signed.signature(run))):
        (signed.sandbox.root / path).unlink()
    make_key(tmp_path / "stranger", "stranger")
    signed.sandbox.git("config", "user.signingkey", str(tmp_path / "stranger"))
    make_run(signed.sandbox.root, 0, padding=b"other", sign=signer(signed.repo, "required", print))
    assert signed.verify() == (1, ["LED014"])


@needs_keygen
def test_a_signature_that_was_there_is_missed(signed: Signed) -> None:
    """Without the signature in the seal nothing in the tree contradicts; what was committed before does."""
    run = signed.run()
    signed.sandbox.commit()
    signed.signature(run).unlink()
    summary = load(signed.sandbox.root, run.summary)
    summary["seal"]["signature"] = None
    (signed.sandbox.root / run.summary).write_bytes(record_bytes(summary))
    assert signed.verify() == (1, ["LED017", "LED019", "LED014"])
    tip = signed.sandbox.commit()
    assert signed.verify("--source", f"{tip}~1..{tip}") == (1, ["LED017", "LED019", "LED014"])


@pytest.mark.parametrize("format_", ["openpgp", "x509", None, "SSH", "nonsense"])
@pytest.mark.parametrize("use", ["optional", "required"])
def test_a_format_that_is_not_ssh_never_makes_a_signed_seal(sandbox: Sandbox, format_: str | None, use: str) -> None:
    if format_:
        sandbox.git("config", "gpg.format", format_)
    sandbox.git("config", "user.signingkey", "0123456789ABCDEF")
    repo, said = open_repo(str(sandbox.root), sandbox.environment), list[str]()
    shown = format_ or "openpgp"
    if use == "required":
        with pytest.raises(GuardrailError, match=f"gpg.format is {shown}") as caught:
            signer(repo, "required", said.append)
        assert (caught.value.exit_code, "gpg.format ssh" in (caught.value.hint or "")) == (2, True)
        return
    run = make_run(sandbox.root, sign=signer(repo, "optional", said.append))
    assert load(sandbox.root, run.summary)["seal"]["signature"] is None
    assert f"gpg.format is {shown}" in said[0]
    assert set(sandbox.judge("evidence verify", "--require-signature").rules) == {"LED013", "LED021"}


@needs_keygen
def test_a_chain_computed_anew_does_not_fit_the_signature(signed: Signed) -> None:
    run = signed.run()
    kept = signed.signature(run).read_bytes()
    sign = lambda seal: signed.signature(run).write_bytes(kept) and seal.signature_path  # noqa: E731
    for path in run.all:
        (signed.sandbox.root / path).unlink()
    make_run(signed.sandbox.root, 0, padding=b"other", sign=sign)
    assert signed.verify() == (1, ["LED014"])


@needs_keygen
def test_without_allowed_signers_nobody_can_say(signed: Signed) -> None:
    signed.run()
    signed.sandbox.git("config", "--global", "--unset", "gpg.ssh.allowedSignersFile")
    ran = signed.sandbox.judge("evidence verify")
    assert ran.code == 0
    assert any("gpg.ssh.allowedSignersFile" in row["reason"] for row in ran.document["examined"]["skipped"])
    assert signed.sandbox.judge("evidence verify", "--require-signature").code == 3


def test_a_run_that_is_not_signed_is_missed_where_signatures_are_required(sandbox: Sandbox) -> None:
    make_run(sandbox.root)
    assert sandbox.judge("evidence verify").code == 0
    ran = sandbox.judge("evidence verify", "--require-signature")
    assert (ran.code, set(ran.rules)) == (1, {"LED013", "LED021"})
    sandbox.write(".speckit.yaml", "version: 1\nevidence: {signature: required}\n")
    assert set(sandbox.judge("evidence verify").rules) == {"LED013", "LED021"}
    assert "LED013" in sandbox.judge("guard", "--hook", "ci").rules


def test_required_without_a_key_is_said_before_the_run(sandbox: Sandbox) -> None:
    repo = open_repo(str(sandbox.root), sandbox.environment)
    with pytest.raises(GuardrailError, match=r"gpg\.format"):
        signer(repo, "required", print)
    sandbox.git("config", "gpg.format", "ssh")
    with pytest.raises(GuardrailError, match=r"user\.signingkey"):
        signer(repo, "required", print)
    assert signer(repo, "off", print) is None


def test_optional_without_a_key_leaves_the_seal_unsigned_and_says_so(sandbox: Sandbox) -> None:
    said: list[str] = []
    sign = signer(open_repo(str(sandbox.root), sandbox.environment), "optional", said.append)
    run = make_run(sandbox.root, sign=sign)
    assert load(sandbox.root, run.summary)["seal"]["signature"] is None
    assert said == ["the seal is not signed: git's gpg.format is openpgp, and evidence is signed with SSH keys"]


@needs_keygen
def test_a_key_that_cannot_be_used_is_said(signed: Signed) -> None:
    signed.sandbox.git("config", "user.signingkey", str(signed.key) + "-gone")
    said: list[str] = []
    sign = signer(signed.repo, "optional", said.append)
    assert sign is not None
    assert sign(Seal("docs/x.ledger.jsonl", 1, "0" * 64)) is None
    assert "not signed" in said[0]
    sign = signer(signed.repo, "required", said.append)
    assert sign is not None
    with pytest.raises(GuardrailError, match="not signed"):
        sign(Seal("docs/x.ledger.jsonl", 1, "0" * 64))


@needs_keygen
def test_a_run_sealed_again_without_a_key_leaves_no_old_signature(signed: Signed) -> None:
    run = signed.run()
    assert signed.signature(run).exists()
    for path in run.files[:-1]:
        (signed.sandbox.root / path).unlink()
    (signed.sandbox.root / run.ledger).unlink()
    make_run(signed.sandbox.root)
    assert not signed.signature(run).exists()
    assert signed.verify()[0] == 0


def test_a_run_is_exported_as_an_in_toto_test_result(sandbox: Sandbox) -> None:
    run = make_run(sandbox.root)
    ran = sandbox.speckit("evidence", "export", run.name)
    assert ran.code == 0, ran
    made = json.loads(ran.out)
    assert (made["_type"], made["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://in-toto.io/attestation/test-result/v0.1",
    )
    assert all(subject["digest"] for subject in made["subject"])
    predicate = made["predicate"]
    assert (predicate["result"], predicate["passedTests"]) == ("PASSED", ["plan", "tasks"])
    assert (predicate["warnedTests"], predicate["failedTests"]) == ([], [])
    assert run.ledger in [item["name"] for item in predicate["configuration"]]
    assert sandbox.speckit("evidence", "export", run.name, "--output", "run.json").code == 0
    assert json.loads((sandbox.root / "run.json").read_bytes()) == made


@pytest.mark.parametrize(
    ("stage", "verdict", "outcome", "result"),
    [
        ("passed", "ok", "completed", "PASSED"),
        ("passed", "degraded", "completed", "WARNED"),
        ("skipped", None, "completed", "PASSED"),
        ("halted", "conflict", "halted", "FAILED"),
        ("passed", "ok", "interrupted", "FAILED"),
    ],
)
def test_the_result_follows_from_stages_and_verdicts(
    sandbox: Sandbox, stage: str, verdict: str | None, outcome: str, result: str
) -> None:
    cost = {"usd": None, "tokens": None, "source": "unknown"}
    row = {"stage": "plan", "status": stage, "telemetry": [], "retries": [], "cost": cost, "verdict": None}
    if verdict:
        row["verdict"] = {"verdict": verdict, "path": "docs/v.json", "sha256": "0" * 64}
    halt = {"stage": "plan", "reason": "conflict", "message": "x"} if outcome == "halted" else None
    code = {"completed": 0, "halted": 4, "interrupted": 130}[outcome]
    run = make_run(sandbox.root, stages=("plan",), stages_=[row], outcome=outcome, halt=halt, exit_code=code)
    ran = sandbox.speckit("evidence", "export", run.name)
    assert ran.code == 0, ran
    predicate = json.loads(ran.out)["predicate"]
    assert predicate["result"] == result
    assert ("plan" in predicate["passedTests"]) == (stage == "passed")


def test_what_does_not_verify_or_is_not_there_is_not_exported(sandbox: Sandbox) -> None:
    run = make_run(sandbox.root)
    assert sandbox.speckit("evidence", "export", "20990101T000000Z-00000000").code == 2
    sandbox.write(run.files[0], b"{}")
    ran = sandbox.speckit("evidence", "export", run.name)
    assert (ran.code, "LED003" in ran.err, ran.out) == (1, True, "")
    assert LAYOUT.evidence in ran.err
    assert SPEC in ran.err
