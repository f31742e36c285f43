"""A sparse checkout: evidence that is not checked out is neither lost nor unexamined."""

from __future__ import annotations

import pytest

from tests.evidence.runs import LAYOUT, SPEC, Made, make_run, track
from tests.sandbox import Ran, Sandbox


@pytest.fixture
def runs(sandbox: Sandbox) -> list[Made]:
    """A SPEC that is Done, with five runs, committed."""
    made = [make_run(sandbox.root, number) for number in range(5)]
    track(sandbox)
    sandbox.commit()
    return made


def leave_out(sandbox: Sandbox, *folders: str) -> None:
    """Check out everything but some folders."""
    patterns = ["/*", *(f"!/{folder}/" for folder in folders)]
    sandbox.git("sparse-checkout", "set", "--no-cone", *patterns)
    assert not any((sandbox.root / folder).exists() for folder in folders)


def verify(sandbox: Sandbox, *arguments: str) -> Ran:
    return sandbox.speckit("evidence", "verify", *arguments, "--format", "json")


@pytest.mark.parametrize(
    "kinds", [("runs",), ("consensus",), ("commands", "costs"), ("runs", "commands", "consensus", "costs")]
)
def test_what_is_not_checked_out_is_verified_in_the_index(
    sandbox: Sandbox, runs: list[Made], kinds: tuple[str, ...]
) -> None:
    whole = verify(sandbox).document["examined"]["checked"]
    leave_out(sandbox, *(f"{LAYOUT.evidence}/{kind}" for kind in kinds))
    ran = verify(sandbox)
    assert ran.code == 0, ran
    assert [row["rule"] for row in ran.document["findings"]] == ["LED018"]
    assert ran.document["examined"]["checked"] == whole


def test_what_is_not_checked_out_may_be_named(sandbox: Sandbox, runs: list[Made]) -> None:
    leave_out(sandbox, LAYOUT.evidence)
    assert verify(sandbox, SPEC).code == 0
    assert verify(sandbox, "--run", runs[0].name).code == 0
    assert verify(sandbox, "--run", "20990101T000000Z-00000000").code == 1


def test_an_edit_is_found_where_the_file_is_not_checked_out(sandbox: Sandbox, runs: list[Made]) -> None:
    path = runs[0].files[0]
    sandbox.write(path, b"{}\n")
    sandbox.commit()
    leave_out(sandbox, LAYOUT.evidence)
    ran = verify(sandbox)
    assert (ran.code, ran.rules) == (1, ["LED003"])


def test_a_deletion_is_found_beside_what_is_not_checked_out(sandbox: Sandbox, runs: list[Made]) -> None:
    leave_out(sandbox, f"{LAYOUT.evidence}/commands")
    path = next(path for path in runs[0].files if "/consensus/" in path)
    (sandbox.root / path).unlink()
    ran = verify(sandbox)
    assert ran.code == 1
    assert {row["path"] for row in ran.document["findings"] if row["severity"] == "error"} == {path}


def test_an_edit_on_disk_counts_whatever_git_was_told(sandbox: Sandbox, runs: list[Made]) -> None:
    path = runs[0].files[0]
    sandbox.git("update-index", "--skip-worktree", path)
    sandbox.write(path, b"{}\n")
    assert verify(sandbox).rules == ["LED003"]
    (sandbox.root / path).unlink()
    assert verify(sandbox).code == 0  # what git was told to leave out, and is committed as it was


@pytest.mark.parametrize(
    "command",
    [
        ("archive", "--spec", SPEC),
        ("archive", "--spec", SPEC, "--dry-run"),
        ("stats",),
        ("export", "20260131T093000Z-00000000"),
    ],
)
def test_nothing_is_packed_or_counted_that_is_not_checked_out(
    sandbox: Sandbox, runs: list[Made], command: tuple[str, ...]
) -> None:
    leave_out(sandbox, f"{LAYOUT.evidence}/runs")
    before = sandbox.git("status", "--porcelain").out
    ran = sandbox.speckit("evidence", *command)
    assert ran.code == 3, ran
    assert "sparse" in ran.err
    assert sandbox.git("status", "--porcelain").out == before


def told(ran: Ran) -> list[tuple[str, str, str]]:
    """The findings; of files that are equally large, any may be called the largest."""
    rows = ran.document["findings"]
    return [(row["rule"], row["path"], row["message"].partition("; largest")[0]) for row in rows]


@pytest.mark.parametrize("left", [(LAYOUT.evidence,), (f"{LAYOUT.evidence}/consensus",), ("docs",)])
@pytest.mark.parametrize("check", ["validate", "footprint", "consensus check", "lint"])
@pytest.mark.tier2
def test_every_check_of_the_working_tree_says_the_same(
    sandbox: Sandbox, runs: list[Made], check: str, left: tuple[str, ...]
) -> None:
    whole = sandbox.judge(check, "--source", "worktree")
    leave_out(sandbox, *left)
    ran = sandbox.judge(check, "--source", "worktree")
    assert (ran.code, told(ran)) == (whole.code, told(whole))
    assert ran.document["examined"]["checked"] == whole.document["examined"]["checked"]
