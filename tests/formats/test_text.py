from __future__ import annotations

import re

import pytest

from guardrails.core import Result, Skipped, Source
from guardrails.reports.formats import Display
from guardrails.reports.formats.text import render
from tests.formats.samples import ERROR, NOTE, OUTCOMES, SCHEMA, WARNING, broken, judged


def test_a_pass_says_what_was_examined() -> None:
    assert render(judged(checked=12)) == "validate: pass: 12 of 12 checked in the index; 0 errors, 0 warnings\n"


def test_findings_come_with_place_code_severity_and_hint() -> None:
    assert render(judged(ERROR, WARNING, NOTE, checked=3)).splitlines() == [
        "docs/plan.json:3:9: TEL002 specId: 7 is not a string",
        "  hint: quote it",
        "docs/evidence: FPT001 warning: 16.0 MB of evidence",
        "docs/old.json:2: TEL002 note: an older form",
        "validate: fail: 3 of 3 checked in the index; 1 error, 1 warning, 1 note",
    ]


@pytest.mark.parametrize(
    ("source", "where"),
    [
        (Source("worktree"), "the working tree"),
        (Source("index"), "the index"),
        (Source("commit", "v1.0"), "commit v1.0"),
        (Source("range", "main..HEAD"), "the range main..HEAD"),
        (Source("push", "refs/heads/a, refs/heads/b"), "the push of refs/heads/a, refs/heads/b"),
        (Source("push"), "the push"),
        (Source("memory"), "memory"),
    ],
)
def test_the_last_line_names_the_source(source: Source, where: str) -> None:
    assert f"1 of 1 checked in {where};" in render(judged(source=source))


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("nothing examined", "validate: undecided: nothing to examine in the index; 0 errors, 0 warnings"),
        ("nothing there to examine", "validate: not-applicable: nothing to examine in the index; 0 errors, 0 warnings"),
        ("everything skipped", "validate: undecided: 0 of 2 checked in the index; 0 errors, 0 warnings"),
        ("a conflict", "validate: conflict: 1 of 1 checked in the index; 1 error, 0 warnings"),
        ("a missing tool", "guard: undecided: nothing was judged; 0 errors, 0 warnings"),
    ],
)
def test_the_last_line_says_the_verdict(name: str, last: str) -> None:
    assert render(OUTCOMES[name]).splitlines()[-1] == last


def test_where_nothing_was_examined_it_says_what_to_run_next() -> None:
    told = "  hint: 'speckit doctor' says what is looked for, and where"
    assert render(OUTCOMES["nothing examined"]).splitlines()[:-1] == [told]
    assert not any("doctor" in render(OUTCOMES[name]) for name in OUTCOMES if name != "nothing examined")


@pytest.mark.parametrize("code", [2, 3, 70])
def test_a_problem_is_an_error_with_its_hint(code: int) -> None:
    assert render(broken(code)).splitlines()[:2] == ["error: git is not installed", "hint: install git"]


SKIPPED = judged(
    skipped=(
        *(Skipped(f"link{number}", "a symlink") for number in range(3)),
        *(Skipped(f"big{number}", f"{number} bytes") for number in range(7)),
    )
)


def test_skipped_candidates_are_counted_by_reason_most_frequent_first() -> None:
    assert render(SKIPPED).splitlines() == [
        "  skipped 3: a symlink",
        *(f"  skipped 1: {number} bytes" for number in range(4)),
        "  skipped 3: other reasons (-v lists all)",
        "validate: pass: 1 of 11 checked in the index; 0 errors, 0 warnings",
    ]


def test_verbose_lists_every_skipped_candidate() -> None:
    lines = render(SKIPPED, Display(verbose=True)).splitlines()
    assert lines[0] == "  skipped link0: a symlink"
    assert len(lines) == 11


def test_notes_may_be_counted_without_being_shown() -> None:
    assert render(judged(NOTE), Display(notes=False)) == (
        "validate: pass: 1 of 1 checked in the index; 0 errors, 0 warnings, 1 note (-v shows notes)\n"
    )


def test_verbose_shows_notes_even_so() -> None:
    assert "TEL002 note:" in render(judged(NOTE), Display(notes=False, verbose=True))


def test_quiet_leaves_findings_and_hints_only() -> None:
    result = judged(ERROR, skipped=(Skipped("a", "a symlink"),))
    assert render(result, Display(quiet=True)).splitlines() == [
        "docs/plan.json:3:9: TEL002 specId: 7 is not a string",
        "  hint: quote it",
    ]


def test_a_quiet_pass_says_nothing() -> None:
    assert render(judged(), Display(quiet=True)) == ""


@pytest.mark.parametrize("name", [name for name, result in OUTCOMES.items() if result.verdict != "pass"])
def test_quiet_never_hides_that_a_verdict_is_no_pass(name: str) -> None:
    assert render(OUTCOMES[name], Display(quiet=True)) != ""


def _uncoloured(text: str) -> str:
    return re.sub(r"\x1b\[\d*m", "", text)


@pytest.mark.parametrize("result", OUTCOMES.values(), ids=OUTCOMES.keys())
def test_colour_changes_nothing_but_colour(result: Result) -> None:
    coloured = render(result, Display(color=True))
    assert "\x1b[" in coloured
    assert _uncoloured(coloured) == render(result)


@pytest.mark.parametrize(
    ("severity", "code"), [("error", "\x1b[31mTEL002"), ("warning", "\x1b[33mTEL002"), ("note", "\x1b[36mTEL002")]
)
def test_the_code_is_coloured_by_severity(severity: str, code: str) -> None:
    finding = SCHEMA.at("a", "b", severity=severity)  # type: ignore[arg-type]
    assert code in render(judged(finding), Display(color=True))


def test_a_column_without_a_line_is_left_out() -> None:
    assert render(judged(SCHEMA.at("a", "b", column=3))).startswith("a: TEL002 b\n")


def test_repository_content_stays_on_its_line() -> None:
    result = judged(SCHEMA.at("a\nb\udc80", "\x1b[2J\nvalidate: pass", hint="x\ny"))
    assert render(result).splitlines()[:2] == [r"a\nb\x80: TEL002 \x1b[2J\nvalidate: pass", r"  hint: x\ny"]
