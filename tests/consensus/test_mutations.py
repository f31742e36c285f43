"""From bundles that are ok, every way to spoil one gives a verdict that is not ok."""

from __future__ import annotations

import random
from datetime import datetime, timezone

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from guardrails.config import STAGES
from tests.consensus.builder import CONFLICT, STYLES, Bundle, codes, judge, reseal, said, settings
from tests.consensus.mutations import MUTATIONS, OF_SETTLED, OF_VERDICT, Mutation
from tests.examples import examples

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="$"), min_size=1, max_size=40).filter(
    lambda text: any(map(str.isalnum, text))
)
SENTENCES = st.builds("agreed: {}".format, WORDS)
AGENTS = st.sampled_from(("gemini", "claude", "gpt_pro", "gpt_codex", "code", "kimi"))
BUNDLES = st.builds(
    Bundle,
    spec=st.sampled_from(("SPEC-KIT-DEMO", "SPEC-102", "SPEC-KIT-900", "A-1")),
    stage=st.sampled_from(STAGES),
    roster=st.lists(AGENTS, min_size=2, max_size=4, unique=True),
    moment=st.datetimes(datetime(2024, 1, 1), datetime(2026, 2, 1)).map(
        lambda when: when.replace(microsecond=0, hour=when.hour % 20, tzinfo=timezone.utc)
    ),
    style=st.sampled_from(STYLES),
    session=st.from_regex(r"[0-9a-f]{2,12}", fullmatch=True),
    agreements=st.lists(SENTENCES, min_size=1, max_size=4),
    settled=st.just(()),
    proceed=st.just(True),
    method=st.just("ballot"),
    with_verdict=st.booleans(),
    text=WORDS,
)
SETTLED = st.builds(
    lambda bundle, texts: bundle._replace(settled=texts),
    BUNDLES,
    st.lists(st.builds("at odds: {}".format, WORDS), min_size=1, max_size=3),
)
WITH_VERDICT = BUNDLES.map(lambda bundle: bundle._replace(with_verdict=True))
few = hypothesis_settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow])
many = hypothesis_settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(st.one_of(BUNDLES, SETTLED))
@many
def test_a_bundle_that_nobody_touched_is_ok(bundle: Bundle) -> None:
    result = judge(bundle.files, settings(bundle.roster, bundle.stage))
    assert (result.verdict, codes(result, "warning")) == ("pass", []), said(result)
    assert result.examined.checked == result.examined.candidates


@given(st.one_of(BUNDLES, SETTLED), st.randoms(use_true_random=False))
@few
def test_judging_again_or_in_another_order_changes_nothing(bundle: Bundle, chance: random.Random) -> None:
    files, using = MUTATIONS["an agent is dropped"](bundle, bundle.files), settings(bundle.roster, bundle.stage)
    shuffled = list(files.items())
    chance.shuffle(shuffled)
    assert judge(files, using) == judge(files, using) == judge(dict(shuffled), using)


def spoiled(bundle: Bundle, mutate: Mutation) -> None:
    files = mutate(bundle, bundle.files)
    assert files != bundle.files
    result = judge(files, settings(bundle.roster, bundle.stage))
    assert result.verdict != "pass", said(result)
    assert result.exit_code in (1, 3, 4, 5)


@pytest.mark.parametrize("name", MUTATIONS)
@given(bundle=BUNDLES)
@few
def test_never_ok_when(name: str, bundle: Bundle) -> None:
    spoiled(bundle, MUTATIONS[name])


@pytest.mark.parametrize("name", [name for name in MUTATIONS if name != "the synthesis lacks its outputs"])
@given(bundle=WITH_VERDICT)
@few
def test_never_ok_even_when_the_digests_of_the_outputs_were_made_to_fit(name: str, bundle: Bundle) -> None:
    mutate = MUTATIONS[name]
    spoiled(bundle, lambda bundle, files: reseal(bundle, mutate(bundle, files)))


@pytest.mark.parametrize("name", OF_VERDICT)
@given(bundle=WITH_VERDICT)
@few
def test_never_ok_when_the_verdict_file_is_spoiled(name: str, bundle: Bundle) -> None:
    spoiled(bundle, OF_VERDICT[name])


@pytest.mark.parametrize("name", OF_SETTLED)
@given(bundle=SETTLED)
@few
def test_never_ok_with_a_conflict_that_is_not_settled(name: str, bundle: Bundle) -> None:
    spoiled(bundle, OF_SETTLED[name])


@given(BUNDLES, st.lists(st.sampled_from(list(MUTATIONS.values())), min_size=2, max_size=2, unique=True))
@few
def test_two_wrongs_make_no_right(bundle: Bundle, both: list[Mutation]) -> None:
    files = bundle.files
    for mutate in both:
        try:
            files = mutate(bundle, files)
        except (KeyError, ValueError, AttributeError, TypeError, IndexError):
            return  # the first left nothing the second could spoil
    assert judge(files, settings(bundle.roster, bundle.stage)).verdict != "pass"


def test_a_conflict_in_the_words_of_another_bundle_is_settled_by_its_own_record_only() -> None:
    bundle = Bundle(settled=(CONFLICT, "another one"))
    assert judge(bundle.files).verdict == "pass"
    one = {path: data for path, data in bundle.files.items() if "T230000Z" not in path}
    assert codes(judge(one)) == ["CON001"]
