"""Status changes through merges of three, reverts, pushes of every kind and clones that lack history."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.test_transitions import LOG, SPEC, documented, done
from tests.checks.tracker_history import Ledger, messages, task
from tests.checks.tracker_world import HEADER
from tests.sandbox import Ran, Sandbox

GAP = "\n" * 3 + "# Next\n\n" + HEADER


@pytest.fixture
def ledger(sandbox: Sandbox) -> Ledger:
    return Ledger(sandbox)


class TestOctopus:
    def grow(self, ledger: Ledger, *statuses: str) -> None:
        """A branch for each status, which gives it to its own row; all merged at once into main."""
        git, names = ledger.sandbox.git, [f"b{number}" for number in range(len(statuses))]
        rows = ["Backlog"] * len(statuses)
        self.tracker(ledger, rows)
        ledger.base = git("rev-parse", "HEAD").out.strip()
        for number, name in enumerate(names):
            git("switch", "-qc", name, "main")
            self.tracker(ledger, [*rows[:number], statuses[number], *rows[number + 1 :]])
        git("switch", "-q", "main")
        git("merge", "-q", "--no-edit", *names)
        assert len(git("rev-list", "--parents", "-1", "HEAD").out.split()) == len(statuses) + 1

    def tracker(self, ledger: Ledger, statuses: list[str]) -> None:
        rows = [row for number, status in enumerate(statuses) for row in (GAP, task(f"T{number + 1}", status))]
        ledger.write(task("T0", "Backlog"), *rows)
        ledger.sandbox.commit()

    def test_it_is_not_blamed_for_its_branches(self, ledger: Ledger) -> None:
        self.grow(ledger, "Blocked", "In Progress", "Blocked")
        assert ledger.messages == []

    def test_each_branch_is_judged(self, ledger: Ledger) -> None:
        self.grow(ledger, "Blocked", "In Progress", "Done")
        assert ledger.messages == [
            "TRN001 T3 went from Backlog to Done in commit C",
            "TRN002 T3 became Done in commit C, but names no evidence that exists",
        ]

    def test_two_at_work_in_it_are_too_many(self, ledger: Ledger) -> None:
        self.grow(ledger, "In Progress", "Blocked", "In Progress")
        assert ledger.messages == ["TRN004 commit C leaves T1 and T3 In Progress without a branch"]


class TestReverts:
    def test_a_step_that_is_taken_back_is_a_step(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "In Review"))
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        ledger.sandbox.git("revert", "--no-edit", "HEAD")
        assert ledger.messages == ["TRN001 T1 went from Done to In Review in commit C"]

    def test_a_revert_of_a_removal_brings_the_row_back_as_it_was(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "In Review"))
        ledger.commit()
        ledger.sandbox.git("revert", "--no-edit", "HEAD")
        assert ledger.messages == []

    def test_a_row_that_goes_and_comes_back_with_another_status_in_one_push(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "Backlog"))
        ledger.commit()
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        assert ledger.messages == ["TRN001 T1 went from Backlog to Done in commit C"]


class TestPushes:
    """Real ones, with the native hook."""

    @pytest.fixture
    def shared(self, ledger: Ledger, tmp_path: Path) -> Ledger:
        git = ledger.sandbox.git
        git("init", "-q", "--bare", str(tmp_path / "remote"))
        git("remote", "add", "origin", str(tmp_path / "remote"))
        ledger.begin(task("T1", "Backlog"))
        git("push", "-q", "origin", "main")
        assert ledger.sandbox.speckit("install", "--hook", "pre-push").code == 0
        return ledger

    def push(self, ledger: Ledger, *words: str) -> Ran:
        return ledger.sandbox.git("push", "-q", *words, check=False)

    def test_the_first_push_of_a_branch(self, shared: Ledger) -> None:
        shared.sandbox.git("switch", "-qc", "feature")
        shared.commit(task("T1", "Done", "docs/prd.md"))
        ran = self.push(shared, "origin", "feature")
        assert (ran.code, "TRN001" in ran.err + ran.out) == (1, True), ran
        shared.sandbox.git("reset", "-q", "--hard", "main")
        shared.commit(task("T1", "In Progress", notes="begun, see docs/prd.md"))
        assert self.push(shared, "origin", "feature").code == 0

    def test_the_first_push_of_all_to_an_empty_remote(self, shared: Ledger, tmp_path: Path) -> None:
        shared.sandbox.git("init", "-q", "--bare", str(tmp_path / "empty"))
        shared.commit(task("T1", "Done", "docs/prd.md"))
        ran = self.push(shared, str(tmp_path / "empty"), "main")
        assert (ran.code, "TRN001" in ran.err + ran.out) == (1, True), ran

    def test_a_push_by_force(self, shared: Ledger) -> None:
        """What the remote has is replaced; the steps are those of the commits it lacks."""
        shared.commit(task("T1", "In Progress", notes="begun, see docs/prd.md"))
        assert self.push(shared, "origin", "main").code == 0
        shared.sandbox.git("reset", "-q", "--hard", "HEAD~1")
        shared.commit(task("T1", "Done", "docs/prd.md"))
        ran = self.push(shared, "-f", "origin", "main")
        assert (ran.code, "TRN001" in ran.err + ran.out) == (1, True), ran

    @pytest.mark.tier2
    def test_a_push_by_force_that_drops_rows(self, shared: Ledger) -> None:
        shared.commit(task("T1", "Backlog"), task("T2", "Backlog"))
        assert self.push(shared, "origin", "main").code == 0
        shared.sandbox.git("reset", "-q", "--hard", "HEAD~1")
        shared.sandbox.write("docs/more.md", "x")
        shared.sandbox.commit()
        ran = self.push(shared, "-f", "origin", "main")
        assert (ran.code, "T2, Backlog, was removed by replacing commit" in ran.err + ran.out) == (1, True), ran
        shared.sandbox.git("reset", "-q", "--hard", "HEAD~1")
        ran = self.push(shared, "-f", "origin", "main")
        assert (ran.code, "T2, Backlog, was removed by replacing commit" in ran.err + ran.out) == (1, True), ran

    def test_a_row_that_is_removed_by_a_commit_of_it_is_told_once(self, shared: Ledger) -> None:
        shared.commit(task("T1", "Blocked"))
        shared.sandbox.git("push", "-q", "--no-verify", "origin", "main")
        shared.sandbox.git("reset", "-q", "--hard", "HEAD~1")
        shared.commit()
        ran = self.push(shared, "-f", "origin", "main")
        assert (ran.code, (ran.err + ran.out).count("TRN003 T1")) == (1, 1), ran


class TestClones:
    def clone(self, ledger: Ledger, place: Path, depth: int) -> Sandbox:
        ledger.sandbox.git("clone", "-q", f"--depth={depth}", f"file://{ledger.sandbox.root}", str(place))
        return Sandbox(place, ledger.sandbox.home)

    def test_when_a_document_changed_is_beyond_what_it_has(self, ledger: Ledger, tmp_path: Path) -> None:
        """Evidence and documents seem to come with one commit: the one the clone begins with."""
        documented(ledger)
        ledger.sandbox.write(LOG, "passed\n")
        ledger.sandbox.commit()
        ledger.sandbox.write(f"{SPEC}/spec.md", "# changed\n")
        ledger.sandbox.commit()
        ledger.begin(task("SPEC-KIT-900", "In Review", LOG))
        ledger.commit(done())
        assert ledger.judge().rules == ["TRN002"]
        for depth in (2, 3):
            clone = self.clone(ledger, tmp_path / str(depth), depth)
            ran = clone.judge("transitions", "--source", "HEAD~1..HEAD")
            assert (ran.code, "shallow" in ran.out) == (3, True), ran
        assert self.clone(ledger, tmp_path / "4", 4).judge("transitions", "--source", "HEAD~1..HEAD").code == 1

    def test_steps_that_it_has_are_judged(self, ledger: Ledger, tmp_path: Path) -> None:
        ledger.begin(task("T1", "Backlog"))
        ledger.commit(task("T1", "In Review"))
        clone = self.clone(ledger, tmp_path / "clone", 2)
        assert messages(clone.judge("transitions", "--source", "HEAD~1..HEAD")) == [
            "TRN001 T1 went from Backlog to In Review in commit C"
        ]
        assert self.clone(ledger, tmp_path / "one", 1).judge("transitions", "--source", "HEAD").code == 3
