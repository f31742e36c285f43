"""Evidence is append-only by path: whatever is done to what the base had is found, and ordinary work is not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from guardrails.checks.ledger import LedgerEntry, digest, line_of, read_chain, unsealed
from guardrails.core import record_bytes
from tests.checks.test_ledger import Files, World, found, judge
from tests.evidence.runs import LAYOUT, SPEC, Made, make_run, track
from tests.evidence.test_hostile_archives import packed
from tests.sandbox import Sandbox

ROOT = LAYOUT.evidence
FOLDER = f"{ROOT}/archive/{SPEC}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two runs that are completed."""
    return World(tmp_path_factory.mktemp("done"), 2)


@pytest.fixture(scope="module")
def halted(done: World) -> Files:
    """The same, and the last one was halted."""
    return appended(done.files, done.run, {}, outcome="halted")


def appended(files: Files, run: Made, changed: Files, **summary: Any) -> Files:
    """Files written again by somebody who enters them in further lines of a run's ledger and seals it anew."""
    chain = read_chain(files[run.ledger])
    lines, head, number = [files[run.ledger]], chain.head, len(chain.entries)
    document = {**json.loads(files[run.summary]), **summary, "seal": None}
    entries = [LedgerEntry(0, path, digest(data), len(data), None) for path, data in changed.items()]
    bare = unsealed(document)
    for entry in (*entries, LedgerEntry(0, run.summary, digest(bare), len(bare), None, "run_summary")):
        number += 1
        line = line_of(entry._replace(sequence=number, previous=head))
        head = digest(line)
        lines.append(line + b"\n")
    document["seal"] = {"ledger": run.ledger, "entries": number, "head": head, "signature": None}
    return {**files, **changed, run.ledger: b"".join(lines), run.summary: record_bytes(document)}


def named(run: Made, tail: str) -> str:
    return next(path for path in run.files if path.endswith(tail))


def other(data: bytes) -> bytes:
    return data.replace(b"SPEC-KIT", b"SPEC-KIT", 1) + b"\n"


TAILS = ("_claude.json", "_verdict.json", "_synthesis.json")


@pytest.mark.parametrize("tail", TAILS)
def test_an_edit_that_is_entered_in_further_lines_of_a_completed_run(done: World, tail: str) -> None:
    path = named(done.run, tail)
    forged = appended(done.files, done.run, {path: other(done.files[path])})
    assert found(judge(forged)) == set(), "digests are integrity, not authenticity"
    assert {("LED010", done.run.ledger), ("LED019", path), ("LED019", done.run.summary)} <= found(
        judge(forged, base=done.files)
    )


def test_a_completed_run_never_grows(done: World) -> None:
    forged = appended(done.files, done.run, {})
    assert ("LED010", done.run.ledger) in found(judge(forged, base=done.files))
    under_way = appended(done.files, done.run, {}, outcome="halted")
    assert ("LED010", done.run.ledger) in found(judge(under_way, base=done.files))


def test_a_run_that_goes_on_writes_its_verdict_again_and_no_answer(done: World, halted: Files) -> None:
    changed = {named(done.run, tail): other(halted[named(done.run, tail)]) for tail in TAILS[1:]}
    telemetry = next(path for path in done.run.files if "/commands/" in path)
    changed[telemetry] = other(halted[telemetry])
    went_on = appended(halted, done.run, changed, outcome="completed")
    result = judge(went_on, base=halted)
    assert found(result) == set(), result.findings
    answer = named(done.run, "_claude.json")
    forged = appended(halted, done.run, {answer: other(halted[answer])}, outcome="completed")
    assert found(judge(forged)) == set()
    assert found(judge(forged, base=halted)) == {("LED019", answer)}


def test_an_agent_that_gave_no_answer_may_be_asked_again(done: World, halted: Files) -> None:
    path = named(done.run, "_claude.json")
    answer = {**json.loads(halted[path]), "attempt": 2, "status": "ok"}
    failed = json.dumps({**answer, "attempt": 1, "status": "error", "error": "timed out"}).encode()
    base = appended(halted, done.run, {path: failed})
    assert found(judge(appended(base, done.run, {path: json.dumps(answer).encode()}), base=base)) == set()
    again = json.dumps({**answer, "attempt": 1}).encode()
    assert found(judge(appended(base, done.run, {path: again}), base=base)) == {("LED019", path)}
    assert found(judge(appended(halted, done.run, {path: failed}), base=halted)) == {("LED019", path)}


def test_a_ledger_that_goes_back_to_what_it_was_before(done: World, halted: Files) -> None:
    longer = appended(halted, done.run, {})
    assert ("LED010", done.run.ledger) in found(judge(halted, base=longer))


def test_a_run_that_is_not_sealed_yet_is_append_only_too(done: World) -> None:
    document = {**json.loads(done.files[done.run.summary]), "outcome": "running", "finished_at": None, "seal": None}
    base = {**done.files, done.run.summary: record_bytes(document)}
    gone = {path: data for path, data in base.items() if path not in (done.run.ledger, done.run.summary)}
    assert ("LED011", done.run.ledger) in found(judge(gone, base=base))
    path = named(done.run, "_claude.json")
    assert ("LED019", path) in found(judge(appended(base, done.run, {path: other(base[path])}), base=base))


@pytest.mark.parametrize("where", ["consensus", "commands"])
def test_a_session_outside_runs(done: World, where: str) -> None:
    alone = {path: data for path, data in done.files.items() if "/runs/" not in path}
    path = next(path for path in alone if f"/{where}/" in path and not path.endswith("_verdict.json"))
    assert found(judge(alone, base=alone)) == set()
    without = {each: data for each, data in alone.items() if each != path}
    assert found(judge(without, base=alone)) == {("LED019", path)}
    if where == "consensus":
        assert found(judge({**alone, path: other(alone[path])}, base=alone)) == {("LED019", path)}


def test_everything_of_a_spec_is_gone(done: World) -> None:
    left = {path: data for path, data in done.files.items() if f"/{SPEC}" not in path}
    assert {("LED011", run.ledger) for run in done.runs} <= found(judge(left, base=done.files))


def test_a_run_under_another_name_whose_files_stay(done: World) -> None:
    run, name = done.run, done.run.name.replace("00000001", "0000000a")
    files = {path.replace(f"/{run.name}", f"/{name}"): data for path, data in done.files.items()}
    assert ("LED011", run.ledger) in found(judge(files, base=done.files))


def test_two_ledgers_that_list_the_same_file(done: World) -> None:
    one, path = done.runs[0], named(done.runs[1], "_claude.json")
    lent = appended(done.files, one, {path: done.files[path]})
    assert found(judge(lent)) == {("LED020", path)}


def test_a_file_in_another_case(done: World) -> None:
    path = named(done.run, "_claude.json")
    renamed = {each: data for each, data in done.files.items() if each != path} | {
        path.replace("_claude", "_Claude"): done.files[path]
    }
    forged = appended(renamed, done.run, {path.replace("_claude", "_Claude"): done.files[path]})
    assert ("LED010", done.run.ledger) in found(judge(forged, base=done.files))


def test_what_was_edited_in_the_base_may_be_brought_back(done: World) -> None:
    path = named(done.run, "_claude.json")
    assert found(judge(done.files, base={**done.files, path: b"{}"})) == set()
    assert found(judge({**done.files, path: b"{}"}, base={**done.files, path: b"{}"})) == {("LED003", path)}


def test_a_ledger_that_names_what_is_no_evidence_binds_nothing(done: World) -> None:
    base = appended({**done.files, "README.md": b"one"}, done.run, {"README.md": b"one"})
    changed = {**base, "README.md": b"two"}
    assert ("LED019", "README.md") not in found(judge(changed, base=base))


def test_a_cost_summary_changes_with_a_stage_and_by_nothing_else(done: World) -> None:
    alone = {path: data for path, data in done.files.items() if "/runs/" not in path}
    path = f"{ROOT}/costs/{SPEC}_cost_summary.json"
    base = dict(done.files)
    session = named(done.run, "_claude.json").replace(done.run.name[:8], "20260301")
    base[session] = alone[named(done.run, "_claude.json")]  # a stage that was run by itself
    edited = {**base, path: other(base[path])}
    assert ("LED019", path) in found(judge(edited, base=base))
    newer = session.replace("20260301", "20260302")
    assert ("LED019", path) not in found(judge({**edited, newer: b"{}"}, base=base))


def test_findings_about_lost_evidence_are_bounded(done: World) -> None:
    path = named(done.run, "_claude.json")
    many = {path.replace(done.run.name[:8], f"2026{number:04}"): b"{}" for number in range(101, 1132)}
    many = {
        f"{ROOT}/consensus/{SPEC}/spec-plan_20260305T093000Z-{number:08x}_claude.json": b"{}" for number in range(500)
    }
    result = judge(done.files, base={**done.files, **many})
    lost = [row for row in result.findings if row.rule.code == "LED019"]
    assert len(lost) == 101
    assert "400 more files" in lost[0].message or "400 more files" in lost[-1].message


# Archives: what a manifest lists is believed only where the archive holds it.


class Archived:
    """A repository whose first three runs of six were archived by the product, in a commit of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.root = sandbox, sandbox.root
        self.runs = [make_run(self.root, number) for number in range(6)]
        track(sandbox)
        self.base = sandbox.commit()
        ran = sandbox.speckit("evidence", "archive", "--spec", SPEC)
        assert ran.code == 0, ran
        self.tip = sandbox.commit()

    @property
    def manifest(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.root / FOLDER / "manifest.json").read_bytes())
        return document

    @property
    def archive(self) -> Path:
        return self.root / FOLDER / f"{self.runs[0].name}.tar.gz"

    def rewrite(self, data: bytes, edit: Callable[[dict[str, Any]], None] = lambda _row: None) -> None:
        """Another archive, and a manifest whose row fits it."""
        document = self.manifest
        row = document["archives"][0]
        row |= {"sha256": sha256(data).hexdigest(), "size": len(data)}
        edit(row)
        self.archive.write_bytes(data)
        self.sandbox.write(f"{FOLDER}/manifest.json", document)

    def rules(self, *sources: str) -> dict[str, set[str]]:
        """The errors of each source, as `guard` and as `evidence verify` see them."""
        self.sandbox.commit()
        seen = {}
        for source in sources or ("worktree", "HEAD", f"{self.base}..HEAD", f"{self.tip}..HEAD"):
            guard = self.sandbox.judge("guard", "--source", source)
            led = {rule for rule in guard.rules if rule.startswith("LED")}
            assert led == set(self.sandbox.judge("evidence verify", "--source", source).rules), source
            seen[source] = led
        return seen


@pytest.fixture
def archived(sandbox: Sandbox) -> Archived:
    return Archived(sandbox)


def test_an_archive_made_by_the_product_and_a_restore_are_green(archived: Archived) -> None:
    assert set().union(*archived.rules().values()) == set()
    ran = archived.sandbox.speckit("evidence", "restore", archived.runs[0].name)
    assert ran.code == 0, ran
    assert set().union(*archived.rules().values()) == set()
    assert archived.sandbox.speckit("evidence", "archive", "--spec", SPEC).code == 0
    assert set().union(*archived.rules().values()) == set()


def members_of(archived: Archived) -> list[tuple[str, bytes]]:
    import io
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(archived.archive.read_bytes())) as archive:
        return [(info.name, archive.extractfile(info).read()) for info in archive]  # type: ignore[union-attr]


def tar(*items: tuple[str, bytes], **changes: Any) -> bytes:
    from tests.evidence.test_hostile_archives import info

    return packed(*((info(name, len(data), **changes), data) for name, data in items))


def _lies(archived: Archived) -> dict[str, bytes]:
    items = members_of(archived)
    whole = tar(*items)
    import tarfile

    return {
        "one byte": b"x",
        "an empty archive": packed(),
        "a member missing": tar(*items[1:]),
        "another content": tar(*items[:-1], (items[-1][0], items[-1][1].replace(b"a", b"b", 1))),
        "another size": tar(*items[:-1], (items[-1][0], items[-1][1] + b" ")),
        "a member twice": tar(items[0], *items),
        "cut short": whole[: len(whole) // 2],
        "the end of gzip missing": whole[:-8],
        "something after it": whole + gzip.compress(b"x" * 1000),
        "a bomb": gzip.compress(b"\0" * 80 * 1024 * 1024),
        "links": tar(*items[:-1], (items[-1][0], b""), kind=tarfile.SYMTYPE, target="/etc/passwd"),
    }


NAMES = (
    "one byte", "an empty archive", "a member missing", "another content", "another size", "a member twice",
    "cut short", "the end of gzip missing", "something after it", "a bomb", "links",
)  # fmt: skip


@pytest.mark.parametrize("lie", NAMES)
@pytest.mark.tier2
def test_an_archive_that_does_not_hold_what_its_manifest_lists(archived: Archived, lie: str) -> None:
    archived.rewrite(_lies(archived)[lie])
    for source, rules in archived.rules().items():
        assert "LED012" in rules, source


@pytest.mark.tier2
def test_an_archive_whose_manifest_was_made_to_fit_other_files(archived: Archived) -> None:
    items = members_of(archived)
    forged = [(name, data.replace(b"a", b"b", 1)) for name, data in items]

    def fit(row: dict[str, Any]) -> None:
        row["members"] = [
            {"path": name, "sha256": sha256(data).hexdigest(), "size": len(data)} for name, data in forged
        ]

    archived.rewrite(tar(*forged), fit)
    seen = archived.rules()
    assert "LED010" in seen[f"{archived.base}..HEAD"], "the runs lay in the tree"
    assert "LED011" in seen[f"{archived.tip}..HEAD"], "they lay in the archive"


@pytest.mark.tier2
def test_an_archive_that_is_gone_with_its_row(archived: Archived) -> None:
    document = archived.manifest
    document["archives"] = document["archives"][1:]
    archived.sandbox.write(f"{FOLDER}/manifest.json", document)
    archived.archive.unlink()
    assert all("LED011" in rules for source, rules in archived.rules().items() if ".." in source)
    archived.sandbox.git("rm", "-rq", FOLDER)
    assert all("LED011" in rules for source, rules in archived.rules().items() if ".." in source)


@pytest.mark.tier2
def test_a_row_that_says_somebody_else_packed_it(archived: Archived) -> None:
    archived.rewrite(archived.archive.read_bytes(), lambda row: row.update(created_by="Mallory <m@example.invalid>"))
    assert archived.rules(f"{archived.tip}..HEAD") == {f"{archived.tip}..HEAD": {"LED012"}}


@pytest.mark.tier2
def test_members_of_another_spec(archived: Archived) -> None:
    def lend(row: dict[str, Any]) -> None:
        row["members"] = [{**each, "path": each["path"].replace(SPEC, "SPEC-KIT-OTHER")} for each in row["members"]]

    items = [(name.replace(SPEC, "SPEC-KIT-OTHER"), data) for name, data in members_of(archived)]
    archived.rewrite(tar(*items), lend)
    assert all("LED012" in rules for rules in archived.rules().values())


# Ranges: the states are compared, over merges too.


def test_runs_of_two_specs_on_two_branches_that_are_merged(sandbox: Sandbox) -> None:
    make_run(sandbox.root, 0)
    base = sandbox.commit()
    sandbox.git("switch", "-qc", "one")
    make_run(sandbox.root, 1, spec="SPEC-KIT-ONE")
    sandbox.commit()
    sandbox.git("switch", "-q", "main")
    make_run(sandbox.root, 2, spec="SPEC-KIT-TWO")
    two = sandbox.commit()
    sandbox.git("merge", "-q", "--no-edit", "one")
    for source in (f"{base}..HEAD", f"{two}..HEAD", f"{two}...HEAD"):
        ran = sandbox.judge("evidence verify", "--source", source)
        assert (ran.code, ran.rules) == (0, []), ran


def test_a_merge_commit_that_drops_what_one_side_had(sandbox: Sandbox) -> None:
    make_run(sandbox.root, 0)
    base = sandbox.commit()
    sandbox.git("switch", "-qc", "one")
    run = make_run(sandbox.root, 1, spec="SPEC-KIT-ONE")
    one = sandbox.commit()
    sandbox.git("switch", "-q", "main")
    sandbox.write("more.txt", "x")
    sandbox.commit()
    sandbox.git("merge", "-q", "--no-commit", "--no-ff", "one")
    sandbox.git("rm", "-rqf", str(Path(run.ledger).parent))
    sandbox.commit()
    assert sandbox.judge("evidence verify", "--source", f"{base}..HEAD").code == 0, "this base never had it"
    assert "LED011" in sandbox.judge("evidence verify", "--source", f"{one}..HEAD").rules


def test_branches_that_were_merged_into_each_other(sandbox: Sandbox) -> None:
    """Then there are two places where the range left its base, and each counts."""
    sandbox.write("a.txt", "a")
    sandbox.commit()
    sandbox.git("switch", "-qc", "side")
    one = make_run(sandbox.root, 0, spec="SPEC-KIT-ONE")
    side = sandbox.commit()
    sandbox.git("switch", "-q", "main")
    two = make_run(sandbox.root, 1, spec="SPEC-KIT-TWO")
    main = sandbox.commit()
    sandbox.git("merge", "-q", "--no-edit", side)
    sandbox.git("switch", "-q", "side")
    sandbox.git("merge", "-q", "--no-edit", main)
    for run in (one, two):
        sandbox.git("rm", "-rq", str(Path(run.ledger).parent))
        sandbox.commit()
        ran = sandbox.judge("evidence verify", "--source", "main..side")
        assert ("LED011", run.ledger) in {(row["rule"], row["path"]) for row in ran.document["findings"]}, ran
        sandbox.git("reset", "-q", "--hard", "HEAD~1")


def test_what_was_changed_and_brought_back_is_the_same_evidence(sandbox: Sandbox) -> None:
    run = make_run(sandbox.root)
    base = sandbox.commit()
    path = sandbox.root / run.files[0]
    data = path.read_bytes()
    path.write_bytes(b"{}")
    sandbox.commit()
    assert sandbox.judge("evidence verify", "--source", f"{base}..HEAD").rules == ["LED003"]
    path.write_bytes(data)
    sandbox.commit()
    assert sandbox.judge("evidence verify", "--source", f"{base}..HEAD").rules == []


# Records name the session of their file, and a run that is there.


def test_a_record_that_names_another_session_or_a_run_that_is_not_there(sandbox: Sandbox) -> None:
    run = make_run(sandbox.root)
    path = next(path for path in run.files if "/commands/" in path)
    document = json.loads((sandbox.root / path).read_bytes())

    def said(**changes: Any) -> bool:
        sandbox.write(path, {**document, **changes})
        return "TEL008" in sandbox.judge("validate").rules

    assert not said()
    assert not said(run=run.name)
    assert said(sessionId="20260131T093000Z-deadbeef")
    assert said(run="20260131T093000Z-deadbeef")
