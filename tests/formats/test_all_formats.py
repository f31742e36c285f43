"""What holds for every format and every result, however hostile the repository."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import orjson
import pytest
from hypothesis import given, settings
from lxml import etree

from guardrails.core import Result, Source
from guardrails.reports.formats import FORMATS, reporter, text
from tests.examples import examples
from tests.formats import test_json, test_junit, test_sarif
from tests.formats.runner import obeyed
from tests.formats.samples import NASTY, OUTCOMES, SCHEMA, hostile, judged, results

RAW = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def assert_all_told(name: str, result: Result) -> None:
    """The report is sound and leaves out no rule that was broken; GitHub's command line is shown ten of a kind."""
    JUDGES[name](result)
    output = reporter(name)(result)
    if name != "github":
        assert [code for code in {finding.rule.code for finding in result.findings} if code not in output] == []
    assert bool(result.findings) <= any(finding.rule.code in output for finding in result.findings)


def judge_text(result: Result) -> None:
    for shown in (text.Display(), text.Display(verbose=True), text.Display(quiet=True, notes=False)):
        plain = text.render(result, shown)
        assert not RAW.search(plain)
        coloured = text.render(result, shown._replace(color=True))
        assert re.sub(r"\x1b\[(0|1|3[1236])m", "", coloured) == plain


def judge_json(result: Result) -> None:
    output = reporter("json")(result)
    assert not RAW.search(output)
    document = orjson.loads(output.encode("utf-8"))
    assert document == json.loads(output)
    assert [error.message for error in test_json.VALIDATOR.iter_errors(document)] == []


def judge_github(result: Result) -> None:
    output = reporter("github")(result)
    assert not RAW.search(output)
    assert {command.name for command in obeyed(output)} <= {"error", "warning", "notice"}


def judge_sarif(result: Result) -> None:
    output = reporter("sarif")(result)
    assert not RAW.search(output)
    log = orjson.loads(output.encode("utf-8"))
    assert [error.message for error in test_sarif.VALIDATOR.iter_errors(log)] == []
    for found in log["runs"][0]["results"]:
        uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"(?:[A-Za-z0-9_.~/-]|%[0-9A-F]{2})+", uri)


def judge_junit(result: Result) -> None:
    output = reporter("junit")(result)
    assert not RAW.search(output)
    test_junit.XSD.assertValid(etree.fromstring(output.encode("utf-8")))


JUDGES = {"text": judge_text, "json": judge_json, "github": judge_github, "sarif": judge_sarif, "junit": judge_junit}


def test_there_is_a_judge_for_every_format() -> None:
    assert tuple(JUDGES) == FORMATS


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("result", OUTCOMES.values(), ids=OUTCOMES.keys())
def test_every_outcome_can_be_rendered_and_ends_its_last_line(name: str, result: Result) -> None:
    JUDGES[name](result)
    assert reporter(name)(result).endswith("\n")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", NASTY, ids=ascii)
def test_hostile_content_does_no_harm(name: str, content: str) -> None:
    assert_all_told(name, hostile(content))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("piece", ["a", "\x1b", "%", "]]>", "\udc80", "\U000e0041"], ids=ascii)
def test_a_message_of_100_kb_is_rendered(name: str, piece: str) -> None:
    assert_all_told(name, judged(SCHEMA.at("a", piece * (100_000 // len(piece)), hint=piece * 1000)))


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=examples(100), deadline=None)
@given(result=results)
def test_any_result_gives_a_sound_report(name: str, result: Result) -> None:
    assert_all_told(name, result)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("result", OUTCOMES.values(), ids=OUTCOMES.keys())
def test_rendering_the_same_result_twice_gives_the_same_report(name: str, result: Result) -> None:
    assert reporter(name)(result) == reporter(name)(result)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_how_much_was_examined(name: str) -> None:
    output = reporter(name)(judged(checked=4711, source=Source("range", "main..topic")))
    assert "4711" in output
    assert "main..topic" in output


def test_one_format_does_not_import_the_others() -> None:
    script = (
        "import sys; from guardrails.reports.formats.choice import reporter; reporter('text');"
        "print(*sorted({'orjson', 'urllib.parse', 'xml', 'hashlib', 'json'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
