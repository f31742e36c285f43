"""No secret in what is reported, whichever check quotes it. Each is put together when the test runs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.checks.lint import UNKNOWN_STATUS
from guardrails.core import Examined, Problem, Result, Skipped, Source
from guardrails.reports.formats import FORMATS
from guardrails.secrets import MARK, Redactor
from tests.sandbox import Sandbox

TOKEN = "gh" + "p_" + "a1B2c3D4e5" * 3 + "f6G7h8"
VARIABLE = "HAL_SECRET_KAVEDARR_API_KEY"
VALUE = "kvd/9f8e7d6c+5b4a39281706"
REDACTOR = Redactor((VARIABLE,), {VARIABLE: VALUE})
SLACK = "https://hooks.slack.com" + "/services/T0001/B0002/" + "abcdefghijkl"
TABLE = "| Order | Task ID | Title | Status | PRD | Branch | PR | Notes |\n|---|---|---|---|---|---|---|---|\n"


def result(path: str = "a", message: str = "", hint: str | None = None, skipped: Skipped | None = None) -> Result:
    finding = UNKNOWN_STATUS.at(path, message, hint=hint)
    examined = Examined(1, 1, (skipped,) if skipped else ())
    return Result("lint", Source("worktree"), examined, (finding,), ("f/1",), "fail", 1)


def message(text: str) -> str:
    return REDACTOR.result(result(message=text)).findings[0].message


def test_a_result_without_secrets_is_the_same_result() -> None:
    clean = result("docs/a.json", "unknown status 'Doing'", "use one of Backlog, Done", Skipped("b", "a link"))
    assert REDACTOR.result(clean) is clean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"status '{TOKEN}' here", f"status '{MARK}' here", id="a token in quotes"),
        pytest.param(f"{TOKEN} and {TOKEN}", f"{MARK} and {MARK}", id="twice"),
        pytest.param(f"key={VALUE};", f"key={MARK};", id="the value of a variable"),
        pytest.param(f"see {SLACK}.", f"see {MARK}", id="an address that is a secret"),
        pytest.param("BEGIN RSA " + "PRIVATE KEY----- MIIEabc", MARK, id="a key and all that follows"),
        pytest.param(f"status '{TOKEN[:30]}...'", f"status '{MARK}...'", id="a token that was cut short"),
        pytest.param(f"status '{VALUE[:12]}...'", f"status '{MARK}...'", id="a value that was cut short"),
        pytest.param(f"hex {VALUE.encode().hex()[:20]}\n{VALUE.encode().hex()[20:]}", f"hex {MARK}", id="wrapped"),
        pytest.param(f"\ud800 {TOKEN} \udcff", f"\ud800 {MARK} \udcff", id="beside what is no text"),
        pytest.param(f"é{'0' * 32}-us1 on", f"{MARK} on", id="a token that its detector sees the end of"),
    ],
)
def test_a_secret_in_a_message_is_replaced(text: str, expected: str) -> None:
    assert message(text) == expected


def test_the_parts_of_a_path_that_are_no_secret_stay() -> None:
    assert REDACTOR.result(result(f"docs/{TOKEN}/plan.json")).findings[0].path == f"docs/{MARK}/plan.json"


def test_every_other_text_of_a_result_is_searched() -> None:
    full = result(hint=f"use {TOKEN}", skipped=Skipped(f"x/{TOKEN}", f"is {TOKEN}"))
    full = full._replace(problem=Problem(f"bad {TOKEN}", f"not {TOKEN}"), source=Source("commit", TOKEN))
    clean = REDACTOR.result(full)
    assert TOKEN not in repr(clean)
    assert repr(clean).count(MARK) == 6
    assert clean.fingerprints == full.fingerprints


def test_of_many_findings_only_those_with_a_secret_change() -> None:
    rows = tuple(
        UNKNOWN_STATUS.at(f"f{number}", f"status {TOKEN if number in (3, 70) else number}") for number in range(99)
    )
    clean = REDACTOR.result(result()._replace(findings=rows)).findings
    assert [number for number in range(99) if clean[number] != rows[number]] == [3, 70]


@given(st.text(), st.text(), st.sampled_from([TOKEN, VALUE]))
def test_whatever_is_around_it_a_secret_is_not_shown(before: str, after: str, secret: str) -> None:
    assert secret not in message(f"{before} {secret} {after}")


@given(st.recursive(st.none() | st.integers() | st.text("abc"), lambda each: st.lists(each) | st.tuples(each, each)))
def test_a_value_without_secrets_is_the_same_value(value: object) -> None:
    assert REDACTOR.value(value) is value


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("secret", [TOKEN, VALUE], ids=["a token", "the value of a variable"])
def test_no_format_shows_what_a_check_quotes(sandbox: Sandbox, style: str, secret: str) -> None:
    sandbox.write("SPEC.md", "# Tasks\n\n" + TABLE + f"| 1 | T1 | x | {secret} | | | | |\n")
    ran = sandbox.speckit("lint", "--format", style, HAL_SECRET_KAVEDARR_API_KEY=VALUE)
    assert ran.code == 1
    assert secret not in ran.out + ran.err
    assert MARK in ran.out


def test_what_is_wrong_with_a_configuration_is_said_without_the_secret(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", f"version: 1\nhal: {{mode: {TOKEN}}}\n")
    for arguments in (("lint", "--format", "json"), ("config",)):
        ran = sandbox.speckit(*arguments)
        assert ran.code == 2
        assert TOKEN not in ran.out + ran.err


@pytest.mark.parametrize("style", ["text", "json"])
def test_the_configuration_is_shown_without_secrets(sandbox: Sandbox, style: str) -> None:
    sandbox.write(".speckit.yaml", "version: 1\n" + json.dumps({"hal": {"mcp": ["npx", f"--key={TOKEN}"]}})[1:-1])
    ran = sandbox.speckit("config", "--format", style)
    assert ran.code == 0, ran
    assert TOKEN not in ran.out
    assert f"--key={MARK}" in ran.out
