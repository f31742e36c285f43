from __future__ import annotations

from typing import Any

import pytest

from guardrails.config import RecoverySettings
from guardrails.errors import GuardrailError
from guardrails.runs import (
    Done,
    HistoryRecord,
    KnownAttempt,
    RememberedAttempt,
    RunDecision,
    RunIntent,
    RunRequest,
    choose,
    latest_of,
)
from tests.runs.histories import Play, no, request, settled
from tests.runs.test_planner import always

OLD = request()
FRESH = OLD._replace(run="20260201T000000Z-00000000")
RUN = OLD.run


def left(history: list[HistoryRecord], end: Any, request_: RunRequest = OLD) -> RememberedAttempt:
    return RememberedAttempt(request_, tuple(history), end)


def halted(**changed: Any) -> RememberedAttempt:
    play = Play(OLD, always(settled("plan", "conflict")))
    return left([], None)._replace(end=play.run(), history=tuple(play.history))


def cut_off() -> RememberedAttempt:
    play = Play(OLD)
    play.run()
    return left(play.history[:7], None)


def decided(remembered: RememberedAttempt, open_: bool, **wish: Any) -> RunDecision:
    return choose(RunIntent(wish.pop("fresh", FRESH), **wish), KnownAttempt(RUN, 1, open_), remembered)


def test_without_a_run_there_is_a_new_one() -> None:
    assert choose(RunIntent(FRESH), None, None) == RunDecision("new", FRESH)


def test_after_a_completed_run_there_is_a_new_one() -> None:
    assert decided(left([], Done()), False).how == "new"


def test_what_was_cut_off_is_gone_on_with_as_it_is() -> None:
    chosen = decided(cut_off(), True)
    assert (chosen.how, chosen.request) == ("go on", OLD)
    assert decided(cut_off(), True, resume="").how == "go on"


@pytest.mark.parametrize(
    "changed",
    [
        {"config_sha256": "1" * 64},
        {"recovery": RecoverySettings(retries=3)},
        {"rosters": (("gemini",),) * 6},
    ],
)
def test_what_was_cut_off_goes_on_by_a_further_attempt_when_the_configuration_has_changed(changed: Any) -> None:
    chosen = decided(cut_off(), True, fresh=FRESH._replace(**changed))
    assert (chosen.how, chosen.request.run, chosen.request.attempt) == ("again", RUN, 2)
    for name, value in changed.items():
        assert getattr(chosen.request, name) == value
    assert chosen.history == cut_off().history


def test_what_was_allowed_holds_for_an_attempt_that_goes_on_and_not_for_a_further_one() -> None:
    lenient = OLD._replace(allow_degraded=True)
    assert decided(cut_off()._replace(request=lenient), True).request.allow_degraded
    assert not decided(halted()._replace(request=lenient), False, resume="").request.allow_degraded


def test_what_halted_is_taken_up_only_when_somebody_says_so() -> None:
    with pytest.raises(GuardrailError) as refused:
        decided(halted(), False)
    assert "halted at plan (conflict)" in refused.value.message
    assert "--resume" in str(refused.value.hint)
    assert decided(halted(), False, resume="").how == "again"
    assert decided(halted(), False, new=True).how == "new"


def test_what_halted_before_anybody_was_asked_has_cost_nothing_and_is_begun_anew() -> None:
    play = Play(OLD, opens={"plan": no("plan", "dirty-tree")})
    end = play.run()
    assert decided(left(play.history, end), False).how == "new"


@pytest.mark.parametrize(
    ("named", "changed"),
    [
        ("from", {"stages": ("tasks", "implement", "validate", "audit", "unlock")}),
        ("to", {"stages": ("plan",)}),
        ("profile", {"profile": "cheap"}),
    ],
)
def test_a_run_keeps_its_stages_and_its_profile(named: str, changed: Any) -> None:
    fresh = FRESH._replace(**changed, rosters=FRESH.rosters[: len(changed.get("stages", FRESH.stages))])
    with pytest.raises(GuardrailError):
        decided(cut_off(), True, fresh=fresh, named=frozenset({named}))
    with pytest.raises(GuardrailError):
        decided(halted(), False, resume="", fresh=fresh, named=frozenset({named}))


@pytest.mark.parametrize("remembered", [None, left([], Done())])
def test_there_must_be_something_to_resume(remembered: RememberedAttempt | None) -> None:
    with pytest.raises(GuardrailError):
        choose(RunIntent(FRESH, resume=""), KnownAttempt(RUN, 1, False) if remembered else None, remembered)


def test_the_latest_attempt_at_the_latest_run_is_meant_or_the_one_that_is_named() -> None:
    known = [
        KnownAttempt("b", 1, False),
        KnownAttempt("b", 2, True),
        KnownAttempt("a1", 1, False),
        KnownAttempt("a2", 1, False),
    ]
    assert latest_of(known, None) == KnownAttempt("b", 2, True)
    assert latest_of(known, "") == KnownAttempt("b", 2, True)
    assert latest_of(known, "a1") == KnownAttempt("a1", 1, False)
    for name in ("a", "c"):
        with pytest.raises(GuardrailError):
            latest_of(known, name)
