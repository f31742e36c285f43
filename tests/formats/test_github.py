from __future__ import annotations

import pytest

from guardrails.core import Result
from guardrails.reports.formats import LIMIT, text
from guardrails.reports.formats.github import LONGEST, render
from tests.formats.runner import obeyed
from tests.formats.samples import ERROR, NASTY, NOTE, OUTCOMES, SCHEMA, WARNING, broken, hostile, judged


def test_a_pass_gives_no_annotation_but_the_report() -> None:
    output = render(judged(checked=12))
    assert obeyed(output) == []
    assert "validate: pass: 12 of 12 checked in the index" in output


def test_each_severity_has_its_command_and_errors_come_first() -> None:
    commands = obeyed(render(judged(NOTE, WARNING, ERROR)))
    assert [command.name for command in commands] == ["error", "warning", "notice"]
    assert commands[0].properties == {
        "file": "docs/plan.json",
        "line": "3",
        "col": "9",
        "title": "TEL002 telemetry-schema",
    }
    assert commands[0].message == "specId: 7 is not a string\nhint: quote it"


def test_what_is_not_known_is_left_out() -> None:
    (command,) = obeyed(render(judged(SCHEMA.at("a", "b", column=3))))
    assert command.properties == {"file": "a", "title": "TEL002 telemetry-schema"}


def test_the_repository_as_a_whole_is_no_file() -> None:
    (command,) = obeyed(render(judged(SCHEMA.at(".", "b"))))
    assert "file" not in command.properties


@pytest.mark.parametrize("path", ["a b.json", "100%.json", "a:b,c=d.json", "#1.json", "%0A.json", "漢字.json"])
def test_a_path_reaches_github_as_it_is(path: str) -> None:
    (command,) = obeyed(render(judged(SCHEMA.at(path, "x", line=1))))
    assert command.properties["file"] == path
    assert command.properties["line"] == "1"


def test_the_message_keeps_percent_signs() -> None:
    (command,) = obeyed(render(judged(SCHEMA.at("a", "100% %0A %25, a: b"))))
    assert command.message == "100% %0A %25, a: b"


def _many(count: int) -> Result:
    errors = [SCHEMA.at("a", f"error {number}", line=number + 1) for number in range(count)]
    return judged(*errors, *(WARNING for _ in range(LIMIT + 1)), NOTE)


def test_ten_errors_are_shown_without_a_remark() -> None:
    errors = [command for command in obeyed(render(_many(LIMIT))) if command.name == "error"]
    assert len(errors) == LIMIT
    assert not any("more" in error.message for error in errors)


def test_more_than_ten_are_announced_in_the_tenth_and_stand_in_the_log() -> None:
    output = render(_many(LIMIT + 13))
    commands = obeyed(output)
    names = [command.name for command in commands]
    assert (names.count("error"), names.count("warning"), names.count("notice")) == (LIMIT, LIMIT, 1)
    assert commands[LIMIT - 1].message == "error 9\n13 more errors not shown here; the log has all"
    assert commands[2 * LIMIT - 1].message.endswith("\n1 more warning not shown here; the log has all")
    assert "a:23: TEL002 error 22\n" in output


@pytest.mark.parametrize("code", [2, 3, 70])
def test_a_problem_is_an_annotation_of_its_own(code: int) -> None:
    (command,) = obeyed(render(broken(code)))
    assert command == ("error", {"title": "speckit guard"}, "git is not installed\nhint: install git")


def test_a_long_message_is_cut_in_the_annotation_and_whole_in_the_log() -> None:
    output = render(judged(SCHEMA.at("a", "")._replace(message="x" * 100_000), *(ERROR for _ in range(LIMIT))))
    assert obeyed(output)[0].message == "x" * (LONGEST - 3) + "..."
    assert "x" * 100_000 in output


@pytest.mark.parametrize("result", OUTCOMES.values(), ids=OUTCOMES.keys())
def test_the_log_has_the_whole_text_report(result: Result) -> None:
    assert text.render(result) in render(result)


@pytest.mark.parametrize("content", NASTY, ids=ascii)
def test_repository_content_gives_no_command(content: str) -> None:
    result = hostile(content)
    assert [command.name for command in obeyed(render(result))] == ["error", "warning", "notice"]


@pytest.mark.parametrize("path", ["::set-output name=a::b", "  ::error::x", "##[add-mask]secret", "###[error]"])
def test_a_path_that_looks_like_a_command_is_only_printed(path: str) -> None:
    output = render(judged(SCHEMA.at(path, "x")))
    assert [command.name for command in obeyed(output)] == ["error"]
    assert "##[" not in output


def test_a_report_cannot_hold_the_token_that_ends_it() -> None:
    first = render(judged(ERROR))
    token = first.split("::stop-commands::")[1].split("\n")[0]
    output = render(judged(SCHEMA.at(f"::{token}::", f"::{token}::")))
    assert [command.name for command in obeyed(output)] == ["error"]
    assert f"::stop-commands::{token}\n" not in output
