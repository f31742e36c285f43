from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from guardrails import __version__
from guardrails.checks.validate import RULES as TELEMETRY_RULES
from guardrails.core import CheckVerdict, Examined, Problem, Result, Skipped, Source, load_schema
from guardrails.reports.formats.json import render
from tests.formats.samples import ERROR, OUTCOMES, SCHEMA, WARNING, broken, judged

RESULT_SCHEMA = load_schema("result")
VALIDATOR = Draft202012Validator(RESULT_SCHEMA)


@pytest.mark.parametrize("result", OUTCOMES.values(), ids=OUTCOMES.keys())
def test_every_outcome_gives_a_document_of_the_schema(result: Result) -> None:
    document = json.loads(render(result))
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []
    assert document["verdict"] == result.verdict
    assert document["exit_code"] == result.exit_code
    assert undocumented(document, RESULT_SCHEMA) == []


def undocumented(value: Any, schema: Any) -> list[str]:
    """Keys of objects that the schema does not name: it is open for readers, not for us."""
    schema = RESULT_SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if isinstance(value, list):
        return [key for item in value for key in undocumented(item, schema["items"])]
    if not isinstance(value, dict):
        return []
    known = schema["properties"]
    deeper = [found for key in value.keys() & known.keys() for found in undocumented(value[key], known[key])]
    return sorted(value.keys() - known.keys()) + deeper


def test_the_document_is_the_contracts() -> None:
    result = judged(ERROR, WARNING, checked=2, skipped=(Skipped("link", "a symlink"),), source=Source("commit", "v1"))
    document = json.loads(render(result))
    assert document["tool"] == {"name": "speckit", "version": __version__}
    assert document["source"] == {"kind": "commit", "rev": "v1"}
    assert document["examined"] == {
        "candidates": 3,
        "checked": 2,
        "skipped": [{"path": "link", "reason": "a symlink"}],
    }
    assert document["summary"] == {"error": 1, "warning": 1, "note": 0}
    assert document["findings"][0] == {
        "rule": "TEL002",
        "name": "telemetry-schema",
        "severity": "error",
        "path": "docs/plan.json",
        "line": 3,
        "column": 9,
        "message": "specId: 7 is not a string",
        "hint": "quote it",
        "spec": "SPEC-A",
        "stage": None,
        "fingerprint": result.fingerprints[0],
    }
    assert document["problem"] is None


def test_a_problem_explains_itself() -> None:
    assert json.loads(render(broken(2)))["problem"] == {"message": "git is not installed", "hint": "install git"}


def test_control_characters_survive_for_programs_and_are_escapes_in_the_text() -> None:
    message = "\x1b[31m\n\x7f\x9b\u202e\u2028\U000e0041 漢字"
    text = render(judged(SCHEMA.at("a", message)))
    assert json.loads(text)["findings"][0]["message"] == message
    assert "漢字" in text
    assert not set("\x1b\x7f\x9b\u202e\u2028\U000e0041") & set(text)


def test_bytes_that_are_not_utf8_are_shown_and_strict_parsers_accept_them() -> None:
    text = render(judged(SCHEMA.at("a\udc80\\", "\ud800"), skipped=(Skipped("b\udcff", "x"),)))
    document = orjson.loads(text.encode("utf-8"))
    assert document["findings"][0]["path"] == "a\\x80\\"
    assert document["findings"][0]["message"] == "\\ud800"
    assert document["examined"]["skipped"][0]["path"] == "b\\xff"


def test_the_schema_says_who_it_is() -> None:
    Draft202012Validator.check_schema(RESULT_SCHEMA)
    assert RESULT_SCHEMA["$id"] == "urn:speckit-guardrails:result"
    assert RESULT_SCHEMA["title"]
    assert len(RESULT_SCHEMA["examples"]) == 2


@pytest.mark.parametrize("example", RESULT_SCHEMA["examples"], ids=lambda example: example["command"])
def test_each_example_is_what_the_reporter_writes(example: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(example)
    rules = {rule.code: rule for rule in TELEMETRY_RULES}
    findings = [
        rules[found["rule"]].at(found["path"], found["message"], **{key: found[key] for key in OPTIONAL})
        for found in example["findings"]
    ]
    seen = example["examined"]
    skipped = tuple(Skipped(**skip) for skip in seen["skipped"])
    result = Result(
        example["command"],
        Source(**example["source"]),
        Examined(seen["candidates"], seen["checked"], skipped),
        tuple(findings),
        tuple(found["fingerprint"] for found in example["findings"]),
        example["verdict"],
        example["exit_code"],
        example["problem"] and Problem(**example["problem"]),
        tuple(CheckVerdict(**check) for check in example["checks"]),
    )
    written = json.loads(render(result))
    assert written | {"tool": example["tool"]} == example


OPTIONAL = ("line", "column", "hint", "severity", "spec", "stage")


def _changed(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render(judged(checked=2)))
    return document | changes


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(_changed(verdict="ok"), id="a verdict nobody knows"),
        pytest.param(_changed(exit_code=130), id="an exit code without a document"),
        pytest.param(_changed(schema="speckit.result/2"), id="another version"),
        pytest.param(_changed(examined={"candidates": 2, "checked": 2}), id="silence about what was skipped"),
        pytest.param(
            _changed(examined={"candidates": 0, "checked": 0, "skipped": []}), id="a pass without examination"
        ),
        pytest.param(_changed(summary={"error": 1, "warning": 0, "note": 0}), id="a pass with an error"),
        pytest.param(_changed(problem={"message": "x", "hint": None}), id="a pass with a problem"),
        pytest.param(_changed(verdict="not-applicable"), id="not-applicable though something was examined"),
        pytest.param(_changed(verdict="undecided", exit_code=2), id="a usage error that does not explain itself"),
        pytest.param(_changed(findings=[{"rule": "TEL002"}]), id="half a finding"),
    ],
)
def test_the_schema_refuses(document: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(document)
