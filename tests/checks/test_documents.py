from __future__ import annotations

import pytest

from guardrails.checks.lint import heading_key
from guardrails.config import DocumentRule, SectionRule, Settings
from tests.checks.tracker_world import HEADER, PLAN, SPEC, TASKS, checked, codes, findings, messages, row, spec
from tests.sandbox import Sandbox

NAME = "SPEC-KIT-900-smoke"
PATH = f"docs/{NAME}"
TRACKER = HEADER + row("SPEC-KIT-900", "In Progress")


class TestSound:
    def test_complete_documents_have_no_finding_and_are_each_checked(self) -> None:
        assert messages(TRACKER, spec(NAME)) == []
        assert checked(TRACKER, spec(NAME)) == ["SPEC.md", f"{PATH}/spec.md", f"{PATH}/plan.md", f"{PATH}/tasks.md"]

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(SPEC.replace(b"\n", b"\r\n"), id="CRLF line endings (R26)"),
            pytest.param(b"\xef\xbb\xbf" + SPEC, id="a byte order mark"),
            pytest.param(b"Context\n=======\n\nText.\n\nObjectives\n---\n\nText.\n", id="underlined headings"),
            pytest.param(
                b"# 1. *context*\nText.\n## 2.1 OBJECTIVES (v2):\nText.\n",
                id="numbers, emphasis, case, a remark and a colon",
            ),
        ],
    )
    def test_headings_are_recognised_however_they_are_dressed(self, text: bytes) -> None:
        assert messages(TRACKER, spec(NAME, spec=text)) == []

    def test_a_required_table_may_have_further_columns_in_any_order_and_remarks(self) -> None:
        plan = PLAN.replace(
            b"| Requirement | Validation Step |\n|---|---|\n| R1 | run |",
            b"| Artifact | Validation Step | Requirement (Spec) |\n|---|---|---|\n| a | run | R1 |",
        )
        assert messages(TRACKER, spec(NAME, plan=plan)) == []

    def test_the_required_documents_are_configurable(self) -> None:
        configured = Settings(
            documents=(DocumentRule("notes.md", (SectionRule("Why"), SectionRule(None, ("Who", "What")))),)
        )
        files = {f"{PATH}/notes.md": b"# Why\n\nText.\n\n| What | Who |\n|---|---|\n| a | b |\n"}
        assert messages(TRACKER, files, settings=configured) == []
        assert codes(TRACKER, {f"{PATH}/notes.md": b"# Who\n"}, settings=configured) == ["DOC004", "DOC005"]


class TestPresence:
    def test_a_missing_document_is_reported_once(self) -> None:
        """R26: one missing file was reported seven times."""
        (finding,) = findings(TRACKER, spec(NAME, plan=None))
        assert (finding.rule.code, finding.path, finding.spec) == ("DOC001", f"{PATH}/plan.md", "SPEC-KIT-900")

    def test_in_the_backlog_only_spec_md_is_required(self) -> None:
        waiting = HEADER + row("SPEC-KIT-900", "Backlog")
        only_prd = {f"{PATH}/PRD.md": b"x"}
        assert codes(waiting, only_prd) == ["DOC001", "~DOC001", "~DOC001"]
        assert codes(TRACKER, only_prd) == ["DOC001", "DOC001", "DOC001"]

    def test_a_file_under_a_similar_name_is_named(self) -> None:
        files = spec(NAME, plan=None) | {f"{PATH}/Plan.md": PLAN}
        (finding,) = findings(TRACKER, files)
        assert (finding.rule.code, finding.hint) == ("DOC001", f"rename {PATH}/Plan.md")

    @pytest.mark.parametrize("text", [b"", b"\xef\xbb\xbf", b" \r\n\t\n"])
    def test_an_empty_document_is_one_finding(self, text: bytes) -> None:
        assert codes(TRACKER, spec(NAME, plan=text)) == ["DOC003"]

    def test_bytes_that_are_not_utf8_are_one_finding_with_their_line(self) -> None:
        (finding,) = findings(TRACKER, spec(NAME, plan=b"# Inputs\n\xff\n"))
        assert (finding.rule.code, finding.line) == ("DOC002", 2)
        assert f"{PATH}/plan.md" not in checked(TRACKER, spec(NAME, plan=b"# Inputs\n\xff\n"))

    def test_a_document_that_is_a_link_is_not_followed(self, sandbox: Sandbox) -> None:
        for path, data in spec(NAME, plan=None).items():
            sandbox.write(path, data)
        sandbox.write("docs/prd.md", "x")
        sandbox.write("docs/run.log", "x")
        sandbox.write("SPEC.md", TRACKER)
        (sandbox.root.parent / "outside.md").write_bytes(PLAN)
        (sandbox.root / PATH / "plan.md").symlink_to(sandbox.root.parent / "outside.md")
        sandbox.add()
        assert sandbox.judge("lint").rules == ["DOC002"]
        assert sandbox.judge("lint", "--source", "index").rules == ["DOC002"]

    def test_two_directories_of_one_spec_are_an_error(self) -> None:
        files = spec("SPEC-KIT-900") | spec(NAME)
        (finding,) = findings(TRACKER, files)
        assert (finding.rule.code, finding.path) == ("DOC007", PATH)


class TestContent:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(
                b"# Contextual\n# Objectives\nText.\n", id="a longer word (R26: '# Specious' counted as '# Spec')"
            ),
            pytest.param(b"```\n# Context\n```\n# Objectives\nText.\n", id="inside a fence (R26)"),
            pytest.param(b"<!--\n# Context\n-->\n# Objectives\nText.\n", id="inside a comment"),
            pytest.param(b"Context\n\n# Objectives\nText.\n", id="as plain text"),
            pytest.param(b"    # Context\n# Objectives\nText.\n", id="indented as code"),
        ],
    )
    def test_a_heading_counts_only_where_it_is_one(self, text: bytes) -> None:
        (finding,) = findings(TRACKER, spec(NAME, spec=text))
        assert (finding.rule.code, finding.line, finding.message) == ("DOC004", 1, "heading 'Context' is missing")

    @pytest.mark.parametrize(
        "table",
        [
            pytest.param(b"no table\n", id="no table"),
            pytest.param(b"| Requirement | Proof |\n|---|---|\n| a | b |\n", id="a column is missing"),
            pytest.param(b"| Requirement | Validation Step |\n|---|---|\n", id="no rows"),
            pytest.param(
                b"# Other\n\n| Requirement | Validation Step |\n|---|---|\n| a | b |\n", id="below another heading"
            ),
            pytest.param(b"```\n| Requirement | Validation Step |\n|---|---|\n| a | b |\n```\n", id="inside a fence"),
        ],
    )
    def test_a_required_table_stands_below_its_heading_and_has_rows(self, table: bytes) -> None:
        headings = (b"Inputs", b"Work Breakdown", b"Risks & Unknowns", b"Exit Criteria")
        plan = b"".join(b"# %s\nText.\n" % heading for heading in headings) + b"# Acceptance Mapping\n\n" + table
        (finding,) = findings(TRACKER, spec(NAME, plan=plan))
        assert (finding.rule.code, finding.line) == ("DOC005", 1)

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param("One line.", id="a paragraph"),
            pytest.param("- [ ] TODO: parse the index", id="a task to do"),
            pytest.param("### First\n\nText.", id="text below a lower heading"),
            pytest.param("| a | b |\n|---|---|\n| 1 | x |", id="a table"),
            pytest.param("```\nmake\n```", id="code"),
            pytest.param("    make", id="indented code"),
            pytest.param("None", id="the answer none"),
            pytest.param("n/a", id="not applicable"),
            pytest.param("<img src=x>", id="an image"),
            pytest.param("![a diagram](x.png)", id="a linked image"),
            pytest.param("<details>Text</details>", id="HTML with text"),
            pytest.param("<!-- a remark --> and text", id="text beside a comment"),
            pytest.param("TBD\n\nBut this is known.", id="text beside a placeholder"),
            pytest.param("42", id="a number"),
            pytest.param("文", id="another script"),
        ],
    )
    def test_a_section_that_says_something(self, content: str) -> None:
        text = f"# Spec\n\n## Context\n\n{content}\n\n## Objectives\n\nText.\n".encode()
        assert codes(TRACKER, spec(NAME, spec=text)) == []

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param("", id="nothing"),
            pytest.param("<!-- what is the context? -->", id="a comment"),
            pytest.param("<!-- what\n\nis -->\n\n<!-- the context? -->", id="comments over lines"),
            pytest.param("-\n- \n* [ ]\n", id="empty list items"),
            pytest.param("TBD", id="TBD"),
            pytest.param("- **TODO**\n- _to be defined_ …", id="placeholders in a list"),
            pytest.param("1. ...\n2. ???", id="dots and question marks"),
            pytest.param("### First\n\n### Second", id="lower headings only"),
            pytest.param("---", id="a rule"),
            pytest.param("| a | b |\n|---|---|", id="a table without rows"),
            pytest.param("| a | b |\n|---|---|\n| TBD |  |", id="a table of placeholders"),
            pytest.param("<br>\n<p></p>", id="HTML without text"),
            pytest.param("\u00a0", id="blanks that are not seen"),
            pytest.param("\u200b", id="a blank without width"),
            pytest.param("- \u2060\u200d\ufe0f\u00ad", id="characters that join others"),
            pytest.param("\u3164 \u2800", id="fillers that count as letters"),
            pytest.param("&nbsp;\n\n&#8203;", id="entities of blanks"),
            pytest.param("[](spec.md)", id="a link without a text"),
            pytest.param("[spec]: spec.md", id="the definition of a link"),
        ],
    )
    def test_a_section_that_says_nothing(self, content: str) -> None:
        text = f"# Spec\n\nText.\n\n## Context\n\n{content}\n\n## Objectives\n\nText.\n".encode()
        (finding,) = findings(TRACKER, spec(NAME, spec=text))
        assert (finding.rule.code, finding.line) == ("DOC017", 5)
        waiting = HEADER + row("SPEC-KIT-900", "Backlog")
        assert codes(waiting, spec(NAME, spec=text)) == ["~DOC017"]

    def test_a_document_of_headings_only_has_one_finding_for_each(self) -> None:
        text = b"# Spec\n## Context\n## Objectives\n"
        assert codes(TRACKER, spec(NAME, spec=text)) == ["DOC017", "DOC017"]

    def test_a_table_below_a_heading_of_a_lower_level_is_below_the_section(self) -> None:
        plan = PLAN.replace(b"## Acceptance Mapping\n", b"## Acceptance Mapping\n### R1 and R2\n")
        assert codes(TRACKER, spec(NAME, plan=plan)) == []

    @pytest.mark.parametrize(
        ("tasks", "found"),
        [
            pytest.param(TASKS.replace(b"Done", b"**DONE**"), [], id="a bold status"),
            pytest.param(TASKS.replace(b"Done", b"Doing"), ["TRK004"], id="an unknown status"),
            pytest.param(TASKS + b"| 1 | Test | Code | Done | run |\n", ["TRK011"], id="an order given twice"),
            pytest.param(TASKS + b"| 2 | Write | Code | Done | run |\n", [], id="a task named twice"),
            pytest.param(TASKS + b"| 2 | Test | Code | Done | a | b |\n", ["TRK010"], id="a cell too many"),
            pytest.param(TASKS + b"\n| 2 | Test | Code | Wrong | run |\n", ["TRK009"], id="a row after a blank line"),
            pytest.param(TASKS.replace(b"|---|---|---|---|---|\n", b""), ["TRK008"], id="no separator"),
            pytest.param(TASKS[: TASKS.index(b"| 1")], ["DOC005"], id="no rows"),
            pytest.param(b"# Tasks\n", ["DOC005"], id="no table"),
            pytest.param(
                TASKS + b"\n# Risks\n\n| Risk | Status |\n|---|---|\n| a | Open |\n",
                [],
                id="another table with a status",
            ),
        ],
    )
    def test_the_rows_of_tasks_md_are_judged_like_the_trackers(self, tasks: bytes, found: list[str]) -> None:
        seen = findings(TRACKER, spec(NAME, tasks=tasks))
        assert [finding.rule.code for finding in seen] == found
        assert all((finding.path, finding.spec) == (f"{PATH}/tasks.md", "SPEC-KIT-900") for finding in seen)


class TestScope:
    FILES = spec(NAME, plan=None) | spec("SPEC-KIT-901", plan=None)
    TRACKER = HEADER + row("SPEC-KIT-900", "In Progress", branch="a") + row("SPEC-KIT-901", "In Progress", branch="b")

    def test_a_spec_narrows_the_documents(self) -> None:
        seen = findings(self.TRACKER, self.FILES, scope="SPEC-KIT-901")
        assert [finding.path for finding in seen] == ["docs/SPEC-KIT-901/plan.md"]

    @pytest.mark.parametrize("wanted", ["SPEC-KIT-90", "SPEC-KIT-900R", "SPEC-*", "../x"])
    def test_a_spec_that_was_named_must_be_there(self, wanted: str) -> None:
        """R16, R21: ids are exact, and no pattern."""
        assert codes(self.TRACKER, self.FILES, scope=wanted) == ["DOC006"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Exit Criteria (Done)", "exit criteria"),
        ("3) **Risks** &amp; `Unknowns`:", "risks & unknowns"),
        ("2.10 Inputs (a (b)) ", "inputs"),
        ("(Draft)", ""),
        ("Context)", "context)"),
        ("2025 plan", "2025 plan"),
    ],
)
def test_headings_are_compared_without_their_dress(text: str, key: str) -> None:
    assert heading_key(text) == key
