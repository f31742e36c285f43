from __future__ import annotations

import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guardrails.checks.lint import PathLookup, is_branch_name, moment, named_paths
from guardrails.config import Settings, TrackerSettings
from guardrails.core import Finding
from guardrails.snapshot import MemorySnapshot
from tests.checks.tracker_world import FILES, HEADER, checked, codes, findings, judge, messages, row, spec
from tests.sandbox import Sandbox
from tests.test_markdown import EXAMPLES, markdown_texts

DONE = HEADER + row(status="Done")


class TestSound:
    @pytest.mark.parametrize(
        "tracker",
        [
            pytest.param(HEADER + row(), id="a task in the backlog"),
            pytest.param(DONE, id="a task done with all it needs"),
            pytest.param(HEADER + row(status="**DONE**"), id="a status in bold capitals (R27)"),
            pytest.param(HEADER + row(status="~~`done`~~ \u2705"), id="a status with code marks and an emoji"),
            pytest.param(
                HEADER + row(status="[In-Progress](docs/run.log)"), id="a status that is a link, with a hyphen"
            ),
            pytest.param(HEADER + row(notes=r"a \| b and `c \| d`"), id="escaped pipes, in a code span too (R27)"),
            pytest.param(HEADER.replace("| Title |", "|   **Title**   |") + row(), id="a padded and bold header (R27)"),
            pytest.param(HEADER.replace("\n", "\r\n") + row().replace("\n", "\r\n"), id="CRLF line endings (R26)"),
            pytest.param("\ufeff" + DONE, id="a byte order mark"),
            pytest.param("> " + DONE.replace("\n|", "\n> |"), id="a table in a quote"),
            pytest.param("- " + DONE.replace("\n|", "\n  |"), id="a table in a list"),
            pytest.param(
                "```\n" + HEADER + row("T1", "Wrong") + "```\n" + DONE, id="a table in a fence before it (R27)"
            ),
            pytest.param("<!--\n" + HEADER + row("T1", "Wrong") + "-->\n" + DONE, id="a table in a comment before it"),
            pytest.param(HEADER + row("T1") + row("T2"), id="two tasks"),
            pytest.param("| Commit | Text |\n|---|---|\n| a | b |\n\n" + DONE, id="a table without a status before it"),
        ],
    )
    def test_has_no_finding_and_is_checked(self, tracker: str) -> None:
        assert messages(tracker) == []
        assert checked(tracker) == ["SPEC.md"]

    def test_columns_may_have_other_names_and_any_order_and_further_ones(self) -> None:
        tracker = (
            "| Status | ID | # | Title | Priority | Assignee | PRD | Branch | PR | Last Run | Evidence | Reason |\n"
            "|---|---|---|---|---|---|---|---|---|---|---|---|\n"
            "| Done | T1 | 1 | A | P0 | Code | docs/prd.md | main | | 2025-10-05 | docs/run.log | why |\n"
        )
        assert messages(tracker) == []

    def test_required_columns_and_statuses_are_configurable(self) -> None:
        configured = Settings(
            tracker=TrackerSettings(columns=("Task ID", "Priority", "Status"), statuses=("Open", "Closed"))
        )
        tracker = "| Task ID | Priority | Status |\n|---|---|---|\n| T1 | P0 | closed |\n"
        assert messages(tracker, settings=configured) == []
        assert codes(tracker.replace("closed", "Done"), settings=configured) == ["TRK004"]


class TestPresence:
    def test_nothing_is_said_where_there_is_nothing(self) -> None:
        assert judge(None) == []

    @pytest.mark.parametrize(
        ("files", "base", "required"),
        [
            pytest.param({}, DONE, False, id="the base had it (git rm SPEC.md)"),
            pytest.param(spec("SPEC-KIT-900"), None, False, id="there is a SPEC directory"),
            pytest.param({}, None, True, id="the configuration names it"),
        ],
    )
    def test_a_missing_tracker_is_an_error_where_one_has_to_be(
        self, files: dict[str, bytes], base: str | None, required: bool
    ) -> None:
        configured = Settings(tracker=Settings().tracker._replace(required=required), config_path=".speckit.yaml")
        assert codes(None, files, base=base, settings=configured) == ["TRK001"]

    def test_a_tracker_that_is_too_large_is_an_error(self) -> None:
        tracker = DONE + "\n" * 50_000
        assert codes(tracker) == ["TRK002"]
        assert messages(tracker) == ["the tracker cannot be read: more than 50,000 lines"]

    def test_a_folder_that_only_holds_evidence_asks_for_no_tracker(self) -> None:
        assert judge(None, {"docs/SPEC-OPS-004-integrated-coder-hooks/evidence/commands/x.json": b"{}"}) == []
        assert judge(None, {"docs/SPEC-KIT-1/evidence/x.json": b"{}"}) == []

    @pytest.mark.parametrize(
        ("data", "line"),
        [
            pytest.param(b"\xff\xfe|\x00", 1, id="UTF-16"),
            pytest.param(b"# T\r\n\r\ncaf\xe9\n", 3, id="Latin-1, with the line of the byte (R15)"),
        ],
    )
    def test_bytes_that_are_not_utf8_are_one_finding(self, data: bytes, line: int) -> None:
        (finding,) = findings(data)
        assert (finding.rule.code, finding.line) == ("TRK002", line)
        assert checked(data) == []

    def test_a_tracker_that_is_a_directory_is_unreadable(self) -> None:
        assert codes(None, {"SPEC.md/x": b""}) == ["TRK002"]

    def test_a_tracker_over_the_read_limit_is_unreadable(self) -> None:
        assert codes(b"x" * (32 * 1024 * 1024 + 1)) == ["TRK002"]

    @pytest.mark.parametrize(
        "text", ["", "\ufeff \r\n", "# Tracker\n", "```\n" + DONE + "```\n", "<!--\n" + DONE + "-->\n"]
    )
    def test_a_tracker_without_a_status_table_is_an_error(self, text: str) -> None:
        assert codes(text) == ["TRK003"]

    def test_a_table_behind_nesting_that_is_too_deep_is_not_passed_over(self) -> None:
        assert "TRK002" in codes(DONE + "\n" + "- " * 100_000 + "a\n\n" + DONE)


class TestShape:
    def test_missing_columns_are_an_error_at_the_nearest_table_and_a_warning_elsewhere(self) -> None:
        narrow = "| Task ID | Status |\n|---|---|\n| T1 | Done |\n"
        wide = "| Task ID | Status | Notes |\n|---|---|---|\n| T2 | Done | |\n"
        tracker = narrow + "\n# More\n\n" + wide
        assert codes(tracker) == ["~TRK005", "TRK005", "TRK006", "TRK006"]
        assert "'Order', 'Title'" in messages(tracker)[0]
        assert codes(DONE + "\n# More\n\n" + narrow.replace("T1 | Done", "T2 | Blocked")) == ["~TRK005"]

    def test_a_legend_of_statuses_is_not_asked_for_columns(self) -> None:
        assert codes(DONE + "\n| Status | Meaning |\n|---|---|\n| Done | finished |\n") == []

    @pytest.mark.parametrize("task", ["Task ID", "Task", "ID", "Spec", "Item"])
    def test_a_task_is_not_done_in_a_table_without_an_evidence_column(self, task: str) -> None:
        tracker = DONE + f"\n# More\n\n| {task} | Status |\n|---|---|\n| T2 | Done |\n"
        assert codes(tracker) == ["~TRK005", "TRK006"]
        assert messages(tracker)[1] == "T2 is Done, but its table has no Evidence column"

    @pytest.mark.parametrize("header", ["Stage", "Phase", "Deliverable"])
    def test_a_stage_that_is_done_without_an_evidence_column_is_a_warning(self, header: str) -> None:
        tracker = DONE + f"\n# More\n\n| {header} | Status |\n|---|---|\n| Plan | Done |\n"
        assert "~TRK006" in codes(tracker)
        assert all(code.startswith("~") for code in codes(tracker))

    def test_evidence_is_not_asked_for_where_the_configuration_has_no_such_column(self) -> None:
        configured = Settings(tracker=TrackerSettings(columns=("Task ID", "Status")))
        assert codes("| Task ID | Status |\n|---|---|\n| T1 | Done |\n", settings=configured) == []

    @pytest.mark.parametrize(
        "header",
        [
            "State",
            "Statuses",
            "Task Status",
            "Status of work",
            "TaskStatus",
            "**St**atus",
            pytest.param("St\u0430tus", id="a Cyrillic a"),
            pytest.param("S\u03a4A\u03a4US", id="Greek capitals"),
            pytest.param("Sta\u200btus", id="a zero-width space"),
            pytest.param("\uff33tatus", id="a full-width S"),
        ],
    )
    def test_what_looks_like_a_status_column_is_read_as_one(self, header: str) -> None:
        spoiled = DONE.replace("docs/run.log", "")
        assert codes(spoiled.replace("| Status |", f"| {header} |")) == ["TRK006"]

    def test_a_status_column_in_look_alike_letters_without_a_separator_is_seen(self) -> None:
        assert codes(DONE + "\n# More\n\n| Task ID | St\u0430tus |\n| T2 | Done |\n") == ["TRK008"]

    def test_a_column_that_may_be_a_status_is_reported_where_it_is_not_read(self) -> None:
        tracker = DONE + "\n# More\n\n| Check | CI status |\n|---|---|\n| lint | green |\n"
        assert codes(tracker) == ["~TRK003"]
        assert "'CI status' is not read" in messages(tracker)[0]

    def test_other_things_may_have_a_state(self) -> None:
        assert codes(DONE + "\n# More\n\n| Component | State |\n|---|---|\n| cache | enabled |\n") == []

    @pytest.mark.parametrize("second", ["Status", "State", "Task Status", "St\u0430tus"])
    def test_two_status_columns_are_an_error(self, second: str) -> None:
        header = HEADER.replace("\n| ---", f" {second} |\n| --- | ---", 1)
        tracker = header + row().replace("\n", " Done |\n")
        assert codes(tracker) == ["TRK003"]
        assert "2 Status columns" in messages(tracker)[0]

    def test_an_empty_table_is_an_error(self) -> None:
        assert codes(HEADER) == ["TRK007"]

    @pytest.mark.parametrize(
        ("tracker", "line"),
        [
            pytest.param(HEADER.splitlines()[0] + "\n" + row(), 1, id="no separator (R27)"),
            pytest.param(HEADER[:-7] + "\n" + row(), 1, id="a separator with a cell too few"),
            pytest.param("| Task ID | Status |\n---\n| T1 | Done |\n", 1, id="a dashed line, which makes a heading"),
            pytest.param("# T\n\n" + HEADER.replace("\n", "\n\n") + row(), 3, id="a blank line before the separator"),
            pytest.param("<div>\n" + DONE + "</div>\n", 2, id="no blank line after HTML"),
        ],
    )
    def test_a_header_without_separator_is_one_error(self, tracker: str, line: int) -> None:
        (finding,) = findings(tracker)
        assert (finding.rule.code, finding.line) == ("TRK008", line)

    @pytest.mark.parametrize(
        ("tracker", "message"),
        [
            pytest.param(
                "[^1]: note\n    " + DONE.replace("\n|", "\n    |"),
                "a status table is indented or part of other text, so nothing shows it as a table",
                id="in a footnote",
            ),
            pytest.param(
                "| Task ID | Status |\n| --- | - - |\n| T1 | Done |\n",
                "the separator row has a cell that is not dashes, so nothing shows the lines as a table",
                id="a blank among the dashes",
            ),
            pytest.param(
                "| Task ID | Status |\n| --- |\n| T1 | Done |\n",
                "the separator row has 1 cell where the header has 2",
                id="a cell too few",
            ),
        ],
    )
    def test_the_message_says_why_it_is_no_table(self, tracker: str, message: str) -> None:
        assert messages(tracker) == [message]

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            pytest.param("\n" + row("T2"), 5, id="after a blank line (R27)"),
            pytest.param("\n" + row("T2") + row("T3"), 5, id="several after a blank line"),
            pytest.param("\n| T2 | In Progress |\n", 5, id="short ones after a blank line"),
            pytest.param("    " + row("T2"), 4, id="indented as code"),
            pytest.param("<hr>\n" + row("T2"), 5, id="after HTML"),
            pytest.param("\n# Later\n\n" + row("T2")[2:], 7, id="below another heading, without a pipe at the start"),
        ],
    )
    def test_rows_cut_off_from_their_table_are_one_error(self, text: str, line: int) -> None:
        (finding,) = findings(DONE + text)
        assert (finding.rule.code, finding.line) == ("TRK009", line)

    @pytest.mark.parametrize(
        "text", ["\nSee a | b | c for more.\n", "\n# More\n\n|x| is a norm\n", "\n```\n" + row("T2") + "```\n"]
    )
    def test_pipes_in_prose_and_code_are_no_rows(self, text: str) -> None:
        assert codes(DONE + text) == []

    def test_a_wrong_number_of_cells_is_the_only_thing_said_of_a_row(self) -> None:
        assert codes(HEADER + row(status="Nonsense", notes="a | b")) == ["TRK010"]
        assert codes(HEADER + "| 1 | T1 | A | Nonsense |\n") == ["TRK010"]
        assert "12 cells where the header has 11" in messages(HEADER + row(notes="a | b"))[0]

    def test_empty_cells_keep_their_place(self) -> None:
        """R33: dropped empty cells shifted the columns."""
        assert codes(HEADER + "| 1 | T1 | | Backlog | | | | | | | |\n") == []

    def test_text_right_below_a_table_is_a_row_of_it(self) -> None:
        assert codes(DONE + "**Total**: 1\n") == ["TRK010"]

    def test_an_order_is_unique_in_its_table(self) -> None:
        assert codes(HEADER + row("T1", order="3") + row("T2", order="**3**")) == ["TRK011"]
        assert codes(HEADER + row("T1", order="3") + "\n# More\n\n" + HEADER + row("T2", order="3")) == []


class TestStatus:
    @pytest.mark.parametrize(
        ("written", "shown"),
        [
            ("**OBSOLETE**", "'OBSOLETE'"),
            ("Done (partly)", "'Done (partly)'"),
            ("Done-ish", "'Done-ish'"),
            ("", "no status"),
        ],
    )
    def test_an_unknown_status_is_quoted_as_a_reader_sees_it(self, written: str, shown: str) -> None:
        (finding,) = findings(HEADER + row(status=written))
        assert finding.rule.code == "TRK004"
        assert shown in finding.message
        assert "**" not in finding.message

    def test_the_finding_points_at_the_cell(self) -> None:
        (finding,) = findings("> " + HEADER.replace("\n|", "\n> |") + "> " + row(status="Wrong", title="x"))
        assert (finding.line, finding.column) == (3, len("> | 1 | T1 | x | ") + 1)

    def test_every_table_with_a_status_is_read(self) -> None:
        tracker = (
            DONE
            + "\n# More\n\n"
            + HEADER
            + row("T2", "Wrong")
            + "\n> "
            + HEADER.replace("\n|", "\n> |")
            + "> "
            + row("T3", "Bad")
        )
        assert [seen.line for seen in findings(tracker)] == [9, 13]


class TestRows:
    def test_a_task_id_is_unique_in_the_file(self) -> None:
        assert codes(DONE + "\n# More\n\n" + HEADER + row("**t1**")) == ["TRK012"]

    def test_a_name_is_unique_in_its_table_only(self) -> None:
        stages = "\n# {0}\n\n| Stage | Status |\n|---|---|\n| Plan | Blocked |\n"
        assert codes(DONE + stages.format("A") + stages.format("B")) == ["~TRK005", "~TRK005"]
        assert codes(DONE + stages.format("A") + "| plan | Blocked |\n") == ["~TRK005", "TRK012"]

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param("T1\u200b", id="a zero-width space"),
            pytest.param("T\u00ad1", id="a soft hyphen"),
            pytest.param("T\u3164 1", id="a filler and a blank"),
            pytest.param("\u0422" + "1", id="a Cyrillic T"),
            pytest.param("\u03a4" + "1", id="a Greek T"),
            pytest.param("\uff34\uff11", id="full width"),
        ],
    )
    def test_ids_that_look_alike_are_one_id(self, other: str) -> None:
        tracker = HEADER + row("T1") + row(other, order="2")
        assert codes(tracker) == ["TRK012"]
        assert "look alike" in messages(tracker)[0]

    @pytest.mark.parametrize("other", ["T-1", "T11", "TI", "\u042f" + "1", "T1a"])
    def test_ids_that_look_different_are_different(self, other: str) -> None:
        assert codes(HEADER + row("T1") + row(other, order="2")) == []

    def test_a_row_needs_a_task_id(self) -> None:
        assert codes(HEADER + row("")) == ["TRK013"]

    @pytest.mark.parametrize("status", ["In Progress", "In Review", "Done"])
    @pytest.mark.parametrize("owner", ["", "-", "TBD", "n/a"])
    def test_work_needs_an_owner(self, status: str, owner: str) -> None:
        assert codes(HEADER + row(status=status, owner=owner)) == ["TRK015"]

    @pytest.mark.parametrize("status", ["Backlog", "Blocked"])
    def test_what_is_not_worked_on_needs_no_owner(self, status: str) -> None:
        assert codes(HEADER + row(status=status, owner="", prd="", evidence="", date="")) == []

    def test_done_needs_owner_prd_date_and_evidence(self) -> None:
        """R27: Done with none of them passed."""
        tracker = HEADER + row(status="Done", owner="", prd="", evidence="", date="")
        assert codes(tracker) == ["TRK015", "TRK016", "TRK006", "TRK020"]

    @pytest.mark.parametrize(
        "evidence", ["all tests pass", "https://example.invalid/run/1", "N/A", "3/3", "Commit: 1a2b3c4"]
    )
    def test_prose_and_urls_are_no_evidence(self, evidence: str) -> None:
        (finding,) = findings(HEADER + row(status="Done", evidence=evidence))
        assert finding.rule.code == "TRK006"
        assert ("URL" in (finding.hint or "")) == evidence.startswith("https")

    def test_a_missing_path_is_said_once(self) -> None:
        assert codes(HEADER + row(status="Done", evidence="docs/nope.log")) == ["TRK018"]

    @pytest.mark.parametrize(
        "date", ["2025-99-99", "2025-02-30", "2025/10/05", "5 Oct 2025", "2025-10-22", "2025-10-05 (half)"]
    )
    def test_a_date_is_a_real_day_and_not_in_the_future(self, date: str) -> None:
        assert codes(HEADER + row(date=date)) == ["TRK019"]

    @pytest.mark.parametrize(
        "date",
        [
            "2025-10-21",
            "2024-02-29",
            "0001-01-01",
            "2025-10-05T04:31:14Z",
            "2025-10-05t04:31:60.5+02:00",
            "**2025-10-05**",
            "-",
        ],
    )
    def test_days_and_time_stamps_are_dates(self, date: str) -> None:
        assert codes(HEADER + row(date=date)) == []

    @pytest.mark.parametrize("branch", ["feat/spec auto", "a..b", "main.lock", "-x", "a~1", "HEAD"])
    def test_a_branch_is_a_name_git_accepts(self, branch: str) -> None:
        assert codes(HEADER + row(branch=branch)) == ["TRK021"]

    @pytest.mark.parametrize("branch", ["feat/spec-auto", "`main`", "-", "TBD", ""])
    def test_good_branches_and_placeholders_pass(self, branch: str) -> None:
        assert codes(HEADER + row(branch=branch)) == []


class TestThreads:
    ON = HEADER + row("T1", "In Progress", branch="feat/x")

    def test_two_in_progress_on_one_branch_are_an_error(self) -> None:
        tracker = self.ON + row("T2", "**IN PROGRESS**", branch="`feat/x`")
        assert codes(tracker) == ["TRK014"]
        assert messages(tracker) == ["T2 is In Progress on branch 'feat/x', as T1 is"]

    def test_two_branches_are_two_threads(self) -> None:
        assert codes(self.ON + row("T2", "In Progress", branch="feat/y")) == []

    def test_rows_without_a_branch_are_one_thread(self) -> None:
        tracker = (
            HEADER
            + row("T1", "In Progress")
            + row("T2", "In Progress", branch="-")
            + row("T3", "In Progress", branch="TBD")
        )
        assert codes(tracker) == ["TRK014", "TRK014"]

    @pytest.mark.parametrize(("thread", "found"), [("file", ["TRK014"]), ("table", []), ("branch", [])])
    def test_a_thread_is_what_the_configuration_says(self, thread: str, found: list[str]) -> None:
        tracker = self.ON + "\n# More\n\n" + HEADER + row("T2", "In Progress", branch="feat/y")
        configured = Settings(tracker=TrackerSettings(thread=thread))  # type: ignore[arg-type]
        assert codes(tracker, settings=configured) == found

    def test_several_may_be_allowed(self) -> None:
        configured = Settings(tracker=TrackerSettings(one_in_progress=False))
        assert codes(self.ON + row("T2", "In Progress", branch="feat/x"), settings=configured) == []


class TestPaths:
    @pytest.mark.parametrize(
        "cell",
        [
            "docs/prd.md, docs/run.log; src/app.py<br>docs/prd.md",
            "`docs/prd.md`, [the log](docs/run.log#L3)",
            "docs/with space/run 1.log",
            "[log](docs/with%20space/run%201.log)",
            "src/app.py:12-20",
            "src/app.py (305 lines, 21 tests), docs/run.log (new)",
            "**docs/run.log**",
            "docs/",
            "./docs/run.log",
            "docs/run.log lines 2-3",
        ],
    )
    def test_lists_spans_links_lines_and_blanks_are_understood_in_both_columns(self, cell: str) -> None:
        """R22: a path with a space; R34: lists were allowed in one column only."""
        assert codes(HEADER + row(status="Done", prd=cell, evidence=cell)) == []

    @pytest.mark.parametrize(
        "path", ["/etc/passwd", "../other/run.log", "docs/../../x.md", r"docs\run.log", r"C:\run.log", "~/run.log"]
    )
    def test_paths_outside_the_repository_are_errors(self, path: str) -> None:
        """R27, R30."""
        assert codes(HEADER + row(evidence=path)) == ["TRK017"]
        assert codes(HEADER + row(prd=f"docs/prd.md, `{path}`")) == ["TRK017"]

    def test_a_path_that_differs_in_case_only_is_named(self) -> None:
        (finding,) = findings(HEADER + row(evidence="Docs/Run.log"))
        assert finding.rule.code == "TRK018"
        assert "as 'docs/run.log'" in finding.message

    @pytest.mark.parametrize("path", ["docs/nope", "nope.log", "docs/a/b/c", "docs/my file.log", "[x](docs/nope)"])
    def test_what_is_meant_as_a_path_must_exist(self, path: str) -> None:
        assert codes(HEADER + row(evidence=path)) == ["TRK018"]

    @pytest.mark.parametrize(
        "prose", ["read/write", "see the log", "P0/P1 done", "v1.3", "5/9", "/speckit.plan passed", "~500 lines"]
    )
    def test_prose_is_not_a_path(self, prose: str) -> None:
        assert codes(HEADER + row(evidence=prose)) == []

    def test_absurd_paths_are_never_looked_up(self, sandbox: Sandbox) -> None:
        from guardrails.git import Repo
        from guardrails.snapshot import Worktree

        places = PathLookup(Worktree(Repo(str(sandbox.root), sandbox.environment)), "SPEC.md")
        for path in ("a/" * 3000 + "b.md", "n" * 300 + ".md", "a\0b.md", "/".join("x" * 40 for _ in range(100))):
            assert all(name.state != "present" for name in named_paths(path, places))

    def test_a_tracker_in_a_folder_may_name_its_neighbours(self) -> None:
        places = PathLookup(MemorySnapshot({"plan/SPEC.md": b"", "plan/run.log": b""}), "plan/SPEC.md")
        assert [name.state for name in named_paths("run.log, plan/run.log, SPEC.log", places)] == [
            "present",
            "present",
            "missing",
        ]

    @pytest.mark.parametrize(
        "cell",
        [
            "no proof at all, but see docs/run.log",
            "docs/run.log has no proof",
            "not in docs/run.log",
            "see `docs/run.log`, which shows nothing",
            "nothing in [the log](docs/run.log)",
            "**no** run: `docs/run.log`",
        ],
    )
    def test_a_path_inside_a_sentence_is_no_evidence(self, cell: str) -> None:
        (finding,) = findings(HEADER + row(status="Done", evidence=cell))
        assert finding.rule.code == "TRK006"
        assert "a path inside a sentence is not evidence" in (finding.hint or "")

    @pytest.mark.parametrize(
        "cell",
        [
            "docs/run.log and docs/prd.md",
            "docs/run.log docs/prd.md",
            "`docs/run.log` (no errors, see also the wiki)",
            "docs/prd.md sections 2.6, 3",
            "docs/prd.md section 2.7 (new)",
            "all tests pass, docs/run.log",
            "`docs/run.log` + [prd](docs/prd.md)",
        ],
    )
    def test_paths_with_nothing_but_joints_and_remarks_around_them_are_evidence(self, cell: str) -> None:
        assert codes(HEADER + row(status="Done", evidence=cell)) == []

    @pytest.mark.parametrize("path", ["SPEC.md", "./SPEC.md#done", "[it](SPEC.md)"])
    def test_the_tracker_is_no_evidence_of_itself(self, path: str) -> None:
        (finding,) = findings(HEADER + row(status="Done", evidence=path))
        assert finding.rule.code == "TRK006"
        assert "the tracker itself" in (finding.hint or "")

    @pytest.mark.parametrize("path", [".git/config", "./.git/HEAD", ".GIT/config", "docs/.git/x.log", ".git"])
    def test_what_lies_in_git_is_outside(self, path: str) -> None:
        assert codes(HEADER + row(status="Done", evidence=path)) == ["TRK017"]


class TestConfiguredStatuses:
    @pytest.mark.parametrize("word", ["Complete", "Completed", "Closed", "Finished", "SHIPPED"])
    def test_a_word_for_done_keeps_the_rules_of_done(self, word: str) -> None:
        configured = Settings(tracker=TrackerSettings(statuses=("Todo", word)))
        tracker = HEADER + row(status=word, owner="", prd="", evidence="", date="")
        assert codes(tracker, settings=configured) == ["TRK015", "TRK016", "TRK006", "TRK020"]
        assert f"T1 is {word} without evidence" in messages(tracker, settings=configured)

    @pytest.mark.parametrize("word", ["Doing", "Active", "WIP"])
    def test_a_word_for_in_progress_keeps_the_thread_rule(self, word: str) -> None:
        configured = Settings(tracker=TrackerSettings(statuses=("Todo", word)))
        assert codes(HEADER + row("T1", word) + row("T2", word), settings=configured) == ["TRK014"]

    def test_a_word_beside_done_means_what_the_repository_says(self) -> None:
        configured = Settings(tracker=TrackerSettings(statuses=("Closed", "Done")))
        assert codes(HEADER + row(status="Closed", evidence=""), settings=configured) == []


class TestChanges:
    def test_an_id_in_look_alike_characters_hides_no_change(self) -> None:
        before = HEADER + row("T1", "In Review")
        assert codes(HEADER + row("T1\u200b", "Blocked"), base=before) == ["TRK022"]

    BEFORE = HEADER + row("T1", "In Review", notes="started")

    def test_a_status_change_needs_something_new_to_rest_on(self) -> None:
        assert codes(HEADER + row("T1", "Done", notes="started"), base=self.BEFORE) == ["TRK022"]
        assert "status change without an evidence note" in messages(HEADER + row("T1", "Blocked"), base=self.BEFORE)[0]

    @pytest.mark.parametrize(
        "now",
        [
            pytest.param(row("T1", "Done", notes="all green"), id="a new note"),
            pytest.param(row("T1", "Done", notes="started", evidence="docs/prd.md"), id="new evidence"),
            pytest.param(row("T1", "Done", notes="started", date="2025-10-06"), id="a new validation date"),
            pytest.param(row("T1", "**In review**", notes="started"), id="the same status in another form"),
            pytest.param(row("T2", "Done", notes="started"), id="another task"),
        ],
    )
    def test_a_change_that_rests_on_something_passes(self, now: str) -> None:
        assert codes(HEADER + now, base=self.BEFORE) == []

    def test_emptying_the_notes_explains_nothing(self) -> None:
        assert codes(HEADER + row("T1", "Blocked", notes=""), base=self.BEFORE) == ["TRK022"]

    def test_a_row_is_found_again_in_another_table(self) -> None:
        tracker = HEADER + row("T5") + "\n# Done\n\n" + HEADER + row("T1", "Done", notes="started")
        assert codes(tracker, base=self.BEFORE) == ["TRK022"]

    def test_an_unreadable_base_is_no_base(self) -> None:
        assert codes(DONE, base=b"\xff") == []


class TestSpecs:
    def test_a_spec_directory_needs_a_row(self) -> None:
        (finding,) = findings(DONE, spec("SPEC-102-retry"))
        assert (finding.rule.code, finding.spec) == ("TRK023", "SPEC-102")

    @pytest.mark.parametrize(
        "named_by",
        [
            pytest.param(row("SPEC-102"), id="its id"),
            pytest.param(row("**SPEC-102**"), id="its id in bold"),
            pytest.param(row("T1", title="SPEC-102: retry (T1)"), id="its title"),
            pytest.param(row("T1", prd="docs/SPEC-102-retry/spec.md"), id="its PRD"),
            pytest.param(row("T1", prd="[spec](docs/SPEC-102-retry/spec.md)"), id="its linked PRD"),
        ],
    )
    def test_a_row_names_a_directory(self, named_by: str) -> None:
        assert codes(HEADER + named_by, spec("SPEC-102-retry")) == []

    @pytest.mark.parametrize("other", ["SPEC-102R", "SPEC-1020", "XSPEC-102", "SPEC-102-2"])
    def test_ids_are_exact(self, other: str) -> None:
        """R21: SPEC-102 matched SPEC-102R."""
        assert "TRK023" in codes(HEADER + row(other, title=f"{other} title"), spec("SPEC-102-retry"))

    def test_a_row_needs_its_directory(self) -> None:
        assert codes(HEADER + row("SPEC-102", "In Progress")) == ["~TRK024"]
        assert codes(HEADER + row("SPEC-102", "Backlog")) == []
        assert codes(HEADER + row("DOC-1", "In Progress")) == []

    def test_the_folder_of_all_evidence_is_a_spec_once_it_has_documents(self) -> None:
        folder = "SPEC-OPS-004-integrated-coder-hooks"
        files = {f"docs/{folder}/evidence/commands/x.json": b"{}", f"docs/{folder}/README.md": b"x"}
        assert codes(DONE, files) == []
        assert codes(DONE, files | spec(folder)) == ["TRK023"]


class TestGit:
    def test_the_index_is_judged_and_not_the_working_tree(self, sandbox: Sandbox) -> None:
        for path, data in FILES.items():
            sandbox.write(path, data)
        sandbox.write("SPEC.md", HEADER + row(status="Wrong"))
        sandbox.add()
        sandbox.write("SPEC.md", DONE)
        assert sandbox.judge("lint", "--source", "index").rules == ["TRK004"]
        assert sandbox.judge("lint").code == 0
        sandbox.add()
        sandbox.write("SPEC.md", "")
        assert sandbox.judge("lint", "--source", "index").code == 0

    def test_evidence_must_be_in_what_is_judged(self, sandbox: Sandbox) -> None:
        for path, data in FILES.items():
            sandbox.write(path, data)
        sandbox.write("SPEC.md", DONE)
        sandbox.add("SPEC.md", "docs/prd.md")
        assert sandbox.judge("lint", "--source", "index").rules == ["TRK018"]

    def test_a_removed_tracker_fails(self, sandbox: Sandbox) -> None:
        sandbox.write("SPEC.md", DONE)
        sandbox.commit()
        sandbox.git("rm", "-q", "SPEC.md")
        assert sandbox.judge("lint", "--source", "index", "--if-any").rules == ["TRK001"]

    def test_a_tracker_that_is_a_link_is_not_followed(self, sandbox: Sandbox) -> None:
        (sandbox.root.parent / "outside.md").write_text(DONE)
        (sandbox.root / "SPEC.md").symlink_to(sandbox.root.parent / "outside.md")
        sandbox.add()
        assert sandbox.judge("lint").rules == ["TRK002"]
        assert sandbox.judge("lint", "--source", "index").rules == ["TRK002"]

    @pytest.mark.parametrize("target", ["prd.md", "nowhere", "/etc/passwd"])
    @pytest.mark.parametrize("source", [[], ["--source", "index"]])
    def test_a_link_is_no_evidence(self, sandbox: Sandbox, target: str, source: list[str]) -> None:
        for path, data in FILES.items():
            sandbox.write(path, data)
        (sandbox.root / "docs/link.log").symlink_to(target)
        sandbox.write("SPEC.md", DONE.replace("docs/run.log", "docs/link.log"))
        sandbox.add()
        assert sandbox.judge("lint", *source).rules == ["TRK006"]

    @pytest.mark.parametrize("source", [[], ["--source", "index"]])
    def test_a_spec_directory_that_is_a_link_cannot_be_judged(self, sandbox: Sandbox, source: list[str]) -> None:
        for path, data in FILES.items():
            sandbox.write(path, data)
        (sandbox.root / "docs/SPEC-KIT-900-cache").symlink_to("../src")
        sandbox.write("SPEC.md", DONE + row("SPEC-KIT-900", "In Progress"))
        sandbox.add()
        (finding,) = sandbox.judge("lint", *source).document["findings"]
        assert (finding["rule"], finding["path"]) == ("DOC002", "docs/SPEC-KIT-900-cache")
        assert "symlink" in finding["message"]
        assert sandbox.judge("lint", "SPEC-KIT-900", *source).rules == ["DOC002"]

    @pytest.mark.parametrize("source", [[], ["--source", "index"]])
    def test_a_spec_directory_that_is_a_submodule_cannot_be_judged(self, sandbox: Sandbox, source: list[str]) -> None:
        for path, data in FILES.items():
            sandbox.write(path, data)
        sandbox.git("init", "-q", "docs/SPEC-KIT-900")
        sandbox.write("docs/SPEC-KIT-900/spec.md", b"# Spec")
        sandbox.git("-C", "docs/SPEC-KIT-900", "add", ".")
        sandbox.git("-C", "docs/SPEC-KIT-900", "commit", "-q", "-m", "x")
        sandbox.write("SPEC.md", DONE)
        sandbox.add()
        (finding,) = sandbox.judge("lint", *source).document["findings"]
        assert finding["rule"] == "DOC002"
        assert "submodule" in finding["message"]

    def test_a_range_is_compared_with_its_base(self, sandbox: Sandbox) -> None:
        for path, data in FILES.items():
            sandbox.write(path, data)
        sandbox.write("SPEC.md", HEADER + row(status="In Review"))
        first = sandbox.commit()
        sandbox.write("SPEC.md", DONE)
        second = sandbox.commit()
        assert sandbox.judge("lint", "--source", f"{first}..{second}").rules == ["TRK022"]
        assert sandbox.judge("lint", "--source", second).code == 0


REF_PARTS = [
    "a",
    "-",
    "/",
    ".",
    "@",
    "{",
    "..",
    "@{",
    ".lock",
    "HEAD",
    "~",
    " ",
    "\u00e9",
    "\x7f",
    "\\",
    "[",
    "*",
    ":",
    "?",
    "^",
    ",",
]


@given(st.lists(st.sampled_from(REF_PARTS), min_size=1, max_size=5).map("".join))
@settings(max_examples=EXAMPLES, deadline=None)
@example("@")
@example("HEAD")
@example("a/.b")
@example("refs/heads/a.lock/b")
def test_branch_names_are_judged_as_git_does(name: str) -> None:
    git = subprocess.run(["git", "check-ref-format", "--branch", name], cwd="/", capture_output=True)
    assert is_branch_name(name) == (git.returncode == 0)


@given(st.text("0123456789-:TZ+./ ", max_size=30) | st.datetimes().map(lambda when: when.isoformat() + "Z"))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_date_is_a_moment_or_nothing(text: str) -> None:
    assert moment(text) is None or moment(text).tzinfo is not None  # type: ignore[union-attr]


@given(markdown_texts(), markdown_texts())
@settings(max_examples=EXAMPLES, deadline=None)
def test_no_text_crashes_the_check(text: str, before: str) -> None:
    files = {
        "docs/SPEC-1/spec.md": before.encode(),
        "docs/SPEC-1/plan.md": text.encode(),
        "docs/SPEC-1/tasks.md": text.encode(),
    }
    seen = judge(text, files, base=before)
    assert all("\n" not in finding.message for finding in seen if isinstance(finding, Finding))
