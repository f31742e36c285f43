"""Sessions that are attested, and what happens to them afterwards."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from guardrails.checks.ledger import Envelope, authenticated_bytes, read_envelope, subjects
from guardrails.core import record_bytes
from guardrails.engine import check_named, runner
from guardrails.evidence import StageSession, attest
from guardrails.git import Repo, open_repo, parse_armored, sign
from guardrails.snapshot import CheckContext, MemorySnapshot
from tests.evidence.keys import KEYGEN, Signed, make_key, needs_keygen, sign_with_a_key
from tests.evidence.runs import LAYOUT, SIGNED, SPEC, Made, make_run
from tests.examples import examples
from tests.runs.agents_world import Cast, answer
from tests.runs.stage_world import SPEC as CAST_SPEC
from tests.sandbox import Ran, Sandbox

CONFIGURED = "version: 1\nevidence: {signature: required, allowed_signers: allowed_signers}\n"
BEGIN, END = b"-----BEGIN SSH SIGNATURE-----\n", b"\n-----END SSH SIGNATURE-----\n"
FOLDER = f"{LAYOUT.evidence}/consensus/{SPEC}"


class Attested:
    """A repository that requires signatures, with one run whose sessions are attested. `plan` begins the names of the
    files of its first session."""

    def __init__(self, signed: Signed) -> None:
        self.signed, self.sandbox, self.root = signed, signed.sandbox, signed.sandbox.root
        self.sandbox.write(".speckit.yaml", CONFIGURED)
        self.sandbox.write("allowed_signers", signed.allowed.read_text())
        self.base = self.sandbox.commit("allow a signer")
        self.run: Made = signed.run()
        self.plan, self.tasks = sorted(
            path.removesuffix("_attestation.json") for path in self.run.files if path.endswith("_attestation.json")
        )
        self.tip = self.sandbox.commit("a run")

    @property
    def attestation(self) -> str:
        return f"{self.plan}_attestation.json"

    def envelope(self, path: str) -> Envelope:
        made = read_envelope((self.root / path).read_bytes())
        assert isinstance(made, Envelope), made
        return made

    def statement(self, path: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.envelope(path).payload)
        return document

    def put(self, path: str, statement: dict[str, Any]) -> None:
        """Write another statement, signed by the key that git signs with now."""
        payload = record_bytes(statement)
        signature = sign(open_repo(str(self.root), self.sandbox.environment), authenticated_bytes(payload))
        assert not isinstance(signature, str), signature
        self.sandbox.write(path, record_bytes(Envelope(payload, signature.data, signature.fingerprint).document))

    def verify(self, *arguments: str) -> Ran:
        return self.sandbox.judge("evidence verify", *arguments)

    def stranger(self) -> None:
        """From here on git signs with a key that nobody has allowed."""
        make_key(self.signed.key.parent / "stranger", "stranger")
        self.sandbox.git("config", "user.signingkey", str(self.signed.key.parent / "stranger"))


@pytest.fixture
def attested(sandbox: Sandbox, tmp_path: Path) -> Attested:
    return Attested(sign_with_a_key(sandbox, tmp_path))


@needs_keygen
@pytest.mark.parametrize("source", ["worktree", "index", "HEAD", "HEAD~1..HEAD"])
def test_a_run_whose_sessions_are_attested_passes(attested: Attested, source: str) -> None:
    ran = attested.verify("--source", source)
    assert (ran.code, ran.rules) == (0, []), ran
    [note] = ran.document["findings"]
    assert "signed by dev@example.invalid (allowed_signers in" in note["message"]
    assert ("which is judged itself" in note["message"]) == (source == "HEAD")


@needs_keygen
def test_a_statement_lists_every_file_of_its_session(attested: Attested) -> None:
    statement = attested.statement(attested.attestation)
    listed = {subject["name"] for subject in statement["subject"]}
    there = {str(path.relative_to(attested.root)) for path in attested.root.glob(f"{attested.plan}_*")}
    assert listed == there - {attested.attestation}
    assert len(listed) > 4
    predicate = statement["predicate"]
    assert (predicate["specId"], predicate["stage"], predicate["verdict"]["verdict"]) == (SPEC, "plan", "ok")
    assert predicate["roster"] == ["gemini", "claude", "gpt_pro"]
    assert predicate["inputs"]


@needs_keygen
def test_anybody_can_verify_it_with_ssh_keygen(attested: Attested, tmp_path: Path) -> None:
    """As docs/evidence-policy.md shows it."""
    envelope = json.loads((attested.root / attested.attestation).read_bytes())
    signature = envelope["signatures"][0]["sig"]
    lines = [signature[start : start + 70] for start in range(0, len(signature), 70)]
    armor = "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])
    (tmp_path / "sig").write_text(armor)
    payload = b64decode(envelope["payload"])
    kind = b"application/vnd.in-toto+json"
    data = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    command = [str(KEYGEN), "-Y", "verify", "-n", "speckit", "-I", "dev@example.invalid"]
    command += ["-f", str(attested.signed.allowed), "-s", str(tmp_path / "sig")]
    assert subprocess.run(command, input=data, check=False).returncode == 0


def _edit(path: Callable[[Attested], str], old: str, new: str) -> Callable[[Attested], None]:
    def change(attested: Attested) -> None:
        place = attested.root / path(attested)
        text = place.read_text()
        assert old in text
        place.write_text(text.replace(old, new, 1))

    return change


def _add_an_answer(attested: Attested) -> None:
    shutil.copy(attested.root / f"{attested.plan}_claude.json", attested.root / f"{attested.plan}_stranger.json")


def _add_an_answer_in_an_older_style(attested: Attested) -> None:
    stamp = attested.plan.rpartition("_")[2]
    moment, _, nonce = stamp.partition("-")
    older = f"{moment[:4]}-{moment[4:6]}-{moment[6:11]}:{moment[11:13]}:{moment[13:]}-{nonce}"
    shutil.copy(
        attested.root / f"{attested.plan}_claude.json", attested.root / f"{FOLDER}/spec-plan_{older}_stranger.json"
    )


def _remove_an_answer(attested: Attested) -> None:
    (attested.root / f"{attested.plan}_claude.json").unlink()


def _take_it_from_another_session(attested: Attested) -> None:
    shutil.copy(attested.root / f"{attested.tasks}_attestation.json", attested.root / attested.attestation)


def _predicate(**changes: Any) -> Callable[[Attested], None]:
    """A statement that says something else, signed by the allowed key."""

    def change(attested: Attested) -> None:
        statement = attested.statement(attested.attestation)
        attested.put(attested.attestation, {**statement, "predicate": {**statement["predicate"], **changes}})

    return change


def _sign_by_a_stranger(attested: Attested) -> None:
    statement = attested.statement(attested.attestation)
    attested.stranger()
    attested.put(attested.attestation, statement)


def _name_another_key(attested: Attested) -> None:
    envelope = attested.envelope(attested.attestation)
    attested.sandbox.write(
        attested.attestation, record_bytes(envelope._replace(fingerprint="SHA256:" + "A" * 43).document)
    )


def _claim_another_type(attested: Attested) -> None:
    document = attested.envelope(attested.attestation).document
    attested.sandbox.write(attested.attestation, record_bytes({**document, "payloadType": "text/plain"}))


def _remove(*tails: str) -> Callable[[Attested], None]:
    def change(attested: Attested) -> None:
        for tail in tails:
            (attested.root / f"{attested.plan}{tail}").unlink()

    return change


def _write_garbage(attested: Attested) -> None:
    attested.sandbox.write(attested.attestation, b"{}\n")


def _is_a_link(attested: Attested) -> None:
    place = attested.root / attested.attestation
    place.rename(place.with_name("kept"))
    place.symlink_to("kept")


@needs_keygen
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        pytest.param(_edit(lambda each: f"{each.plan}_claude.json", "three", "four"), "LED022", id="an edited answer"),
        pytest.param(_edit(lambda each: f"{each.plan}_verdict.json", '"ok"', '"degraded"'), "LED022", id="a verdict"),
        pytest.param(_add_an_answer, "LED022", id="an answer that was added"),
        pytest.param(_add_an_answer_in_an_older_style, "LED022", id="one that is named in an older style"),
        pytest.param(_remove_an_answer, "LED022", id="an answer that was removed"),
        pytest.param(_take_it_from_another_session, "LED022", id="the attestation of another session"),
        pytest.param(_predicate(roster=["claude"]), "LED022", id="another roster"),
        pytest.param(_predicate(prompts=[]), "LED022", id="other prompts"),
        pytest.param(_predicate(inputs=[]), "LED022", id="other inputs"),
        pytest.param(_predicate(configSha256="0" * 64), "LED022", id="another configuration"),
        pytest.param(_predicate(verdict={"verdict": "conflict"}), "LED022", id="another verdict"),
        pytest.param(_predicate(specId="SPEC-KIT-OTHER"), "LED022", id="another SPEC"),
        pytest.param(_predicate(stage="tasks"), "LED022", id="another stage"),
        pytest.param(_predicate(session="20260131T093000Z-ffff"), "LED022", id="another session"),
        pytest.param(_predicate(run="20260131T093000Z-ffff"), "LED022", id="another run"),
        pytest.param(_predicate(replayed=["claude"]), "LED022", id="a replayed agent"),
        pytest.param(_predicate(method="chain"), "LED022", id="another method"),
        pytest.param(_predicate(note="x"), "LED022", id="a statement that says more"),
        pytest.param(_sign_by_a_stranger, "LED014", id="signed by a stranger"),
        pytest.param(_name_another_key, "LED014", id="another key's fingerprint"),
        pytest.param(_claim_another_type, "LED022", id="another payload type"),
        pytest.param(_write_garbage, "LED022", id="no envelope"),
        pytest.param(_is_a_link, "LED022", id="a link"),
        pytest.param(_remove("_attestation.json"), "LED021", id="no attestation"),
    ],
)
@pytest.mark.tier2
def test_a_session_that_is_not_what_was_signed_is_found(
    attested: Attested, change: Callable[[Attested], None], rule: str
) -> None:
    change(attested)
    ran = attested.verify()
    assert (ran.code, rule in ran.rules) == (1, True), ran
    tip = attested.sandbox.commit("a change")
    assert rule in attested.verify("--source", f"{tip}~1..{tip}").rules
    assert rule in attested.sandbox.judge("guard", "--hook", "ci", "--source", tip).rules


@needs_keygen
def test_without_runs_the_sessions_are_judged_all_the_same(attested: Attested) -> None:
    shutil.rmtree(attested.root / LAYOUT.evidence / "runs")
    tip = attested.sandbox.commit("runs are gone")
    ran = attested.verify("--source", tip)
    assert ran.rules == ["LED021"] * 2, "telemetry of stages was in the signed ledger"
    assert "commands/" in ran.document["findings"][0]["path"]
    assert attested.sandbox.judge("guard", "--hook", "ci", "--source", tip).code == 1


@needs_keygen
@pytest.mark.tier2
def test_a_whole_run_that_was_made_up_is_found(attested: Attested) -> None:
    make_run(attested.root, 3, spec="SPEC-KIT-NEVER")
    tip = attested.sandbox.commit("a run of a SPEC that never ran")
    ran = attested.verify("--source", f"{tip}~1..{tip}")
    assert {"LED013", "LED021"} <= set(ran.rules), ran
    shutil.rmtree(attested.root / LAYOUT.evidence / "runs" / "SPEC-KIT-NEVER")
    attested.sandbox.commit("without its run")
    assert set(attested.verify().rules) == {"LED021"}, "and so is one without a run"


@needs_keygen
@pytest.mark.tier2
def test_a_whole_run_that_a_stranger_signs_is_found(attested: Attested) -> None:
    attested.stranger()
    attested.signed.run(3)
    tip = attested.sandbox.commit("a run")
    assert set(attested.verify("--source", f"{tip}~1..{tip}").rules) == {"LED014"}
    assert attested.sandbox.judge("guard", "--hook", "ci", "--source", f"{tip}~1..{tip}").code == 1


@needs_keygen
@pytest.mark.tier2
def test_a_change_cannot_allow_its_own_signer(attested: Attested) -> None:
    attested.stranger()
    attested.signed.run(3)
    key = (attested.signed.key.parent / "stranger.pub").read_text()
    attested.sandbox.write("allowed_signers", attested.signed.allowed.read_text() + f"\nme@example.invalid {key}")
    tip = attested.sandbox.commit("a run, and who signed it")
    assert "LED014" in attested.verify("--source", f"{tip}~1..{tip}").rules
    ran = attested.verify("--source", tip)
    assert ran.code == 0, "where nothing is compared there is no other file to go by, and that is said"
    assert any("which is judged itself" in row["message"] for row in ran.document["findings"])


@needs_keygen
@pytest.mark.parametrize("after", [CONFIGURED.replace("required", "off"), "version: 1\n"], ids=["off", "no word of it"])
def test_a_change_cannot_do_without_the_signatures_its_base_requires(attested: Attested, after: str) -> None:
    make_run(attested.root, 3, spec="SPEC-KIT-NEVER")
    attested.sandbox.write(".speckit.yaml", after)
    tip = attested.sandbox.commit("a run, and no signatures")
    rules = attested.sandbox.judge("guard", "--hook", "ci", "--source", f"{tip}~1..{tip}").rules
    assert {"POL006", "LED013", "LED021"} <= set(rules)


@needs_keygen
def test_the_repositorys_own_git_configuration_names_no_program_and_no_signers(
    attested: Attested, tmp_path: Path
) -> None:
    """A `.git/config` can come with a copied or unpacked repository."""
    mark, program = tmp_path / "started", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\nexit 0\n")
    program.chmod(0o755)
    attested.stranger()
    attested.signed.run(3)
    attested.sandbox.git("config", "gpg.ssh.program", str(program))
    key = (attested.signed.key.parent / "stranger.pub").read_text()
    (tmp_path / "signers").write_text(f"me@example.invalid {key}")
    attested.sandbox.git("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "signers"))
    assert "LED014" in attested.verify().rules
    attested.sandbox.write(".speckit.yaml", "version: 1\nevidence: {signature: required}\n")
    attested.sandbox.git("config", "--global", "--unset", "gpg.ssh.allowedSignersFile")
    ran = attested.verify()
    assert (ran.code, set(ran.rules)) == (3, {"LED023"}), ran
    assert not mark.exists()


@needs_keygen
@pytest.mark.parametrize("use", ["optional", "required"])
def test_without_allowed_signers_or_ssh_keygen_it_is_undecided_where_it_is_required(
    attested: Attested, use: str, tmp_path: Path
) -> None:
    attested.sandbox.write(".speckit.yaml", CONFIGURED.replace("required", use))
    attested.sandbox.commit("configure")
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.symlink_to(str(shutil.which("git")))
    where = {"PATH": str(git.parent)}
    attested.sandbox.write("ssh-keygen", "#!/bin/sh\nexit 0\n").chmod(0o755)
    for ran in (
        attested.sandbox.judge("evidence verify", PATH=f".:{git.parent}"),
        attested.sandbox.judge("evidence verify", **where),
    ):
        assert ran.code == (3 if use == "required" else 0), ran
        assert set(ran.rules) == ({"LED023"} if use == "required" else set())
    if use == "optional":
        assert any("ssh-keygen was not found" in row["reason"] for row in ran.document["examined"]["skipped"])
    (attested.root / "ssh-keygen").unlink()
    (attested.root / "allowed_signers").unlink()
    attested.sandbox.commit("no signers")
    assert attested.verify().code == (3 if use == "required" else 0)


@needs_keygen
def test_a_change_to_a_session_is_found_where_signatures_are_optional_too(attested: Attested) -> None:
    attested.sandbox.write(".speckit.yaml", CONFIGURED.replace("required", "optional"))
    _add_an_answer(attested)
    assert "LED022" in attested.verify().rules


@needs_keygen
def test_a_resolution_has_to_be_signed_too(attested: Attested) -> None:
    session = f"{FOLDER}/spec-plan_20260131T120000Z-00000000"
    resolution = {
        "schemaVersion": 1, "specId": SPEC, "stage": "plan", "session": "20260131T093000Z-00000000",
        "conflict": "0" * 12, "text": "x", "because": "y", "by": "Dev", "timestamp": "2026-01-31T12:00:00Z",
    }  # fmt: skip
    attested.sandbox.write(f"{session}_resolution.json", record_bytes(resolution))
    assert attested.verify().rules == ["LED021"]
    when = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
    made = attest(attested.signed.repo, SIGNED, StageSession(SPEC, "plan", when, "00000000"), print)
    assert [file.path for file in made] == [f"{session}_attestation.json"]
    ran = attested.verify()
    assert ran.code == 0, ran.document["findings"]
    _edit(lambda _: f"{session}_resolution.json", '"y"', '"z"')(attested)
    assert "LED022" in attested.verify().rules


@needs_keygen
@pytest.mark.parametrize("garbage", [b"", b"garbage\n", BEGIN + b"AAAA" + END], ids=["empty", "text", "armor"])
@pytest.mark.parametrize("use", ["required", "optional", "off"])
@pytest.mark.tier2
def test_a_garbage_signature_of_a_seal_does_not_pass_guard(attested: Attested, garbage: bytes, use: str) -> None:
    attested.sandbox.write(".speckit.yaml", f"version: 1\nevidence: {{signature: {use}}}\n")
    attested.sandbox.git("config", "--global", "--unset", "gpg.ssh.allowedSignersFile")
    attested.signed.signature(attested.run).write_bytes(garbage)
    tip = attested.sandbox.commit("garbage")
    for source in (tip, f"{tip}~1..{tip}"):
        assert "LED014" in attested.sandbox.judge("guard", "--hook", "ci", "--source", source).rules, source


@needs_keygen
@pytest.mark.tier2
def test_archived_sessions_need_no_attestation_here(attested: Attested) -> None:
    attested.signed.run(1)
    attested.sandbox.commit("another run")
    ran = attested.sandbox.speckit("evidence", "archive", "--spec", SPEC, "--keep", "1", "--active")
    assert ran.code == 0, ran
    assert not (attested.root / attested.attestation).exists()
    found = attested.verify()
    assert (found.code, found.rules) == (0, []), found
    tip = attested.sandbox.commit("archived")
    assert attested.verify("--source", f"{tip}~1..{tip}").code == 0


@given(st.binary(max_size=200))
def test_anything_may_lie_where_a_signature_belongs(data: bytes) -> None:
    for text in (data, BEGIN + data + END, BEGIN + b64encode(b"SSHSIG\0\0\0\1" + data) + END):
        made = parse_armored(text)
        assert made is None or parse_armored(made.armored) == made
    assert read_envelope(data) == read_envelope(data)


ENVELOPE_KEYS = ("payload", "payloadType", "signatures", "keyid", "sig", "subject", "name", "digest", "sha256")
ANYTHING = st.recursive(
    st.none() | st.integers(0, 9) | st.text("ab/+=", max_size=9),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(ENVELOPE_KEYS), inner),
)


@given(ANYTHING)
def test_anything_may_lie_where_an_envelope_or_a_statement_belongs(value: Any) -> None:
    if isinstance(value, dict):
        assert isinstance(read_envelope(record_bytes(value)), str)
        assert all(isinstance(text, str) for row in subjects(value).items() for text in row)


class _Here(MemorySnapshot):
    """Files in memory, of a repository whose git is configured."""

    def __init__(self, files: dict[str, bytes], repo: Repo) -> None:
        super().__init__(files)
        self.repo = repo


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], Repo]:
    """The files of a repository with one signed session and no run, and the repository."""
    place = tmp_path_factory.mktemp("session")
    (place / "home").mkdir()
    sandbox = Sandbox(place / "root", place / "home")
    sandbox.root.mkdir()
    sandbox.git("init", "-q")
    signed = sign_with_a_key(sandbox, place)
    run = make_run(sandbox.root, 0, stages=("plan",), attested=signed.repo)
    for path in (run.ledger, run.summary, *(path for path in run.files if "/commands/" in path or "/costs/" in path)):
        (sandbox.root / path).unlink()
    files = {str(path.relative_to(sandbox.root)): path.read_bytes() for path in sandbox.root.glob("docs/**/*.json")}
    return files, signed.repo


def judged(files: dict[str, bytes], repo: Repo) -> int:
    check = check_named("evidence verify")
    context = CheckContext(_Here(files, repo), SIGNED, datetime(2030, 1, 1, tzinfo=timezone.utc))
    return runner.run_checks("evidence verify", [check], [context]).exit_code


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in rows:
        yield from leaves(item, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A JSON value in which one field is another one, or gone where `new` is Ellipsis."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and new is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


SPOILT = st.sampled_from((..., None, True, 0, "", "x", [], {}, "0" * 64, "20990101T000000Z-ffff"))


@needs_keygen
@given(data=st.data())
@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.tier2
def test_any_field_of_a_signed_session_that_is_changed_is_found(
    session: tuple[dict[str, bytes], Repo], data: st.DataObject
) -> None:
    files, repo = session
    assert any(path.endswith("_attestation.json") for path in files)
    path = data.draw(st.sampled_from(sorted(files)), "file")
    document = json.loads(files[path])
    where = "file"
    if path.endswith("_attestation.json"):
        where = data.draw(st.sampled_from(("envelope", "payload")), "part")
    value = json.loads(b64decode(document["payload"])) if where == "payload" else document
    place = data.draw(st.sampled_from([each for each in leaves(value) if each]), "field")
    made = changed(value, place, data.draw(SPOILT, "value"))
    assume(made != value)
    if where == "payload":
        made = {**document, "payload": b64encode(record_bytes(made)).decode()}
    assert judged({**files, path: record_bytes(made)}, repo) == 1


@needs_keygen
@given(data=st.data())
@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_byte_of_an_attestation_that_is_changed_is_found(
    session: tuple[dict[str, bytes], Repo], data: st.DataObject
) -> None:
    files, repo = session
    [path] = [path for path in files if path.endswith("_attestation.json")]
    whole = files[path]
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255))
    assume(byte != whole[place])
    assert judged({**files, path: whole[:place] + bytes([byte]) + whole[place + 1 :]}, repo) == 1


@needs_keygen
def test_the_session_itself_passes(session: tuple[dict[str, bytes], Repo]) -> None:
    files, repo = session
    assert judged(files, repo) == 0
    for path in files:
        assert judged({each: data for each, data in files.items() if each != path}, repo) == 1, path


# What commands sign.


def configured(sandbox: Sandbox, tmp_path: Path, **more: Any) -> Cast:
    """Agents in a repository that requires signatures, with the evidence of nobody yet."""
    signed = sign_with_a_key(sandbox, tmp_path)
    sandbox.write("allowed_signers", signed.allowed.read_text())
    evidence = {"signature": "required", "allowed_signers": "allowed_signers"}
    return Cast(sandbox, evidence=evidence, **more)


@needs_keygen
def test_a_consensus_outside_of_runs_is_attested_and_so_is_a_resolution(sandbox: Sandbox, tmp_path: Path) -> None:
    cast = configured(sandbox, tmp_path)
    for name in ("gemini", "claude"):
        cast.says(name, answer(conflicts=("SQLite or Postgres by default",)))
    ran = sandbox.speckit("consensus", "run", "plan", CAST_SPEC)
    assert ran.code == 4, ran
    [path] = cast.filed("attestation.json")
    envelope = read_envelope(path.read_bytes())
    assert isinstance(envelope, Envelope)
    statement = json.loads(envelope.payload)
    listed = {subject["name"].rpartition("/")[2] for subject in statement["subject"]}
    stamp = path.name.removesuffix("_attestation.json")
    assert listed == {each.name for each in path.parent.iterdir() if each.name.startswith(stamp)} - {path.name}
    assert statement["predicate"]["verdict"]["verdict"] == "conflict"
    assert (statement["predicate"]["run"], statement["predicate"]["replayed"]) == (None, [])
    assert {row["agent"] for row in statement["predicate"]["prompts"]} == set(statement["predicate"]["roster"])
    assert sandbox.judge("evidence verify").code == 0
    ran = sandbox.speckit("consensus", "resolve", "plan", CAST_SPEC, "--conflict", "1", "--because", "SQLite: one file")
    assert ran.code == 0, ran
    assert len(cast.filed("attestation.json")) == 2
    found = sandbox.judge("evidence verify")
    assert (found.code, found.rules) == (0, []), found
    [resolution] = cast.filed("resolution.json")
    resolution.write_bytes(resolution.read_bytes().replace(b"one file", b"no file"))
    assert "LED022" in sandbox.judge("evidence verify").rules


@needs_keygen
def test_a_stage_outside_of_runs_is_attested(sandbox: Sandbox, tmp_path: Path) -> None:
    configured(sandbox, tmp_path)
    ran = sandbox.speckit("stage", "plan", CAST_SPEC, "--format", "json")
    assert ran.code == 0, ran
    assert ran.document["written"][-1]["path"].endswith("_attestation.json")
    assert sandbox.judge("evidence verify").code == 0
    telemetry = sandbox.root / ran.document["telemetry"]
    telemetry.write_bytes(telemetry.read_bytes().replace(b"passed", b"failed", 1))
    assert "LED022" in sandbox.judge("evidence verify").rules
    (sandbox.root / ran.document["written"][-1]["path"]).unlink()
    assert "LED021" in sandbox.judge("evidence verify").rules


@needs_keygen
@pytest.mark.parametrize("command", ["consensus run", "stage"])
def test_nothing_is_asked_without_a_key_where_signatures_are_required(
    sandbox: Sandbox, tmp_path: Path, command: str
) -> None:
    cast = configured(sandbox, tmp_path)
    sandbox.git("config", "--unset", "user.signingkey")
    ran = sandbox.speckit(*command.split(), "plan", CAST_SPEC)
    assert (ran.code, "git has no user.signingkey" in ran.err) == (2, True), ran
    assert (cast.calls("claude"), cast.filed("claude.json")) == (0, [])
