"""`evidence verify`: an untouched run is clean, and whatever is done to its files is found and named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from guardrails.checks.ledger import LedgerEntry, digest, line_of, read_chain, unsealed
from guardrails.config import EvidenceSettings, Settings
from guardrails.core import LINE_LIMIT, Result, record_bytes
from guardrails.engine import check_named, runner
from guardrails.snapshot import READ_LIMIT, CheckContext, MemorySnapshot, Scope
from tests.evidence.runs import LAYOUT, SPEC, Made, make_run
from tests.examples import examples
from tests.sandbox import Sandbox

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
Files = dict[str, bytes]
MANY = hypothesis_settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class World:
    """A run on disk, read into memory."""

    def __init__(self, root: Path, runs: int = 1) -> None:
        self.runs: list[Made] = [make_run(root, number) for number in range(runs)]
        self.files: Files = {str(path.relative_to(root)): path.read_bytes() for path in _files(root)}

    @property
    def run(self) -> Made:
        return self.runs[-1]


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("runs"), 2)


def judge(
    files: Mapping[str, bytes], scope: Scope | None = None, base: Files | None = None, signature: Any = "off"
) -> Result:
    snapshot = MemorySnapshot(files, MemorySnapshot(base) if base is not None else None)
    if base is not None:
        snapshot.source = snapshot.source._replace(kind="range")
    settings = Settings(evidence=EvidenceSettings(signature=signature))
    subject = CheckContext(snapshot, settings, NOW, scope or Scope())
    return runner.run_checks("evidence verify", [check_named("evidence verify")], [subject])


def found(result: Result) -> set[tuple[str, str]]:
    return {(row.rule.code, row.path) for row in result.findings if row.severity == "error"}


def test_an_untouched_run_is_clean(world: World, two: World) -> None:
    for each in (world, two):
        result = judge(each.files)
        assert (result.exit_code, result.findings) == (0, ())
        assert result.examined.checked > len(each.run.files)


def test_no_runs_are_nothing_to_examine() -> None:
    assert judge({"README.md": b"x"}).exit_code == 3


def test_a_run_or_spec_that_is_named_must_be_there(world: World) -> None:
    assert judge(world.files, Scope(spec=SPEC, run=world.run.name)).exit_code == 0
    assert judge(world.files, Scope(run="20990101T000000Z-00000000")).exit_code == 1
    assert judge(world.files, Scope(spec="SPEC-KIT-OTHER")).exit_code == 1


@MANY
@given(st.data())
def test_every_edit_of_any_file_is_found_and_names_the_file(world: World, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(world.run.all))
    old = world.files[path]
    at = data.draw(st.integers(0, len(old) - 1))
    new = data.draw(
        st.sampled_from(
            (
                old[:at] + bytes([old[at] ^ 1]) + old[at + 1 :],
                old[:at] + b" " + old[at:],
                old[:at] + old[at + 1 :],
                old[:at],
                old + b"\n",
                old + old,
            )
        )
    )
    result = judge({**world.files, path: new})
    assert result.exit_code in (1, 3), (path, at)
    assert path in {row.path for row in result.findings if row.severity == "error"}


def test_every_deletion_is_found_and_names_the_file(world: World) -> None:
    for path in world.run.all:
        result = judge({each: data for each, data in world.files.items() if each != path})
        named = {row.path for row in result.findings}
        assert result.exit_code == 1, path
        assert path in named


def test_every_addition_under_the_name_of_a_session_is_found(world: World) -> None:
    for path in world.run.files:
        if "/costs/" in path:
            continue
        added = path.rpartition(".")[0] + "_2.json"
        assert ("LED005", added) in found(judge({**world.files, added: b"{}\n"}))


def test_a_resolution_may_come_later(world: World) -> None:
    path = next(path for path in world.run.files if path.endswith("_verdict.json"))
    resolution = path.replace("_verdict.json", "_resolution.json")
    assert judge({**world.files, resolution: b"{}\n"}).exit_code == 0


def test_every_swap_of_two_files_is_found(world: World) -> None:
    paths = sorted(world.run.files)
    for one, other in pairwise(paths):
        swapped = {**world.files, one: world.files[other], other: world.files[one]}
        assert {("LED003", one), ("LED003", other)} <= found(judge(swapped))


@MANY
@given(st.data())
def test_every_change_of_the_order_of_lines_is_found(world: World, data: st.DataObject) -> None:
    lines = world.files[world.run.ledger].splitlines(keepends=True)
    order = data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=len(lines) + 2))
    new = b"".join(lines[index] for index in order)
    result = judge({**world.files, world.run.ledger: new})
    assert (result.exit_code == 0) == (new == world.files[world.run.ledger])
    if result.exit_code:
        assert world.run.ledger in {row.path for row in result.findings} or new == b""


def test_each_kind_of_tampering_has_its_rule(world: World) -> None:
    ledger, summary = world.run.ledger, world.run.summary
    lines = world.files[ledger].splitlines(keepends=True)

    def with_ledger(*chosen: bytes) -> set[str]:
        return {code for code, path in found(judge({**world.files, ledger: b"".join(chosen)})) if path == ledger}

    assert with_ledger(*lines[:-1]) == {"LED006"}
    assert with_ledger(*lines, lines[-1]) == {"LED001", "LED006"}
    assert "LED001" in with_ledger(lines[1], lines[0], *lines[2:])
    assert "LED001" in with_ledger(*lines[:3], lines[2], *lines[3:])
    assert "LED002" in with_ledger(b"[]\n", *lines[1:])
    assert with_ledger(*lines, b"{") == {"LED002"}
    unsealed_summary = json.loads(world.files[summary]) | {"seal": None}
    assert found(judge({**world.files, summary: record_bytes(unsealed_summary)})) == {("LED007", summary)}
    without = {path: data for path, data in world.files.items() if path != summary}
    assert found(judge(without)) == {("LED007", ledger), ("LED004", summary)}


@pytest.mark.parametrize("line", [b"", b"\r", b"{}", b"0"], ids=["empty", "CR", "objects", "numbers"])
def test_a_ledger_of_endless_lines_is_not_read(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guardrails.checks.ledger.entries.parse_json", None)
    chain = read_chain((line + b"\n") * (LINE_LIMIT + 1))
    assert [(each.line, each.message) for each in chain.faults] == [(1, f"more than {LINE_LIMIT:,} lines")]
    assert (chain.entries, chain.sound) == ((), 0)


def test_the_faults_of_a_ledger_are_bounded() -> None:
    assert len(read_chain(b"x\n" * 10_000).faults) == 21


def test_of_the_files_a_ledger_misses_a_hundred_are_listed(world: World) -> None:
    head, lines = None, []
    for number in range(1, 131):
        path = f"{world.run.ledger.rpartition('/')[0]}/missing_{number}.json"
        lines.append(line_of(LedgerEntry(number, path, digest(b""), 0, head)))
        head = digest(lines[-1])
    ledger = b"".join(line + b"\n" for line in lines)
    result = judge({**world.files, world.run.ledger: ledger})
    missing = [row for row in result.findings if row.rule.code == "LED004"]
    assert sum("lists it, and it is not here" in row.message for row in missing) == 100
    [rest] = [row for row in missing if row.path == world.run.ledger]
    assert rest.message == "30 more files of this ledger with findings of this rule are not listed"


def test_a_summary_that_claims_to_be_under_way_again_does_not_pass(world: World) -> None:
    document = json.loads(world.files[world.run.summary])
    document |= {"outcome": "running", "finished_at": None, "exit_code": None, "seal": None}
    assert ("LED003", world.run.summary) in found(judge({**world.files, world.run.summary: record_bytes(document)}))


def test_a_file_both_edited_and_entered_anew_breaks_the_seal(world: World) -> None:
    path = next(path for path in world.run.files if path.endswith("_claude.json"))
    edited = world.files[path].replace(b"Schema first", b"Schema last")
    chain = read_chain(world.files[world.run.ledger])
    entry = LedgerEntry(len(chain.entries) + 1, path, digest(edited), len(edited), chain.head, None, "plan")
    ledger = world.files[world.run.ledger] + line_of(entry) + b"\n"
    assert ("LED006", world.run.ledger) in found(judge({**world.files, path: edited, world.run.ledger: ledger}))


def forged(world: World) -> Files:
    """The run with one file edited, and everything that depends on it computed anew."""
    path = next(path for path in world.run.files if path.endswith("_claude.json"))
    edited = world.files[path] + b"\n"
    head, lines = None, []
    for entry in read_chain(world.files[world.run.ledger]).entries:
        if entry.path == path:
            entry = entry._replace(sha256=digest(edited), size=len(edited))
        line = line_of(entry._replace(previous=head))
        head = digest(line)
        lines.append(line + b"\n")
    document = json.loads(world.files[world.run.summary])
    document["seal"]["head"] = head
    return {
        **world.files, path: edited, world.run.ledger: b"".join(lines), world.run.summary: record_bytes(document)
    }  # fmt: skip


def test_a_chain_computed_anew_is_found_against_the_base(world: World) -> None:
    forgery = forged(world)
    assert found(judge(forgery)) == set(), "digests are integrity, not authenticity"
    assert ("LED010", world.run.ledger) in found(judge(forgery, base=world.files))
    assert judge(world.files, base=world.files).exit_code == 0


def test_a_run_removed_whole_is_found_against_the_base(two: World) -> None:
    gone = {path: data for path, data in two.files.items() if path not in two.runs[0].all[:-3]}
    gone = {path: data for path, data in gone.items() if path not in (two.runs[0].ledger, two.runs[0].summary)}
    assert ("LED011", two.runs[0].ledger) in found(judge(gone, base=two.files))


def test_a_run_under_way_is_a_warning_and_its_cut_off_line_is_too(world: World) -> None:
    lines = world.files[world.run.ledger].splitlines(keepends=True)[:-1]
    document = json.loads(world.files[world.run.summary])
    document |= {"outcome": "running", "finished_at": None, "exit_code": None, "seal": None}
    bare, chain = unsealed(document), read_chain(b"".join(lines))
    entry = LedgerEntry(len(lines) + 1, world.run.summary, digest(bare), len(bare), chain.head, "run_summary")
    ledger = b"".join(lines) + line_of(entry) + b"\n"
    files = {**world.files, world.run.summary: bare, world.run.ledger: ledger}
    result = judge(files)
    assert (result.exit_code, [row.rule.code for row in result.findings]) == (0, ["LED008"])
    result = judge({**files, world.run.ledger: ledger + b'{"schemaVer'})
    assert result.exit_code == 0
    assert {row.rule.code for row in result.findings} == {"LED008", "LED002"}


def test_a_document_that_changed_makes_the_verdict_stale(world: World) -> None:
    result = judge({**world.files, f"docs/{SPEC}/spec.md": b"# Another\n"})
    verdicts = {path for path in world.run.files if path.endswith("_verdict.json")}
    assert found(result) == {("LED009", path) for path in verdicts}
    assert result.exit_code == 3, "the ledger holds; what the verdict is about is gone"


def test_only_the_latest_verdict_of_a_stage_can_be_stale(two: World) -> None:
    result = judge({**two.files, f"docs/{SPEC}/spec.md": b"# Another\n"})
    assert {path for _, path in found(result)} <= set(two.runs[1].files)


def test_the_cost_summary_is_that_of_the_latest_run(two: World) -> None:
    path = two.run.files[-1]
    assert path in two.runs[0].files
    assert found(judge({**two.files, path: b"{}\n"})) == {("LED003", path)}
    assert two.runs[1].name.startswith("20260201T093000Z"), "names tell whole seconds"
    for stamp in ("20260220T000000Z", "20260201T093000Z"):
        later = f"{LAYOUT.evidence}/commands/{SPEC}/spec-plan_{stamp}-aaaa.json"
        result = judge({**two.files, path: b"{}\n", later: b"{}\n"})
        assert [(row.rule.code, row.severity) for row in result.findings] == [("LED015", "warning")]


def test_required_signatures_are_missed(world: World) -> None:
    found_now = found(judge(world.files, signature="required"))
    assert {rule for rule, _ in found_now} == {"LED013", "LED021"}
    assert ("LED013", world.run.summary) in found_now
    assert judge(world.files, signature="optional").exit_code == 0


def test_a_signature_the_seal_does_not_name_is_flagged(world: World) -> None:
    path = world.run.ledger.replace(".jsonl", ".sig")
    assert found(judge({**world.files, path: b"x"})) == {("LED014", path)}


@MANY
@given(st.binary(max_size=300))
def test_a_ledger_and_a_summary_may_hold_anything(data: bytes) -> None:
    name = f"{LAYOUT.evidence}/runs/{SPEC}/20260131T093000Z-4f2a9c10"
    assert judge({f"{name}.ledger.jsonl": data, f"{name}.json": data}).exit_code != 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KEYS = ("seal", "stages", "outcome", "archives", "specId", "schemaVersion")


@MANY
@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6))
def test_a_summary_a_manifest_and_an_entry_may_have_any_shape(value: dict[str, Any]) -> None:
    name, data = f"{LAYOUT.evidence}/runs/{SPEC}/20260131T093000Z-4f2a9c10", json.dumps(value).encode()
    files = {f"{name}.ledger.jsonl": data + b"\n", f"{name}.json": data}
    assert judge({**files, f"{LAYOUT.evidence}/archive/{SPEC}/manifest.json": data}).exit_code != 0


@pytest.mark.parametrize("source", ["worktree", "index", "HEAD", "HEAD~1..HEAD"])
def test_every_source_is_judged_by_its_own_bytes(sandbox: Sandbox, source: str) -> None:
    sandbox.write("README.md", "x")
    sandbox.commit()
    run = make_run(sandbox.root)
    sandbox.commit()
    assert sandbox.judge("evidence verify", "--source", source).code == 0
    sandbox.write(run.files[0], b"edited\n")
    ran = sandbox.judge("evidence verify", "--source", source)
    assert ran.code == (1 if source == "worktree" else 0), ran
    sandbox.commit()
    ran = sandbox.judge("evidence verify", "--source", source)
    assert (ran.code, ran.rules) == (1, ["LED003"])


def test_guard_asks_at_a_push_and_in_ci(sandbox: Sandbox) -> None:
    run = make_run(sandbox.root)
    sandbox.commit()
    sandbox.write(run.files[0], sandbox.root.joinpath(run.files[0]).read_bytes() + b"\n")
    for hook in ("pre-push", "ci"):
        assert "LED003" in sandbox.judge("guard", "--hook", hook, "--source", "worktree").rules
    assert "LED003" not in sandbox.judge("guard", "--hook", "pre-commit", "--source", "worktree").rules


def test_a_link_in_place_of_a_file_is_not_the_file(sandbox: Sandbox) -> None:
    run = make_run(sandbox.root)
    place = sandbox.root / run.files[0]
    place.rename(sandbox.root / "moved.json")
    place.symlink_to(sandbox.root / "moved.json")
    ran = sandbox.judge("evidence verify")
    assert (ran.code, ran.rules) == (1, ["LED003"])


@pytest.mark.tier2
def test_a_file_too_large_to_be_held_is_verified_all_the_same(sandbox: Sandbox) -> None:
    run = make_run(sandbox.root, stages=("plan",), padding=b"x" * (READ_LIMIT + 1))
    log = next(path for path in run.files if path.endswith(".log"))
    sandbox.commit()
    assert sandbox.judge("evidence verify").code == 0
    assert sandbox.judge("evidence verify", "--source", "HEAD").code == 0
    sandbox.write(log, b"x" * READ_LIMIT + b"y")
    assert sandbox.judge("evidence verify").rules == ["LED003"]
    assert sandbox.judge("evidence verify", "--source", "HEAD").code == 0
