"""Acceptance criteria: the shipped example on a packet that meets it, and on one broken in each point."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.checks.accept import begins, count, has_number, page_of_json, page_of_markdown, says
from guardrails.config import Acceptance, Settings
from guardrails.core import Checked, Skipped, is_valid
from tests.checks.acceptance_packet import (
    ANSWER,
    COSTS,
    DECLARED,
    EXAMPLE,
    FOLDER,
    PLAN,
    SPEC,
    TASKS,
    broken,
    findings,
    observed,
    packet,
    remembers,
)
from tests.consensus.builder import Bundle, render
from tests.examples import examples
from tests.records import EVIDENCE, telemetry_path
from tests.sandbox import Sandbox
from tests.test_markdown import markdown_texts

Files = dict[str, bytes]


def changed(path: str, old: str, new: str) -> Callable[[Files], None]:
    """Replace some text of a file, which must be there."""

    def change(files: Files) -> None:
        text = files[path].decode()
        assert old in text
        files[path] = text.replace(old, new).encode()

    return change


def answered(old: str, new: str) -> Callable[[Files], None]:
    """All validate answers made from another text."""

    def change(files: Files) -> None:
        assert old in ANSWER
        files.update(Bundle(spec=SPEC, stage="validate", text=ANSWER.replace(old, new)).files)

    return change


def without(path: str) -> Callable[[Files], None]:
    return lambda files: files.pop(path) and None


def cheaper(files: Files) -> None:
    """A summary that lost one entry."""
    record = json.loads(files[COSTS])
    del record["per_stage"]["validate"]
    files[COSTS] = render(record)


def mute(files: Files) -> None:
    """A synthesis of the plan that was made without one agent."""
    path = Bundle(spec=SPEC, stage="plan").path("synthesis")
    record = json.loads(files[path])
    record["outputs"] = record["outputs"][:2]
    files[path] = render(record)


def disagreeing(files: Files) -> None:
    files.update(Bundle(spec=SPEC, stage="tasks", text="All is planned.", settled=("SQLite or Postgres",)).files)
    for path in [path for path in files if path.endswith("_resolution.json")]:
        del files[path]


def unsaved(files: Files) -> None:
    """No output of the tasks stage is there."""
    for path in [path for path in files if "/consensus/" in path and "spec-tasks_" in path]:
        del files[path]


def row(number: int) -> str:
    return next(line for line in TASKS.splitlines(keepends=True) if line.startswith(f"| T{number} "))


PLAN_MD, TASKS_MD = f"{FOLDER}/plan.md", f"{FOLDER}/tasks.md"
BREAKS = [
    pytest.param(changed(PLAN_MD, "| End |", "| Ends |"), ["timeline"], id="a timeline without ends"),
    pytest.param(changed(PLAN_MD, "| Validation | day 9 | day 10 |\n", ""), ["timeline"], id="two milestones"),
    pytest.param(changed(PLAN_MD, "## Timeline", "## Specious Timelines"), ["timeline"], id="another heading"),
    pytest.param(changed(PLAN_MD, "| operational |", "| technical |"), ["risks"], id="no operational risk"),
    pytest.param(changed(PLAN_MD, "| a rota |", "| TBD |"), ["risks"], id="a risk without mitigation"),
    pytest.param(changed(PLAN_MD, "| 3 | Nobody is on call | operational | a rota |\n", ""), ["risks"], id="two risks"),
    pytest.param(changed(PLAN_MD, "below 200 ms", "as low as it can be"), ["metrics"], id="a metric without number"),
    pytest.param(
        changed(PLAN_MD, "- adoption: 40 % of the team within two weeks\n", ""), ["metrics"], id="two metrics"
    ),
    pytest.param(mute, ["all-agents", "agreement"], id="a synthesis that names two agents"),
    pytest.param(changed(TASKS_MD, row(8) + row(9), ""), ["tasks"], id="seven tasks"),
    pytest.param(changed(TASKS_MD, row(9), row(9) * 5), ["tasks"], id="thirteen tasks"),
    pytest.param(
        changed(TASKS_MD, row(3), row(3).replace("| Engineer |", "|  |")), ["tasks"], id="a task without owner"
    ),
    pytest.param(
        changed(TASKS_MD, row(3), row(3).replace("tests pass", "-")), ["tasks"], id="a task without definition of done"
    ),
    pytest.param(changed(TASKS_MD, "| Validation |", "| Design |"), ["tasks"], id="one milestone for all"),
    pytest.param(changed(TASKS_MD, "- QA sign-off\n", ""), ["touchpoints"], id="one touchpoint"),
    pytest.param(changed(TASKS_MD, "T1 and T3 run in parallel.", "Unparallelisable."), ["parallel"], id="no guidance"),
    pytest.param(
        changed(TASKS_MD, row(3), row(3).replace("A module", "TBD")), ["tasks"], id="a task without deliverable"
    ),
    pytest.param(
        changed(TASKS_MD, row(3), row(3).replace("| yes |", "| |")), ["tasks"], id="a task without a parallel flag"
    ),
    pytest.param(changed(PLAN_MD, "| technical |", "| process |"), ["risks"], id="no technical risk"),
    pytest.param(unsaved, ["task-list", "agreement"], id="no task list kept as evidence"),
    pytest.param(answered("Kind: unit", "Kind: smoke"), ["tests"], id="no unit test"),
    pytest.param(answered("Kind: integration", "Kind: smoke"), ["tests"], id="no integration test"),
    pytest.param(answered("load", "loading"), ["tests"], id="no load test"),
    pytest.param(answered("KPIs are", "figures are"), ["kpis"], id="no KPIs"),
    pytest.param(answered("Rollback trigger", "Trigger"), ["rollback"], id="no rollback trigger"),
    pytest.param(answered("Estimated cost of the suite", "Suite"), ["suite-cost"], id="no cost of the suite"),
    pytest.param(without(telemetry_path("validate")), ["lifecycle", "stages-complete"], id="no telemetry"),
    pytest.param(
        changed(telemetry_path("plan"), '"sessionId"', '"session"'), ["stages-complete"], id="telemetry not valid"
    ),
    pytest.param(cheaper, ["cost-entry", "costs"], id="no cost entry"),
    pytest.param(without(COSTS), ["cost-entry", "costs"], id="no cost summary"),
    pytest.param(disagreeing, ["agreement"], id="a conflict in the tasks"),
    pytest.param(changed(f"{FOLDER}/review.md", "Adequate", "Not adequate"), ["review"], id="a bad review"),
    pytest.param(without(f"{FOLDER}/review.md"), ["review"], id="no review"),
]


def test_each_criterion_is_broken_by_some_packet() -> None:
    told = {name for each in BREAKS for name in each.values[1]}
    assert set(re.findall(r"- id: (\S+)", EXAMPLE.decode())) - told == {"memories"}, "which no file of a packet holds"


class TestExample:
    def test_holds_for_a_packet_that_meets_it(self) -> None:
        assert observed(packet()) == [Checked(DECLARED)]

    @pytest.mark.parametrize(("breaks", "expected"), BREAKS)
    def test_tells_exactly_what_is_broken(self, breaks: Callable[[Files], None], expected: list[str]) -> None:
        files = packet()
        breaks(files)
        assert broken(files) == expected

    def test_tells_which_agent_left_no_memory(self) -> None:
        [finding] = findings(packet(), recall=remembers("gemini", "claude"))
        assert finding.message == "memories: 0 memories of gpt_pro with spec:SPEC-KIT-900 stage:plan, not at least 1"
        assert finding.severity == "error"

    def test_warns_where_the_memory_is_not_at_hand(self) -> None:
        [finding] = findings(packet(), recall=None)
        assert (finding.rule.code, finding.severity) == ("ACC003", "warning")

    def test_points_at_the_row(self) -> None:
        files = packet()
        changed(PLAN_MD, "| a rota |", "| TBD |")(files)
        [finding] = findings(files)
        assert (finding.path, finding.line) == (
            PLAN_MD,
            PLAN.splitlines().index("| 3 | Nobody is on call | operational | a rota |") + 1,
        )
        assert finding.message == "risks: '3 | Nobody is on call | operational | TBD' has no 'Mitigation'"
        assert "technical" in (finding.hint or "")

    @pytest.mark.parametrize(
        "more",
        [
            pytest.param("\n" * 50_001, id="too many lines"),
            pytest.param("word " * 900_000, id="too much text"),
            pytest.param("\n\n" + ("- " * 18 + "a\n") * 20_000, id="lists in lists"),
        ],
    )
    @pytest.mark.tier2
    def test_fails_where_an_answer_is_too_large_to_be_read(self, more: str) -> None:
        files = packet()
        files.update(Bundle(spec=SPEC, stage="validate", text=ANSWER + more).files)
        assert {"tests", "kpis", "rollback", "suite-cost"} <= set(broken(files))

    def test_fails_where_answers_have_too_many_texts(self) -> None:
        files = packet()
        answers = Bundle(spec=SPEC, stage="validate", text=ANSWER).files
        texts = b'"texts": [' + b'"a\\nb",' * 10_000 + b'""], "error"'
        files.update({path: data.replace(b'"error"', texts, 1) for path, data in answers.items()})
        assert {"tests", "kpis", "rollback", "suite-cost"} <= set(broken(files))

    def test_judges_one_stage_when_it_is_named(self) -> None:
        files = packet()
        files.pop(TASKS_MD)
        assert broken(files, stage="plan") == []
        assert broken(files, stage="tasks") == ["tasks", "touchpoints", "parallel"]
        assert {finding.rule.code for finding in findings(files, stage="tasks")} == {"ACC003"}

    def test_is_what_the_schema_allows(self) -> None:
        assert is_valid("acceptance", yaml.safe_load(EXAMPLE))


class TestWhen:
    def begun(self, *stages: str) -> Files:
        files = packet()
        dropped = [path for path in files if path.startswith(EVIDENCE) and not any(f"-{s}_" in path for s in stages)]
        for path in dropped:
            del files[path]
        return files

    def test_a_stage_that_has_not_begun_is_waited_for(self) -> None:
        seen = observed(self.begun("plan"), spec=None)
        assert seen == [Skipped(DECLARED, "not begun, so not judged yet: tasks, validate"), Checked(DECLARED)]

    def test_nothing_is_judged_before_anything_has_begun(self) -> None:
        seen = observed(self.begun(), spec=None)
        assert seen == [Skipped(DECLARED, "not begun, so not judged yet: plan, tasks, validate")]

    def test_a_spec_that_is_named_is_judged_as_a_whole(self) -> None:
        assert "tests" in broken(self.begun("plan"))

    def test_no_declaration_is_nothing_to_examine(self) -> None:
        assert observed({f"{FOLDER}/spec.md": b"x"}, spec=None) == []

    def test_what_an_argument_or_the_configuration_names_must_declare_something(self) -> None:
        files = {f"{FOLDER}/spec.md": b"x"}
        assert [finding.rule.code for finding in findings(files)] == ["ACC004"]
        required = Settings(acceptance=Acceptance((SPEC,)))
        assert [finding.rule.code for finding in findings(files, spec=None, settings=required)] == ["ACC004"]
        assert [finding.rule.code for finding in findings(packet(), stage="audit")] == ["ACC004"]


def declared(text: str) -> list[tuple[str, int | None, str]]:
    """What a file of criteria is flagged for."""
    files = {DECLARED: text.encode("utf-8", "surrogatepass"), f"{FOLDER}/plan.md": b"# Plan\n"}
    return [(each.rule.code, each.line, each.message) for each in findings(files, stage="plan")]


HEAD = f"version: 1\nspec: {SPEC}\nstages:\n  plan:\n"
ONE = "  - {id: a, kind: phrase, says: x, in: plan.md, any_of: [Plan]}\n"


class TestDeclared:
    def test_a_sound_one(self) -> None:
        assert declared(HEAD + ONE) == []

    @pytest.mark.parametrize(
        ("text", "line", "part"),
        [
            pytest.param(HEAD + ONE.replace("kind: phrase", "kind: phrases"), 5, "phrases", id="an unknown kind"),
            pytest.param(HEAD + ONE.replace("any_of", "anyof"), 5, "any_of", id="an unknown key"),
            pytest.param(HEAD + ONE + ONE, 6, "twice", id="an id twice"),
            pytest.param(HEAD + ONE.replace("plan.md", "../plan.md"), 5, "no Markdown document", id="a way out"),
            pytest.param(HEAD + ONE.replace("plan.md", "/etc/x.md"), 5, "no Markdown document", id="an absolute path"),
            pytest.param(HEAD.replace("900", "901") + ONE, 2, "lies in the directory", id="another SPEC"),
            pytest.param("version: 1\nstages: [\n", 3, "", id="no YAML"),
            pytest.param("- 1\n", 1, "", id="a list"),
            pytest.param("", 1, "", id="an empty file"),
            pytest.param(HEAD + ONE + "  - {<<: 1}\n", 6, "", id="a merge key"),
            pytest.param(
                HEAD + "  - {id: a, kind: list, says: x, in: plan.md, items: {min: 3, max: 2}}\n", 5, "min", id="bounds"
            ),
        ],
    )
    def test_one_that_cannot_be_used_is_told_where(self, text: str, line: int, part: str) -> None:
        found = declared(text)
        assert {code for code, _, _ in found} == {"ACC001"}
        assert (found[0][1], part in found[0][2]) == (line, True)

    @settings(max_examples=examples(100))
    @given(st.one_of(st.text(), st.text("{}[]:-\n ,a1&*!|>")))
    def test_any_text_is_told_and_never_a_traceback(self, text: str) -> None:
        assert {code for code, _, _ in declared(text)} <= {"ACC001", "ACC004"}


class TestWords:
    @pytest.mark.parametrize(
        ("text", "wording", "found"),
        [
            ("These run in  parallel.", "run in parallel", 1),
            ("RUN-IN_PARALLEL", "run in parallel", 1),
            ("rerun in parallel", "run in parallel", 0),
            ("a guide to build", "ui", 0),
            ("KPIs", "KPI", 0),
            ("aa aa aa", "aa", 3),
            ("", "x", 0),
            ("gpt-pro and gpt_pro", "GPT Pro", 2),
        ],
    )
    def test_wordings_are_whole_words_in_any_case(self, text: str, wording: str, found: int) -> None:
        assert (count(text, [wording]), says(text, wording)) == (found, found > 0)

    @given(st.text(), st.text())
    def test_any_text_can_be_searched_for_any_wording(self, text: str, wording: str) -> None:
        assert count(text, [wording]) <= len(text) * 4  # case folding lengthens some characters
        assert says(f"x {text} y", "x")

    def test_a_long_text_of_near_misses_is_searched_in_a_moment(self) -> None:
        assert count("ab" * 500_000, ["b" * 20]) == 0
        assert count("a" * 1_000_000, ["a" * 1000 + "b"]) == 0

    @pytest.mark.parametrize(("text", "found"), [("p95 of T1", False), ("below 200 ms", True), ("(3)", True)])
    def test_a_number_is_not_part_of_a_name(self, text: str, found: bool) -> None:
        assert has_number(text) is found

    def test_headings_begin_with_whole_words(self) -> None:
        assert begins("Risks & Unknowns", "risks")
        assert not begins("Specious", "Spec")
        assert not begins("Spec", "Specious")


class TestPages:
    @settings(max_examples=examples(100))
    @given(markdown_texts())
    def test_any_markdown_makes_a_page(self, text: str) -> None:
        page = page_of_markdown("a.md", text)
        lines = text.count("\n") + text.count("\r") + 1
        assert all(1 <= passage.line <= lines for passage in page.passages)

    @settings(max_examples=examples(100))
    @given(
        st.recursive(
            st.one_of(
                st.none(), st.booleans(), st.integers(), st.text(), st.just("# A\n\n- x: y\n\n| a |\n|-|\n| b |\n")
            ),
            lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
        )
    )
    def test_any_json_makes_a_page(self, value: object) -> None:
        data = json.dumps(value, indent=1).encode()
        page = page_of_json("a.json", data, value)
        lines = data.count(b"\n") + 1
        assert all(1 <= row.line <= lines for table in page.tables for row in table.rows)
        assert all(1 <= item.record.line <= lines for item in page.items)

    def test_a_list_of_objects_is_a_table_and_a_list(self) -> None:
        value = {"risk_register": [{"Risk": "slow", "mitigation": ["measure", "tune"]}, "late"]}
        page = page_of_json("a.json", json.dumps(value, indent=1).encode(), value)
        [table], items = page.tables, page.items
        assert (table.section, table.columns) == (("risk register",), {"risk", "mitigation"})
        texts = [(item.section, item.record.text, item.record.line) for item in items]
        assert texts[:2] == [(("risk register",), "slow | measure, tune", 3), (("risk register",), "late", 10)]
        assert {section for section, _, _ in texts[2:]} == {("mitigation",)}, "it belongs to the risk"

    def test_a_nested_list_belongs_to_its_item(self) -> None:
        page = page_of_markdown("a.md", "# T\n\n- **T1**\n  - **Owner**: me · **Done**: tests\n- T2\n")
        assert [item.record.text for item in page.items] == ["T1 Owner: me Done: tests", "T2"]
        assert page.items[0].record.fields == {"owner": "me", "done": "tests"}

    def test_code_and_comments_say_nothing(self) -> None:
        page = page_of_markdown(
            "a.md", "```\nrun in parallel\n```\n\n<!-- run in parallel -->\n\n    run in parallel\n"
        )
        assert page.passages == ()


class TestCommand:
    @pytest.mark.tier2
    def test_asks_the_memory_where_it_is_kept(self, sandbox: Sandbox) -> None:
        for path, data in packet().items():
            sandbox.write(path, data)
        sandbox.commit()
        ran = sandbox.judge("accept", SPEC)
        assert (ran.code, ran.rules) == (1, ["ACC003"])
        for agent in ("gemini", "claude", "gpt_pro"):
            tags = [word for tag in (f"spec:{SPEC}", "stage:plan", f"agent:{agent}") for word in ("--tag", tag)]
            assert sandbox.speckit("memory", "add", f"the plan of {agent}", *tags).code == 0
        assert sandbox.judge("accept", SPEC).code == 0
        assert sandbox.judge("accept", SPEC, "--source", "HEAD").code == 0
        found = sandbox.judge("guard", "--hook", "ci").document["findings"]
        assert [finding["severity"] for finding in found if finding["rule"].startswith("ACC")] == ["warning"]

    def test_prints_an_example_that_is_accepted(self, sandbox: Sandbox) -> None:
        ran = sandbox.speckit("accept", "--example")
        assert (ran.code, ran.out.encode()) == (0, EXAMPLE)

    def test_nothing_declared_is_undecided(self, sandbox: Sandbox) -> None:
        sandbox.write(f"{FOLDER}/spec.md", "x")
        sandbox.commit()
        assert sandbox.judge("accept").code == 3
        assert sandbox.judge("accept", "--if-any").code == 0
        assert sandbox.judge("accept", SPEC, "--if-any").code == 3
        assert sandbox.judge("accept", "../../etc").code == 2
        assert sandbox.judge("accept", "nonsense").code == 2


def test_a_file_that_lacks_nearly_everything_is_told_in_words(sandbox: Sandbox) -> None:
    sandbox.write("docs/SPEC-A-1/acceptance.yaml", "plan: 3\n")
    said = [finding["message"] for finding in sandbox.judge("accept", "SPEC-A-1").document["findings"]]
    assert "'spec' is missing" in said
    assert "has 1 of at least 3 keys" in said
    assert not [message for message in said if "{" in message]
