from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from guardrails.core import Result, Skipped, Source
from guardrails.reports.formats.junit import render
from tests.formats.samples import CONFLICT, ERROR, NOTE, OUTCOMES, SCHEMA, WARNING, broken, judged

XSD = etree.XMLSchema(etree.parse(str(Path(__file__).parent.parent / "data" / "junit-10.xsd")))


def suite_of(result: Result) -> etree._Element:
    root = etree.fromstring(render(result).encode("utf-8"))
    (suite,) = root
    return suite


def facts_of(suite: etree._Element) -> list[tuple[str, str]]:
    return [(fact.get("name"), fact.get("value")) for fact in suite.iterfind("properties/property")]


def _counts(element: etree._Element) -> tuple[int, ...]:
    return tuple(int(element.get(name)) for name in ("tests", "failures", "errors"))


@pytest.mark.parametrize("result", OUTCOMES.values(), ids=OUTCOMES.keys())
def test_every_outcome_gives_a_report_of_the_schema(result: Result) -> None:
    root = etree.fromstring(render(result).encode("utf-8"))
    XSD.assertValid(root)
    (suite,) = root
    counted = tuple(len(suite.findall(path)) for path in ("testcase", "testcase/failure", "testcase/error"))
    assert _counts(suite) == _counts(root) == counted
    assert int(suite.get("skipped")) == len(suite.findall("testcase/skipped"))


@pytest.mark.parametrize("result", OUTCOMES.values(), ids=OUTCOMES.keys())
def test_a_report_is_green_only_when_something_was_examined_and_holds(result: Result) -> None:
    suite = suite_of(result)
    _, failures, errors = _counts(suite)
    assert (failures + errors == 0) is (result.verdict in ("pass", "not-applicable"))
    passed = [case for case in suite.iterfind("testcase") if len(case) == 0]
    assert bool(passed) is (result.examined.checked > 0 and result.verdict != "undecided")


def test_the_properties_carry_what_was_examined() -> None:
    result = judged(
        checked=2, skipped=(Skipped("a", "a symlink"), Skipped("b", "a pipe")), source=Source("range", "x..y")
    )
    assert facts_of(suite_of(result)) == [
        ("source.kind", "range"),
        ("source.rev", "x..y"),
        ("verdict", "pass"),
        ("exit_code", "0"),
        ("examined.candidates", "4"),
        ("examined.checked", "2"),
        ("examined.skipped", "a: a symlink"),
        ("examined.skipped", "b: a pipe"),
    ]


def test_errors_fail_a_case_for_each_rule_and_file() -> None:
    other = SCHEMA.at("docs/plan.json", "stage is missing", line=9)
    conflict = CONFLICT.at("docs/plan.json", "2 unresolved conflicts")
    suite = suite_of(judged(ERROR, other, conflict))
    cases = {(case.get("classname"), case.get("name")): case for case in suite.iterfind("testcase")}
    assert list(cases) == [
        ("speckit.validate", "examined"),
        ("speckit.TEL002", "docs/plan.json"),
        ("speckit.CON001", "docs/plan.json"),
    ]
    (failure,) = cases["speckit.TEL002", "docs/plan.json"]
    assert (failure.get("type"), failure.get("message")) == ("telemetry-schema", "2 findings")
    assert failure.text.splitlines() == [
        "docs/plan.json:3:9: TEL002 specId: 7 is not a string",
        "  hint: quote it",
        "docs/plan.json:9: TEL002 stage is missing",
    ]
    (failure,) = cases["speckit.CON001", "docs/plan.json"]
    assert failure.get("message") == "2 unresolved conflicts"


def test_warnings_and_notes_are_output_not_failures() -> None:
    suite = suite_of(judged(WARNING, NOTE))
    assert _counts(suite) == (1, 0, 0)
    assert suite.findtext("system-out").splitlines() == [
        "docs/evidence: FPT001 warning: 16.0 MB of evidence",
        "docs/old.json:2: TEL002 note: an older form",
    ]


@pytest.mark.parametrize("code", [2, 3, 70])
def test_a_problem_is_an_error(code: int) -> None:
    error = suite_of(broken(code)).find("testcase/error")
    assert error is not None
    assert (error.get("type"), error.get("message")) == (f"exit {code}", "git is not installed")
    assert "hint: install git" in error.text


def test_undecided_is_an_error_and_not_applicable_is_skipped() -> None:
    assert suite_of(judged(checked=0)).find("testcase/error") is not None
    assert suite_of(judged(checked=0, if_any=True)).find("testcase/skipped") is not None


def test_characters_xml_cannot_hold_are_replaced() -> None:
    suite = suite_of(judged(SCHEMA.at("a\x00\udc80", "\x1b ]]> <b> & \ufffe \ud800\nend")))
    case = suite.findall("testcase")[1]
    assert case.get("name") == r"a\x00\x80"
    assert case[0].get("message") == r"\x1b ]]> <b> & \ufffe \ud800\nend"
