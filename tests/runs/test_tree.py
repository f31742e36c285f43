"""The tree is judged against its state at the start; only what the run itself recorded is exempt."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from guardrails.agents import RunContext
from guardrails.evidence import EvidenceStore, WrittenFile
from guardrails.runs import TreeState, judge_tree, own_files, pack, tree_state, unpack
from tests.runs.stage_world import packet, run_stage, telemetry, world
from tests.sandbox import EVIDENCE, Sandbox

OWN = f"{EVIDENCE}/commands/SPEC-KIT-DEMO/spec-plan_20260131T093000Z-4f2a9c10_x y.log"
STRANGE = ["with space.txt", "new\nline.txt", "tab\t.txt", '"quoted".txt', "-dash", "ünï", "a/b/c.txt", ":(glob)*"]


@pytest.fixture
def at(sandbox: Sandbox) -> RunContext:
    packet(sandbox)
    return world(sandbox)


def own(at: RunContext, data: bytes = b"evidence\n", path: str = OWN) -> WrittenFile:
    """A file that the run writes."""
    return EvidenceStore(at.repo.root).write(path, data, replace=True)


def changes(at: RunContext, start: TreeState, *written: WrittenFile) -> list[str]:
    judged = judge_tree(at, start, own_files(written))
    return [change.path for change in (*judged.dirty, *judged.changes)]


def test_a_clean_tree_stays_clean(at: RunContext) -> None:
    start = tree_state(at)
    assert start.dirty == ()
    assert start.head == at.repo.head()
    assert changes(at, start) == []


def test_what_the_run_wrote_is_no_dirt(at: RunContext) -> None:
    start = tree_state(at)
    assert changes(at, start, own(at)) == []


def test_the_same_file_with_other_bytes_is_dirt(at: RunContext) -> None:
    start = tree_state(at)
    written = own(at)
    own(at, b"tampered\n")
    assert set(changes(at, start, written)) == {OWN}


def test_the_same_bytes_under_another_name_are_dirt(at: RunContext) -> None:
    start = tree_state(at)
    written = own(at)
    other = own(at, path=OWN.replace("x y", "x z"))
    assert changes(at, start, written) == [other.path]


def test_evidence_that_is_gone_is_a_change(at: RunContext) -> None:
    start = tree_state(at)
    written = own(at)
    (Path(at.repo.root) / OWN).unlink()
    assert changes(at, start, written) == [OWN]


def test_a_file_that_is_written_again_counts_as_it_was_written_last(at: RunContext) -> None:
    start = tree_state(at)
    first, second = own(at), own(at, b"later\n")
    assert changes(at, start, first, second) == []
    assert set(changes(at, start, second, first)) == {OWN}


@pytest.mark.parametrize("commit", [False, True], ids=["staged", "committed"])
def test_the_operator_may_stage_and_commit_the_runs_evidence(sandbox: Sandbox, at: RunContext, commit: bool) -> None:
    start = tree_state(at)
    written = own(at)
    sandbox.add(OWN)
    if commit:
        sandbox.git("commit", "-q", "-m", "evidence")
    assert changes(at, start, written) == []


def test_other_bytes_that_were_staged_are_a_change(sandbox: Sandbox, at: RunContext) -> None:
    start = tree_state(at)
    own(at, b"something else\n")
    sandbox.add(OWN)
    assert changes(at, start, own(at)) == [OWN]


def test_other_bytes_that_were_committed_are_a_change(sandbox: Sandbox, at: RunContext) -> None:
    start = tree_state(at)
    own(at, b"something else\n")
    sandbox.commit()
    assert set(changes(at, start, own(at))) == {OWN}


def test_anything_else_that_is_committed_is_a_change(sandbox: Sandbox, at: RunContext) -> None:
    start = tree_state(at)
    written = own(at)
    sandbox.write("code.py", "print()\n")
    sandbox.commit()
    assert changes(at, start, written) == ["code.py"]
    assert sandbox.git("status", "--porcelain").out == ""


def test_a_commit_that_takes_something_away_is_a_change(sandbox: Sandbox, at: RunContext) -> None:
    start = tree_state(at)
    sandbox.git("rm", "-q", "SPEC.md")
    sandbox.git("commit", "-q", "-m", "no tracker")
    assert changes(at, start) == ["SPEC.md"]


def test_another_commit_of_the_same_tree_is_none(sandbox: Sandbox, at: RunContext) -> None:
    start = tree_state(at)
    sandbox.git("commit", "-q", "--amend", "-m", "another message")
    assert at.repo.head() != start.head
    assert changes(at, start) == []


def test_a_run_may_begin_before_the_first_commit(sandbox: Sandbox) -> None:
    at = world(sandbox)
    start = tree_state(at)
    assert start == TreeState(None)
    written = own(at)
    sandbox.commit()
    assert changes(at, start, written) == []
    sandbox.write("code.py", "x")
    sandbox.commit()
    assert changes(at, start, written) == ["code.py"]


def test_a_head_that_is_gone_is_a_change(sandbox: Sandbox, at: RunContext) -> None:
    start = tree_state(at)
    sandbox.git("checkout", "-q", "--orphan", "empty")
    sandbox.git("rm", "-rfq", ".")
    assert "." in changes(at, start)


DIRT: dict[str, Callable[[Sandbox], object]] = {
    "unstaged": lambda box: box.write("SPEC.md", "# Another\n"),
    "staged": lambda box: (box.write("SPEC.md", "# Another\n"), box.add("SPEC.md")),
    "untracked": lambda box: box.write("left behind.txt", "x"),
    "deleted": lambda box: (box.root / "SPEC.md").unlink(),
    "a merge": lambda box: (box.root / ".git/MERGE_HEAD").write_text("0" * 40, encoding="utf-8"),
}


@pytest.mark.parametrize("dirt", DIRT)
def test_dirt_is_found_at_the_start_and_later(sandbox: Sandbox, at: RunContext, dirt: str) -> None:
    clean = tree_state(at)
    DIRT[dirt](sandbox)
    assert len(changes(at, clean)) == 1
    assert len(changes(at, tree_state(at))) == 1


@pytest.mark.parametrize("name", STRANGE)
def test_names_of_every_kind_are_told_apart(sandbox: Sandbox, at: RunContext, name: str) -> None:
    start = tree_state(at)
    written = own(at, path=name)
    assert changes(at, start, written) == []
    assert changes(at, start) == [name]
    sandbox.git("--literal-pathspecs", "add", "--", name)
    assert changes(at, start, written) == []
    sandbox.git("commit", "-q", "-m", "x")
    assert changes(at, start, written) == []
    assert changes(at, start) == [name]


def test_bytes_that_are_no_utf8_stand_in_a_record(sandbox: Sandbox, at: RunContext) -> None:
    try:
        with open(os.fsencode(at.repo.root) + b"/caf\xe9", "wb") as stream:
            stream.write(b"x")
    except OSError:
        pytest.skip("the file system takes UTF-8 only")
    ran = run_stage(at, "plan")
    assert "caf\\xe9: CLN003" in telemetry(sandbox, ran.closed)["errors"][0]
    assert unpack(TreeState, pack(ran.opened.start)) == ran.opened.start


def test_dirt_at_the_start_halts(sandbox: Sandbox, at: RunContext) -> None:
    sandbox.write("left behind.txt", "x")
    ran = run_stage(at, "plan")
    assert ran.closed.halt is not None
    assert (ran.closed.exit_code, ran.closed.halt.reason) == (1, "dirty-tree")
    assert "left behind.txt: CLN003 untracked" in ran.closed.halt.message


def test_dirt_that_may_be_there_is_shown_and_is_no_pass(sandbox: Sandbox) -> None:
    packet(sandbox)
    sandbox.environment["SPEC_OPS_ALLOW_DIRTY"] = "1"
    sandbox.write("left behind.txt", "x")
    ran = run_stage(world(sandbox), "plan")
    record = telemetry(sandbox, ran.closed)
    assert (ran.closed.exit_code, ran.rows["clean-tree"][0]) == (0, "skipped")
    assert record["overrides"] == {"SPEC_OPS_ALLOW_DIRTY": "1"}
    assert record["baseline"]["mode"] == "tree not asked to be clean"
    assert any("left behind.txt" in text for text in record["warnings"])


def test_what_was_dirty_may_stay_as_it_was(sandbox: Sandbox, at: RunContext) -> None:
    """Its bytes count, not its name."""
    path = sandbox.write("notes.txt", "one")
    sandbox.write("SPEC.md", "# Staged\n")
    sandbox.add("SPEC.md")
    start = tree_state(at)
    assert judge_tree(at, start, own_files(())).changes == ()
    path.write_text("two", encoding="utf-8")
    [change] = judge_tree(at, start, own_files(())).changes
    assert change.path == "notes.txt"
    assert "something else at the start" in change.message


def test_what_was_dirty_may_be_committed_as_it_was(sandbox: Sandbox, at: RunContext) -> None:
    sandbox.write("notes.txt", "one")
    (sandbox.root / "SPEC.md").unlink()
    start = tree_state(at)
    sandbox.commit()
    assert judge_tree(at, start, own_files(())).changes == ()


def test_dirt_made_while_a_stage_ran_is_found_before_it_passes(sandbox: Sandbox) -> None:
    packet(sandbox, stages={"plan": {"policy": {"final": [["touch", "made by a policy"]]}}})
    ran = run_stage(world(sandbox), "plan")
    assert (ran.closed.exit_code, ran.rows["clean-tree after"][0]) == (1, "failed")


def test_what_is_excluded_is_no_dirt(sandbox: Sandbox) -> None:
    packet(sandbox, clean_tree={"exclude": ["scratch/"]})
    at = world(sandbox)
    start = tree_state(at)
    sandbox.write("scratch/x", "x")
    assert changes(at, start) == []
    sandbox.commit()
    assert changes(at, start) == []


def test_submodules_are_looked_into(sandbox: Sandbox, at: RunContext, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    other = Sandbox(inner, sandbox.home)
    other.git("init", "-q", "-b", "main")
    other.write("a.txt", "a")
    other.commit()
    sandbox.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub")
    sandbox.commit()
    start = tree_state(at)
    assert changes(at, start) == []
    (sandbox.root / "sub/a.txt").write_text("b", encoding="utf-8")
    assert changes(at, start) == ["sub"]
    dirty = tree_state(at)
    assert judge_tree(at, dirty, own_files(())).changes == ()
    (sandbox.root / "sub/b.txt").write_text("b", encoding="utf-8")
    assert [change.path for change in judge_tree(at, dirty, own_files(())).changes] == ["sub"]


def test_a_linked_worktree_has_a_tree_of_its_own(sandbox: Sandbox, at: RunContext, tmp_path: Path) -> None:
    sandbox.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    sandbox.write("left behind.txt", "x")
    side = Sandbox(tmp_path / "side", sandbox.home)
    ran = run_stage(world(side), "plan")
    assert ran.closed.exit_code == 0, ran.rows
    assert run_stage(at, "plan").closed.exit_code == 1


def test_a_link_in_place_of_evidence_is_a_change(sandbox: Sandbox, at: RunContext, tmp_path: Path) -> None:
    start = tree_state(at)
    written = own(at)
    target = sandbox.root / OWN
    (tmp_path / "elsewhere").write_bytes(target.read_bytes())
    target.unlink()
    target.symlink_to(tmp_path / "elsewhere")
    assert set(changes(at, start, written)) == {OWN}


def test_a_linked_folder_in_place_of_evidence_is_a_change(sandbox: Sandbox, at: RunContext, tmp_path: Path) -> None:
    start = tree_state(at)
    written = own(at)
    folder = (sandbox.root / OWN).parent
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert OWN in changes(at, start, written)


def test_hidden_changes_are_undecided(sandbox: Sandbox, at: RunContext) -> None:
    start = tree_state(at)
    sandbox.write(".git/info/lefthook-unstaged.patch", "x")
    ran = run_stage(at, "plan", start=start)
    assert (ran.closed.exit_code, ran.closed.halt and ran.closed.halt.reason) == (3, "undecided")
