from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from jsonschema import Draft4Validator

from guardrails.core import Result
from guardrails.git import to_bytes
from guardrails.reports.formats import json as json_module
from guardrails.reports.formats.sarif import render
from tests.formats.samples import ERROR, NOTE, OUTCOMES, SCHEMA, SIZE, WARNING, broken, judged

STANDARD = json.loads((Path(__file__).parent.parent / "data" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = Draft4Validator(STANDARD)


def run_of(result: Result) -> dict[str, Any]:
    (run,) = json.loads(render(result))["runs"]
    return run  # type: ignore[no-any-return]


@pytest.mark.parametrize("result", OUTCOMES.values(), ids=OUTCOMES.keys())
def test_every_outcome_gives_a_log_of_the_standard(result: Result) -> None:
    log = json.loads(render(result))
    assert [error.message for error in VALIDATOR.iter_errors(log)] == []
    assert log["version"] == "2.1.0"
    assert log["$schema"] == STANDARD["id"]


@pytest.mark.parametrize("result", OUTCOMES.values(), ids=OUTCOMES.keys())
def test_every_outcome_carries_what_was_examined(result: Result) -> None:
    run = run_of(result)
    assert isinstance(run["results"], list)
    document = json_module.document(result)
    assert run["properties"]["examined"] == document["examined"]
    assert run["properties"]["verdict"] == document["verdict"]
    assert run["properties"]["source"] == document["source"]


@pytest.mark.parametrize("result", OUTCOMES.values(), ids=OUTCOMES.keys())
def test_only_a_run_that_judged_was_successful(result: Result) -> None:
    (invocation,) = run_of(result)["invocations"]
    assert invocation["exitCode"] == result.exit_code
    assert invocation["executionSuccessful"] is (result.exit_code not in (2, 3, 70))
    assert bool(invocation["toolExecutionNotifications"]) is not invocation["executionSuccessful"]


def test_an_undecided_run_stays_unsuccessful_under_exit_zero() -> None:
    (invocation,) = run_of(judged(checked=0)._replace(exit_code=0))["invocations"]
    assert invocation["executionSuccessful"] is False


def test_a_problem_is_a_notification() -> None:
    (invocation,) = run_of(broken(70))["invocations"]
    assert invocation["toolExecutionNotifications"] == [
        {"level": "error", "message": {"text": "git is not installed\nhint: install git"}}
    ]


def test_a_result_points_at_its_rule_and_place() -> None:
    run = run_of(judged(ERROR, WARNING, NOTE))
    first = run["results"][0]
    assert first["ruleId"] == run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == "TEL002"
    assert first["message"]["text"] == "specId: 7 is not a string\nhint: quote it"
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "docs/plan.json", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 9},
    }
    assert "%SRCROOT%" in run["originalUriBaseIds"]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note"]


def test_a_finding_without_a_line_has_no_region() -> None:
    (found,) = run_of(judged(SCHEMA.at("a", "b", column=4)))["results"]
    assert "region" not in found["locations"][0]["physicalLocation"]


def test_each_rule_is_described_once() -> None:
    rules = run_of(judged(WARNING, ERROR, NOTE))["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["FPT001", "TEL002"]
    assert rules[0]["defaultConfiguration"] == {"level": "warning"}
    assert rules[0]["name"] == SIZE.name
    assert rules[0]["shortDescription"] == {"text": SIZE.summary}
    assert rules[0]["fullDescription"] == {"text": SIZE.why}
    for text in rules[0]["help"].values():
        assert SIZE.why in text
        assert SIZE.fix in text
        assert "good: 2" in text


def test_each_result_carries_its_fingerprint() -> None:
    result = judged(ERROR, WARNING, NOTE)
    marks = [found["partialFingerprints"] for found in run_of(result)["results"]]
    assert marks == [{"speckit/v1": mark} for mark in result.fingerprints]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a/b.json", "a/b.json"),
        ("a b.json", "a%20b.json"),
        ("100%.json", "100%25.json"),
        ("#1?x=y", "%231%3Fx%3Dy"),
        ("http://x", "http%3A//x"),
        ("naïve", "na%C3%AFve"),
        ("\udc80\udcff", "%80%FF"),
        ("new\nline", "new%0Aline"),
        ("back\\slash", "back%5Cslash"),
    ],
)
def test_a_path_is_a_uri_of_its_bytes(path: str, uri: str) -> None:
    (found,) = run_of(judged(SCHEMA.at(path, "x")))["results"]
    written = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert written == uri
    assert unquote_to_bytes(written) == to_bytes(path)


def test_the_repository_as_a_whole_is_its_root() -> None:
    (found,) = run_of(judged(SCHEMA.at(".", "x")))["results"]
    assert found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "./"


def test_quoted_content_makes_no_link() -> None:
    (found,) = run_of(judged(SCHEMA.at("a", "[click](https://example.invalid)")))["results"]
    assert found["message"]["text"] == "[click\\](https://example.invalid)"


def test_logs_of_different_commands_do_not_replace_each_other() -> None:
    ids = {run_of(judged(command=command))["automationDetails"]["id"] for command in ("lint", "consensus check")}
    assert ids == {"speckit/lint/", "speckit/consensus-check/"}
