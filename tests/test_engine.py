"""From observations to a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.config import Settings, Waiver
from guardrails.core import (
    RULE_FINDINGS,
    Checked,
    Finding,
    Observation,
    Result,
    Rule,
    RuleOutcome,
    Severity,
    Skipped,
    Source,
)
from guardrails.engine import Check, all_rules, runner
from guardrails.errors import GuardrailError, Undecidable
from guardrails.snapshot import CheckContext, MemorySnapshot, Scope
from tests.clock import NOW
from tests.examples import examples

EXAMPLES = examples(300)
CODES = {"conflict": 4, "degraded": 5, "hold": 1, "fail": 1, "undecided": 3}


def rule(outcome: RuleOutcome = "fail", severity: Severity = "error", code: str = "TRK004") -> Rule:
    return Rule(code, "test-rule", "s", "w", "e", "f", severity, outcome)


class Stub(Check):
    """A check that yields what it was given."""

    @property
    def run(self) -> Any:
        return lambda subject: iter(OBSERVATIONS)


OBSERVATIONS: list[Observation] = []
STUB = Stub("stub", "", "", ("TRK",), (), "")


def run(observations: Sequence[Observation], if_any: bool = False, subjects: int = 1, **config: Any) -> Result:
    OBSERVATIONS[:] = observations
    subject = CheckContext(MemorySnapshot({}), Settings(**config), NOW, Scope())
    return runner.run_checks("stub", [STUB], [subject] * subjects, if_any)


def test_something_examined_without_findings_passes() -> None:
    result = run([Checked("a")])
    assert (result.verdict, result.exit_code, result.examined.checked) == ("pass", 0, 1)


@pytest.mark.parametrize(("if_any", "verdict", "code"), [(False, "undecided", 3), (True, "not-applicable", 0)])
@pytest.mark.parametrize("observations", [[], [Skipped("a", "because")]], ids=["nothing", "all skipped"])
def test_nothing_examined_is_never_a_pass(
    observations: list[Observation], if_any: bool, verdict: str, code: int
) -> None:
    result = run(observations, if_any)
    assert (result.verdict, result.exit_code) == (verdict, code)


def test_no_subject_is_nothing_examined() -> None:
    assert run([Checked("a")], subjects=0).exit_code == 3
    assert run([Checked("a")], if_any=True, subjects=0).verdict == "not-applicable"


@pytest.mark.parametrize("outcome", get_args(RuleOutcome))
def test_the_outcome_of_an_error_decides(outcome: RuleOutcome) -> None:
    for if_any in (False, True):
        assert run([rule(outcome).at("a", "m"), Checked("a")], if_any).exit_code == CODES[outcome]
        assert run([rule(outcome).at("a", "m")], if_any).exit_code == CODES[outcome]


@pytest.mark.parametrize("severity", ["warning", "note"])
def test_warnings_and_notes_do_not_fail(severity: Severity) -> None:
    assert run([rule(severity=severity).at("a", "m"), Checked("a")]).exit_code == 0
    assert run([rule(severity=severity).at("a", "m")]).exit_code == 3


@given(
    st.lists(st.tuples(st.sampled_from(get_args(RuleOutcome)), st.sampled_from(get_args(Severity))), max_size=6),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=EXAMPLES)
def test_the_worst_wins_whatever_the_order(
    found: list[tuple[RuleOutcome, Severity]], checked: bool, if_any: bool
) -> None:
    observations: list[Observation] = [
        rule(outcome, severity).at("a", str(n)) for n, (outcome, severity) in enumerate(found)
    ]
    observations += [Checked("a")] if checked else []
    codes = {CODES[outcome] for outcome, severity in found if severity == "error"}
    expected = next((code for code in (4, 5, 1, 3) if code in codes), 0 if checked or if_any else 3)
    assert run(observations, if_any).exit_code == expected
    assert run(observations[::-1], if_any).exit_code == expected


def test_findings_are_sorted_and_said_once() -> None:
    first, second = rule().at("a", "m", line=2), rule().at("a", "m", line=10)
    result = run([second, first, second, Checked("a")])
    assert result.findings == (first, second)


def test_a_fingerprint_survives_line_moves_and_tells_twins_apart() -> None:
    one, other = rule().at("a", "m", line=1), rule().at("a", "m", line=2)
    moved = [finding._replace(line=(finding.line or 0) + 40) for finding in (one, other)]
    prints = runner.fingerprints([one, other])
    assert prints == runner.fingerprints(moved)
    assert len(set(prints)) == 2
    assert runner.fingerprints([rule().at("b", "m")]) != runner.fingerprints([rule().at("a", "m")])


def test_several_revisions_say_where_a_finding_stands() -> None:
    assert "[in memory]" in run([rule().at("a", "m"), Checked("a")], subjects=2).findings[0].message


def test_an_unreadable_file_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(subject: CheckContext) -> Iterator[Observation]:
        raise PermissionError(13, "Permission denied", "docs")
        yield Checked("never")

    monkeypatch.setattr(Stub, "run", lambda self, context: broken(context))
    result = run([])
    assert (result.verdict, result.exit_code) == ("undecided", 3)
    assert result.problem is not None
    assert result.problem.message == "docs: Permission denied"


def test_a_check_that_cannot_say_hides_nothing_that_another_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Check):
        @property
        def run(self) -> Any:
            def broken(subject: CheckContext) -> Iterator[Observation]:
                raise Undecidable("an object is missing")
                yield Checked("never")

            return broken

    other = Broken("broken", "", "", ("TRK",), (), "")
    for outcome, code in CODES.items():
        OBSERVATIONS[:] = [rule(outcome).at("a", "m"), Checked("a")]  # type: ignore[arg-type]
        result = runner.run_checks("guard", [other, STUB], [CheckContext(MemorySnapshot({}), Settings(), NOW)])
        assert (result.exit_code, result.problem is not None) == (code, True)
    OBSERVATIONS[:] = [Checked("a")]
    assert (
        runner.run_checks(
            "guard", [other, STUB], [CheckContext(MemorySnapshot({}), Settings(), NOW)], if_any=True
        ).exit_code
        == 3
    )


def test_checks_that_had_nothing_to_examine_are_named() -> None:
    OBSERVATIONS[:] = []
    assert run([]).idle == ("stub",)
    assert run([Checked("a")]).idle == ()


@pytest.mark.parametrize(("kind", "code"), [("index", 1), ("range", 1), ("push", 1), ("commit", 0), ("worktree", 0)])
def test_a_change_that_deletes_the_configuration_is_found(kind: Any, code: int) -> None:
    class Changed(MemorySnapshot):
        source = Source(kind)

    OBSERVATIONS[:] = [Checked("a")]
    before = MemorySnapshot({".speckit.yaml": b"version: 1"})
    result = runner.run_checks("stub", [STUB], [CheckContext(Changed({}, before), Settings(), NOW)])
    assert result.exit_code == code
    assert (
        runner.run_checks("stub", [STUB], [CheckContext(Changed({}, MemorySnapshot({})), Settings(), NOW)]).exit_code
        == 0
    )


# Waivers


def waiver(**changes: Any) -> Waiver:
    return Waiver(
        **{"rule": "TRK004", "path": "a", "reason": "imported rows", "expires": "2026-06-01", "line": 3, **changes}
    )


BAD: list[Observation] = [rule().at("a", "m"), Checked("a")]


def test_a_waived_finding_is_a_note_with_its_reason() -> None:
    result = run(BAD, waivers=(waiver(),), config_path=".speckit.yaml")
    assert result.exit_code == 0
    [finding] = result.findings
    assert finding.severity == "note"
    assert "imported rows" in finding.message


def test_an_expired_waiver_waives_nothing_and_is_an_error() -> None:
    result = run(BAD, waivers=(waiver(expires="2026-05-31"),), config_path=".speckit.yaml")
    assert [(finding.rule.code, finding.severity) for finding in result.findings] == [
        ("CFG001", "error"),
        ("TRK004", "error"),
    ]
    assert (result.findings[0].path, result.findings[0].line) == (".speckit.yaml", 3)


def test_an_unused_waiver_is_a_warning() -> None:
    result = run([Checked("a")], waivers=(waiver(),), config_path=".speckit.yaml")
    assert [(finding.rule.code, finding.severity) for finding in result.findings] == [("CFG002", "warning")]


@pytest.mark.parametrize("changes", [{"path": "b"}, {"path": "A"}, {"path": "a/"}, {"rule": "TRK001"}])
def test_a_waiver_matches_exactly(changes: dict[str, str]) -> None:
    assert run(BAD, waivers=(waiver(**changes),), config_path=".speckit.yaml").exit_code == 1


def test_waivers_of_rules_that_were_not_judged_are_left_alone() -> None:
    assert run([Checked("a")], waivers=(waiver(rule="TEL001"),), config_path=".speckit.yaml").findings == ()


@pytest.mark.parametrize("code", [rule.code for rule in all_rules() if rule.outcome != "fail"] + ["XXX999"])
def test_what_must_not_be_waived_is_refused(code: str) -> None:
    with pytest.raises(GuardrailError) as caught:
        run(BAD, waivers=(waiver(rule=code),), config_path=".speckit.yaml")
    assert caught.value.exit_code == 2
    assert ".speckit.yaml:3" in caught.value.message


def test_every_rule_has_its_own_code_and_name_and_all_its_texts() -> None:
    listed = all_rules()
    assert len({rule.code for rule in listed}) == len(listed) == len({rule.name for rule in listed})
    for each in listed:
        assert len(each.code) == 6
        assert each.code[:3].isupper()
        assert each.code[3:].isdigit()
        assert all((each.summary, each.why, each.example, each.fix)), each.code
        assert isinstance(each, Rule)
        assert isinstance(each.at("a", "m"), Finding)


def found(count: int, path: str = "a", severity: Severity = "error") -> list[Observation]:
    made = rule(severity=severity)
    return [Checked(path), *(made.at(path, f"m{number}", line=number) for number in range(1, count + 1))]


@pytest.mark.parametrize("count", [RULE_FINDINGS, RULE_FINDINGS + 1])
def test_findings_that_can_be_read_are_all_listed(count: int) -> None:
    assert [finding.line for finding in run(found(count)).findings] == list(range(1, count + 1))


def test_a_long_tail_is_counted_in_its_place() -> None:
    result = run([*found(10_000), *found(150, "a", "warning"), *found(3, "b")])
    assert (result.verdict, result.exit_code) == ("fail", 1)
    errors = [finding for finding in result.findings if finding.path == "a" and finding.severity == "error"]
    assert [finding.line for finding in errors] == list(range(1, RULE_FINDINGS + 2))
    assert "9900 more" in errors[-1].message
    assert "10000 in all" in errors[-1].message
    warnings = [finding for finding in result.findings if finding.severity == "warning"]
    assert len(warnings) == RULE_FINDINGS + 1
    assert "50 more" in warnings[-1].message
    assert sum(finding.path == "b" for finding in result.findings) == 3
    assert len(result.fingerprints) == len(result.findings)


@pytest.mark.parametrize("outcome", get_args(RuleOutcome))
def test_what_is_not_listed_decides_all_the_same(outcome: RuleOutcome) -> None:
    made = rule(outcome)
    assert run([made.at("a", str(number)) for number in range(500)]).exit_code == CODES[outcome]
