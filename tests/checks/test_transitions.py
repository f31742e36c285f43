"""How the tracker changed, commit by commit, on real histories."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from guardrails.config import TrackerSettings
from tests.checks.tracker_history import LOG, SPEC, Ledger, messages, task
from tests.checks.tracker_world import HEADER
from tests.sandbox import Sandbox


@pytest.fixture
def ledger(sandbox: Sandbox) -> Ledger:
    return Ledger(sandbox)


def documented(ledger: Ledger) -> None:
    """SPEC-KIT-900 is in progress, and has its documents."""
    for name in ("spec.md", "plan.md", "tasks.md"):
        ledger.sandbox.write(f"{SPEC}/{name}", f"# {name}\n")
    ledger.begin(task("SPEC-KIT-900", "In Progress"))


def done() -> str:
    return task("SPEC-KIT-900", "Done", LOG)


class TestSteps:
    def test_steps_that_may_be_taken_one_after_the_other(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "Backlog"))
        for status in ("In Progress", "Blocked", "In Progress", "In Review", "In Progress", "Backlog"):
            ledger.commit(task("T1", status))
        ran = ledger.judge()
        assert (ran.code, ran.document["verdict"]) == (0, "pass")

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("Backlog", "In Review"),
            ("Backlog", "Done"),
            ("Blocked", "Done"),
            ("Done", "In Review"),
            ("Done", "Blocked"),
        ],
    )
    def test_a_step_that_leaves_others_out(self, ledger: Ledger, before: str, after: str) -> None:
        ledger.begin(task("T1", before, "docs/prd.md"))
        ledger.commit(task("T1", after, "docs/prd.md"))
        assert ledger.messages == [f"TRN001 T1 went from {before} to {after} in commit C"]

    def test_each_commit_counts_and_not_only_the_ends(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "Backlog"))
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        ledger.commit(task("T1", "Backlog"))
        assert ledger.messages == ["TRN001 T1 went from Backlog to Done in commit C"]

    def test_a_finding_points_at_the_status_the_tip_has(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "Backlog"))
        ledger.commit(task("T1", "In Review"))
        [finding] = ledger.judge().document["findings"]
        assert (finding["path"], finding["line"], finding["column"]) == ("SPEC.md", 4, 14)

    def test_a_row_that_goes_and_comes_back_has_not_forgotten_its_status(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "Blocked"))
        ledger.commit()
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        assert ledger.messages == ["TRN001 T1 went from Blocked to Done in commit C"]

    def test_nor_has_one_whose_status_nobody_knows_for_a_while(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "Blocked"))
        ledger.commit(task("T1", "Nearly"))
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        assert ledger.messages == ["TRN001 T1 went from Blocked to Done in commit C"]

    def test_the_rows_a_tracker_begins_with_are_not_judged(self, sandbox: Sandbox) -> None:
        sandbox.write("docs/prd.md", "x")
        base = sandbox.commit()
        sandbox.write("SPEC.md", HEADER + task("T1", "Done") + task("T2", "In Review"))
        sandbox.commit()
        assert sandbox.judge("transitions", "--source", f"{base}..HEAD").code == 0

    def test_the_configuration_says_which_steps_there_are(self, ledger: Ledger) -> None:
        ledger.sandbox.write(
            ".speckit.yaml", "version: 1\ntracker:\n  transitions: {Backlog: [Done], In Progress: []}\n"
        )
        ledger.begin(task("T1", "Backlog"), task("T2", "In Progress"), task("T3", "Blocked"))
        ledger.commit(task("T1", "Done", "docs/prd.md"), task("T2", "Done", "docs/prd.md"), task("T3", "In Review"))
        assert ledger.messages == ["TRN001 T2 went from In Progress to Done in commit C"]

    def test_other_words_for_a_status_count_as_what_they_mean(self, ledger: Ledger) -> None:
        ledger.sandbox.write(".speckit.yaml", "version: 1\ntracker: {statuses: [Backlog, Todo, Doing, Shipped]}\n")
        ledger.begin(task("T1", "Backlog"), task("T2", "Todo"), task("T3", "Doing"))
        rows = [task(name, "Shipped", "docs/prd.md") for name in ("T1", "T2", "T3")]
        ledger.commit(*rows)
        assert ledger.messages == ["TRN001 T1 went from Backlog to Shipped in commit C"]

    def test_a_waiver_accepts_a_step(self, ledger: Ledger) -> None:
        waiver = "{rule: TRN001, path: SPEC.md, reason: branches are squashed here, expires: 2999-01-01}"
        ledger.sandbox.write(".speckit.yaml", f"version: 1\nwaivers: [{waiver}]\n")
        ledger.begin(task("T1", "Backlog"))
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        assert ledger.judge().code == 0


class TestEvidence:
    def test_evidence_in_the_commit_of_the_documents_or_after_it(self, ledger: Ledger) -> None:
        documented(ledger)
        ledger.sandbox.write(f"{SPEC}/spec.md", "# changed\n")
        ledger.sandbox.write(LOG, "passed\n")
        ledger.commit(task("SPEC-KIT-900", "In Progress"))
        ledger.commit(done())
        assert ledger.messages == []

    def test_evidence_from_before_a_document_changed(self, ledger: Ledger) -> None:
        documented(ledger)
        ledger.sandbox.write(LOG, "passed\n")
        ledger.commit(task("SPEC-KIT-900", "In Progress"))
        ledger.sandbox.write(f"{SPEC}/plan.md", "# changed\n")
        ledger.commit(done())
        [message] = ledger.messages
        assert message.startswith("TRN002 SPEC-KIT-900 became Done in commit C on evidence that is older than")

    def test_a_document_that_changes_after_the_row_is_done(self, ledger: Ledger) -> None:
        documented(ledger)
        ledger.sandbox.write(LOG, "passed\n")
        ledger.commit(done())
        ledger.sandbox.write(f"{SPEC}/spec.md", "# changed\n")
        ledger.sandbox.commit()
        assert [text[:6] for text in ledger.messages] == ["TRN002"]

    def test_one_new_file_among_old_ones_is_enough(self, ledger: Ledger) -> None:
        documented(ledger)
        ledger.sandbox.write(LOG, "passed\n")
        ledger.commit(task("SPEC-KIT-900", "In Progress"))
        ledger.sandbox.write(f"{SPEC}/plan.md", "# changed\n")
        ledger.sandbox.write(f"{SPEC}/evidence/again.log", "passed\n")
        ledger.commit(task("SPEC-KIT-900", "Done", f"{LOG}, {SPEC}/evidence/again.log"))
        assert ledger.messages == []

    def test_documents_that_changed_beside_the_evidence_were_not_its_subject(self, ledger: Ledger) -> None:
        documented(ledger)
        git = ledger.sandbox.git
        git("switch", "-qc", "other")
        ledger.sandbox.write(f"{SPEC}/spec.md", "# changed\n")
        ledger.sandbox.commit()
        git("switch", "-q", "main")
        ledger.sandbox.write(LOG, "passed\n")
        ledger.commit(done())
        git("merge", "-q", "--no-edit", "other")
        assert [text[:6] for text in ledger.messages] == ["TRN002"]

    @pytest.mark.parametrize("evidence", ["", "docs/gone.log", "all tests pass", "SPEC.md"])
    def test_done_without_evidence_that_exists(self, ledger: Ledger, evidence: str) -> None:
        ledger.begin(task("T1", "In Progress"))
        ledger.commit(task("T1", "Done", evidence))
        assert ledger.messages == ["TRN002 T1 became Done in commit C, but names no evidence that exists"]

    def test_a_new_row_that_is_done_from_the_start(self, ledger: Ledger) -> None:
        ledger.commit(task("T1", "Done"))
        assert [text[:6] for text in ledger.messages] == ["TRN002"]

    def test_what_is_no_longer_done_at_the_tip_needs_no_evidence(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "In Progress"))
        ledger.commit(task("T1", "Done"))
        ledger.commit(task("T1", "In Progress"))
        assert ledger.messages == []

    @pytest.mark.parametrize(("names", "found"), [("[spec.md]", 0), ("[]", 0), ("[plan.md]", 1)])
    def test_the_configuration_says_which_documents_count(self, ledger: Ledger, names: str, found: int) -> None:
        ledger.sandbox.write(".speckit.yaml", f"version: 1\ntracker: {{evidence_after: {names}}}\n")
        documented(ledger)
        ledger.sandbox.write(LOG, "passed\n")
        ledger.commit(task("SPEC-KIT-900", "In Progress"))
        ledger.sandbox.write(f"{SPEC}/plan.md", "# changed\n")
        ledger.commit(done())
        assert len(ledger.messages) == found

    def test_the_document_of_the_prd_column_counts(self, ledger: Ledger) -> None:
        ledger.sandbox.write("docs/run.log", "passed\n")
        ledger.begin(task("T1", "In Progress"))
        ledger.sandbox.write("docs/prd.md", "more is wanted\n")
        ledger.commit(task("T1", "Done", "docs/run.log"))
        assert [text[:6] for text in ledger.messages] == ["TRN002"]


class TestRows:
    def test_a_row_that_is_gone(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "In Progress"))
        ledger.commit()
        assert ledger.messages == ["TRN003 T1, In Progress, was removed in commit C"]

    def test_a_tracker_that_is_gone(self, ledger: Ledger) -> None:
        ledger.sandbox.git("rm", "-q", "SPEC.md")
        ledger.sandbox.commit()
        assert ledger.messages == ["TRN003 T0, Backlog, was removed in commit C"]

    def test_a_row_in_another_table_of_the_tracker_is_still_there(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "In Progress"))
        ledger.write(task("T0", "Backlog"), "\n## Later\n\n", HEADER, task("**T1**", "Backlog"))
        ledger.sandbox.commit()
        assert ledger.messages == []

    @pytest.mark.parametrize("path", ["docs/archive.md", "ARCHIVE.MD"])
    def test_a_row_that_was_moved_to_another_file(self, ledger: Ledger, path: str) -> None:
        ledger.begin(task("T1", "Done", "docs/prd.md"))
        ledger.sandbox.write(path, "| ID | Why |\n|---|---|\n| T1 | superseded |\n")
        ledger.commit()
        assert ledger.messages == []

    def test_a_word_about_it_is_no_row(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "Done", "docs/prd.md"))
        ledger.sandbox.write("docs/archive.md", "T1 | was removed\n\n| Note |\n|---|\n| T1 |\n")
        ledger.commit()
        assert [text[:6] for text in ledger.messages] == ["TRN003"]

    def test_many_rows_are_counted(self, ledger: Ledger) -> None:
        ledger.begin(*(task(f"T{number}", "Backlog") for number in range(1, 41)))
        ledger.commit()
        assert (len(ledger.messages), ledger.messages[-1]) == (26, "TRN003 T9, Backlog, was removed in commit C")
        assert "TRN003 40 rows were removed in all" in ledger.messages

    def test_two_rows_of_one_id_are_missed_like_one(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "In Progress", branch="a"), task("T1", "In Progress", branch="b"))
        ledger.commit()
        assert ledger.messages == ["TRN003 T1, In Progress, was removed in commit C"]

    def test_a_tracker_that_moves_takes_its_history_along(self, ledger: Ledger) -> None:
        rows = [task(f"T{number}", "Backlog") for number in range(2, 20)]
        ledger.begin(task("T1", "Backlog"), *rows)
        ledger.sandbox.git("mv", "SPEC.md", "TASKS.md")
        ledger.sandbox.write(".speckit.yaml", "version: 1\nlayout: {tracker: TASKS.md}\n")
        ledger.write(task("T1", "Done", "docs/prd.md"), *rows, path="TASKS.md")
        ledger.sandbox.commit()
        assert messages(ledger.judge("--policy", "tip")) == [
            "TRN003 T0, Backlog, was removed in commit C",
            "TRN001 T1 went from Backlog to Done in commit C",
        ]


class TestThreads:
    def test_two_tasks_in_a_commit_in_between(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "In Progress", branch="b"), task("T2", "Backlog", branch="b"))
        ledger.commit(task("T1", "In Progress", branch="b"), task("T2", "In Progress", branch="b"))
        ledger.commit(task("T1", "Backlog", branch="b"), task("T2", "In Progress", branch="b"))
        assert ledger.messages == ["TRN004 commit C leaves T1 and T2 In Progress on branch 'b'"]

    def test_what_was_so_before_is_not_blamed_on_who_comes_after(self, ledger: Ledger) -> None:
        both = (task("T1", "In Progress"), task("T2", "In Progress"))
        ledger.begin(*both, task("T3", "Backlog"))
        ledger.commit(*both, task("T3", "Blocked"))
        assert ledger.messages == []

    def test_several_where_the_configuration_allows_them(self, ledger: Ledger) -> None:
        ledger.sandbox.write(".speckit.yaml", "version: 1\ntracker: {one_in_progress: false}\n")
        ledger.begin()
        ledger.commit(task("T1", "In Progress"), task("T2", "In Progress"))
        assert ledger.messages == []


class TestMerges:
    def branches(self, ledger: Ledger, main: str, other: str) -> None:
        """Two lines of history from a tracker with T1 and T2 in the backlog, each changing one row."""
        gap = "\n" * 3 + "# Other\n\n" + HEADER

        def tracker(one: str, two: str) -> None:
            ledger.write(task("T0", "Backlog"), task("T1", one), gap, task("T2", two))
            ledger.sandbox.commit()

        tracker("Backlog", "Backlog")
        ledger.base = ledger.sandbox.git("rev-parse", "HEAD").out.strip()
        ledger.sandbox.git("switch", "-qc", "other")
        tracker("Backlog", other)
        ledger.sandbox.git("switch", "-q", "main")
        tracker(main, "Backlog")

    def test_a_merge_is_not_blamed_for_its_branches(self, ledger: Ledger) -> None:
        self.branches(ledger, "In Review", "Blocked")
        ledger.sandbox.git("merge", "-q", "--no-edit", "other")
        assert ledger.messages == ["TRN001 T1 went from Backlog to In Review in commit C"]

    def test_what_only_the_merge_changes_is_its_own(self, ledger: Ledger) -> None:
        self.branches(ledger, "Blocked", "Blocked")
        ledger.sandbox.git("merge", "-q", "--no-commit", "other")
        text = (ledger.sandbox.root / "SPEC.md").read_text()
        ledger.sandbox.write("SPEC.md", text.replace("| T1 | x | Blocked |", "| T1 | x | Done |"))
        ledger.sandbox.commit("merge")
        assert ledger.messages == [
            "TRN001 T1 went from Blocked to Done in commit C",
            "TRN002 T1 became Done in commit C, but names no evidence that exists",
        ]

    def test_two_branches_that_each_work_on_one_thing_make_two_when_merged(self, ledger: Ledger) -> None:
        self.branches(ledger, "In Progress", "In Progress")
        ledger.sandbox.git("merge", "-q", "--no-edit", "other")
        assert ledger.messages == ["TRN004 commit C leaves T1 and T2 In Progress without a branch"]

    def test_a_merge_that_drops_a_row_of_the_other_side(self, ledger: Ledger) -> None:
        git = ledger.sandbox.git
        git("switch", "-qc", "other")
        ledger.commit(task("T1", "Backlog"))
        git("switch", "-q", "main")
        ledger.sandbox.write("docs/more.md", "x")
        ledger.sandbox.commit()
        ledger.base = git("rev-parse", "other").out.strip()
        git("merge", "-q", "-s", "ours", "--no-edit", "other")
        assert ledger.messages == ["TRN003 T1, Backlog, was removed in commit C"]

    def test_a_row_the_other_side_removed_before_is_none_of_ours(self, ledger: Ledger) -> None:
        git = ledger.sandbox.git
        ledger.begin(task("T1", "Backlog"))
        git("switch", "-qc", "other")
        ledger.sandbox.write("docs/more.md", "x")
        ledger.sandbox.commit()
        git("switch", "-q", "main")
        ledger.commit()
        ledger.base = git("rev-parse", "HEAD").out.strip()
        git("switch", "-q", "other")
        git("merge", "-q", "--no-edit", "main")
        assert ledger.messages == []


class TestSources:
    def test_a_push_is_judged_commit_by_commit(self, ledger: Ledger) -> None:
        git = ledger.sandbox.git
        git("init", "-q", "--bare", "../remote")
        git("remote", "add", "origin", "../remote")
        git("push", "-q", "origin", "main")
        ledger.commit(task("T1", "Backlog"))
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        line = f"refs/heads/main {git('rev-parse', 'HEAD').out.strip()} refs/heads/main {ledger.base}\n"
        ran = ledger.sandbox.speckit(
            "guard", "--hook", "pre-push", "--format", "json", "--", "origin", "../remote", stdin=line.encode()
        )
        assert "TRN001" in ran.rules

    @pytest.mark.parametrize("source", ["index", "worktree"])
    def test_what_is_not_committed_yet_is_compared_with_head(self, ledger: Ledger, source: str) -> None:
        ledger.begin(task("T1", "Blocked"), task("T2", "Backlog"))
        ledger.write(task("T0", "Backlog"), task("T1", "Done", "docs/prd.md"))
        if source == "index":
            ledger.sandbox.add()
        ran = ledger.sandbox.judge("transitions", "--source", source)
        assert messages(ran) == [
            "TRN003 T2, Backlog, was removed in what is not committed yet",
            "TRN001 T1 went from Blocked to Done in what is not committed yet",
        ]

    @pytest.mark.parametrize("source", ["index", "worktree"])
    def test_evidence_that_is_not_committed_yet_is_the_newest(self, ledger: Ledger, source: str) -> None:
        documented(ledger)
        ledger.sandbox.write(LOG, "passed\n")
        ledger.sandbox.commit()
        ledger.sandbox.write(f"{SPEC}/spec.md", "# changed\n")
        ledger.write(task("T0", "Backlog"), done())
        ledger.sandbox.add()
        assert ledger.sandbox.judge("transitions", "--source", source).rules == ["TRN002"]
        ledger.sandbox.write(LOG, "passed again\n")
        ledger.sandbox.add()
        assert ledger.sandbox.judge("transitions", "--source", source).rules == []

    def test_the_index_in_a_merge_is_compared_with_both_sides(self, ledger: Ledger) -> None:
        TestMerges().branches(ledger, "Blocked", "In Review")
        ledger.sandbox.git("merge", "-q", "--no-commit", "other")
        assert ledger.sandbox.judge("transitions", "--source", "index").rules == []

    def test_a_commit_is_compared_with_its_parents(self, ledger: Ledger) -> None:
        ledger.commit(task("T1", "Blocked"))
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        ledger.commit(task("T1", "In Progress"))
        assert ledger.sandbox.judge("transitions", "--source", "HEAD~1").rules == ["TRN001"]
        assert ledger.sandbox.judge("transitions", "--source", "HEAD").rules == []

    def test_no_commit_and_no_tracker_are_nothing_to_examine(self, ledger: Ledger) -> None:
        assert ledger.sandbox.judge("transitions", "--source", "HEAD..HEAD").code == 3
        assert ledger.sandbox.judge("transitions", "--source", "HEAD..HEAD", "--if-any").code == 0
        ledger.sandbox.write(".speckit.yaml", "version: 1\nlayout: {tracker: OTHER.md}\n")
        ledger.sandbox.commit()
        assert ledger.judge("--policy", "tip").code == 3
        assert "POL001" in ledger.judge().rules

    def test_a_change_that_leaves_the_tracker_alone_holds(self, ledger: Ledger) -> None:
        ledger.sandbox.write("docs/more.md", "x")
        ledger.sandbox.commit()
        assert ledger.judge().document["examined"]["checked"] == 1

    def test_a_shallow_clone_cannot_say(self, ledger: Ledger, tmp_path: Path) -> None:
        ledger.commit(task("T1", "Backlog"))
        ledger.commit(task("T1", "Done"))
        ledger.sandbox.git("clone", "-q", "--depth=1", f"file://{ledger.sandbox.root}", str(tmp_path / "shallow"))
        clone = Sandbox(tmp_path / "shallow", ledger.sandbox.home)
        clone.write("docs/a.md", "x")
        clone.commit()
        base = clone.git("commit-tree", "-m", "x", "HEAD^{tree}").out.strip()
        ran = clone.judge("transitions", "--source", f"{base}..HEAD")
        assert (ran.code, "shallow" in ran.out) == (3, True)

    def test_an_unreadable_tracker_is_not_passed_over(self, ledger: Ledger) -> None:
        ledger.sandbox.write("SPEC.md", b"\xff\xfe|")
        ledger.sandbox.commit()
        assert ledger.judge().rules == ["TRK002"]


class TestGit:
    def test_a_repository_with_longer_ids(self, tmp_path: Path) -> None:
        home, root = tmp_path / "home", tmp_path / "repo"
        home.mkdir()
        root.mkdir()
        sandbox = Sandbox(root, home)
        sandbox.git("init", "-q", "-b", "main", "--object-format=sha256")
        ledger = Ledger(sandbox)
        ledger.begin(task("T1", "Backlog"))
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        assert ledger.judge().rules == ["TRN001"]

    def test_variables_of_another_repository_are_out_of_sight(self, ledger: Ledger, tmp_path: Path) -> None:
        ledger.begin(task("T1", "Backlog"))
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        other = tmp_path / "other"
        shutil.copytree(ledger.sandbox.root, other)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        ledger.sandbox.git("init", "-q", str(elsewhere))
        ran = ledger.sandbox.speckit(
            *("--repo", str(other), "transitions", "--format", "json", "--source", f"{ledger.base}..HEAD"),
            cwd=elsewhere,
            GIT_DIR=str(elsewhere / ".git"),
            GIT_WORK_TREE=str(elsewhere),
            GIT_INDEX_FILE=str(elsewhere / ".git" / "index"),
            GIT_OBJECT_DIRECTORY=str(elsewhere / ".git" / "objects"),
        )
        assert ran.rules == ["TRN001"]

    def test_a_replaced_commit_does_not_hide_what_is_pushed(self, ledger: Ledger) -> None:
        ledger.begin(task("T1", "Backlog"))
        bad = ledger.commit(task("T1", "Done", "docs/prd.md"))
        ledger.sandbox.git("replace", bad, ledger.base)
        ran = ledger.sandbox.judge("transitions", "--source", f"{ledger.base}..{bad}")
        assert ran.rules == ["TRN001"]

    def test_no_program_of_the_configuration_is_started(self, ledger: Ledger, tmp_path: Path) -> None:
        ledger.begin(task("T1", "Backlog"))
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        mark = tmp_path / "mark"
        script = ledger.sandbox.write("../evil", f"#!/bin/sh\ntouch {mark}\n")
        script.chmod(0o755)
        for key in ("core.fsmonitor", "diff.external", "core.pager", "diff.x.textconv", "core.sshCommand"):
            ledger.sandbox.git("config", key, str(script))
        ledger.sandbox.write(".gitattributes", "*.md diff=x\n")
        ledger.sandbox.commit()
        for source in (f"{ledger.base}..HEAD", "worktree"):
            ledger.write(task("T0", "Blocked"))
            mark.unlink(missing_ok=True)
            assert ledger.sandbox.judge("transitions", "--source", source).code == 1
            assert not mark.exists()

    @pytest.mark.tier2
    def test_a_thousand_commits_are_judged_one_by_one(self, ledger: Ledger) -> None:
        stream = [f"reset refs/heads/main\nfrom {ledger.base}\n"]
        for number in range(1000):
            rows = (
                HEADER + task("T0", "Backlog") + task("T1", ("Backlog", "In Progress")[number % 2], notes=str(number))
            )
            data = rows.encode()
            stream.append(
                f"commit refs/heads/main\ncommitter D <d@x> {1_700_000_000 + number} +0000\ndata 1\nx\n"
                f"M 100644 inline SPEC.md\ndata {len(data)}\n{rows}\n"
            )
        self.fast_import(ledger, "".join(stream))
        ran = ledger.judge()
        assert (ran.code, ran.document["findings"]) == (0, [])
        ledger.sandbox.git("reset", "-q", "--hard", "main")
        ledger.commit(task("T1", "In Review"))
        ledger.commit(task("T1", "Done", "docs/prd.md"))
        ledger.commit(task("T1", "Blocked"))
        assert ledger.messages == ["TRN001 T1 went from Done to Blocked in commit C"]

    @staticmethod
    def fast_import(ledger: Ledger, stream: str) -> None:
        import subprocess

        subprocess.run(
            ["git", "fast-import", "--quiet", "--force"],
            input=stream.encode(),
            cwd=ledger.sandbox.root,
            env=ledger.sandbox.environment,
            check=True,
        )


def test_a_hook_at_a_commit_never_loads_gitpython(ledger: Ledger) -> None:
    ledger.commit(task("T1", "Backlog"))
    ledger.write(task("T0", "Backlog"), task("T1", "In Progress"))
    ledger.sandbox.add()
    code = "import sys, guardrails.cli.main as m; c = m._run(); print(c, 'git' in sys.modules, file=sys.stderr)"
    import subprocess
    import sys

    for arguments in (["guard", "--hook", "pre-commit"], ["transitions", "--source", "index"]):
        ran = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=ledger.sandbox.root,
            env=ledger.sandbox.environment,
            capture_output=True,
            text=True,
        )
        assert ran.stderr.split()[-1] == "False", ran.stderr


def test_every_default_step_names_a_default_status() -> None:
    tracker = TrackerSettings()
    named = {name for status, after in tracker.transitions for name in (status, *after)}
    assert named == set(tracker.statuses)
