from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.services.memory import MemoryStore, Query, plain, understand
from guardrails.services.memory.query import LONGEST, MOST
from tests.examples import examples
from tests.services.memory.makers import LAYOUT, found, note, store_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", Query(everything=True), id="nothing asks for everything"),
        pytest.param(" \t\n", Query(everything=True), id="blanks do, too"),
        pytest.param("clock drift", Query(("clock", "drift")), id="words"),
        pytest.param("clock clock", Query(("clock",)), id="a word twice"),
        pytest.param('"clock drift" risk', Query(("clock drift", "risk")), id="a phrase"),
        pytest.param("stage:plan risk", Query(("risk",), ("stage:plan",)), id="a tag and a word"),
        pytest.param('"stage:plan"', Query(("stage:plan",)), id="a tag in quotes is text"),
        pytest.param("spec:SPEC-KIT-900-slug", Query((), ("spec:SPEC-KIT-900",)), id="a tag in its one form"),
        pytest.param('clock "drift of', Query(("clock", "drift of")), id="a quote that is not closed"),
        pytest.param('clock"', Query(("clock",)), id="a quote at the end"),
        pytest.param('a"b"c', Query(("a", "b", "c")), id="quotes within a word"),
        pytest.param("a AND b OR NOT c", Query(("a", "AND", "b", "OR", "NOT", "c")), id="operators are words"),
        pytest.param("* - ^ +", Query(), id="signs alone find nothing"),
        pytest.param('""', Query(), id="an empty phrase finds nothing"),
        pytest.param("risk *", Query(("risk",)), id="signs beside a word do not count"),
        pytest.param("https://example.invalid/a", Query(("https://example.invalid/a",)), id="an address is text"),
        pytest.param("a\0b", Query(("a", "b")), id="NUL parts words"),
    ],
)
def test_what_is_understood(text: str, expected: Query) -> None:
    assert understand(text, LAYOUT) == expected


def test_only_signs_find_nothing_and_no_words_everything() -> None:
    assert understand("***", LAYOUT).nothing
    assert not understand("", LAYOUT).nothing
    assert not understand("stage:plan", LAYOUT).nothing


class TestLong:
    @pytest.mark.parametrize("text", ["a" * 10_000_000, '"' * 10_000_000, "ab " * 3_000_000, "a:b " * 2_500_000])
    def test_ten_megabytes_are_cut_and_it_is_said(self, text: str) -> None:
        query = understand(text, LAYOUT)
        assert query.cut
        assert sum(map(len, query.terms)) <= LONGEST

    def test_tags_are_the_last_to_go(self) -> None:
        query = understand(" ".join(map(str, range(MOST + 5))) + " stage:plan", LAYOUT)
        assert query.tags == ("stage:plan",)
        assert len(query.terms) == MOST - 1
        assert query.cut

    def test_as_much_as_is_looked_for_is_not_cut(self) -> None:
        assert not understand(" ".join(map(str, range(MOST))), LAYOUT).cut


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> MemoryStore:
    made = store_in(tmp_path_factory.mktemp("query"))
    made.add([note("Clock drift is near", "stage:plan", "spec:SPEC-KIT-900"), note("Größe zählt", "stage:tasks")])
    return made


HOSTILE = [
    *('foo"', '"', '""', '"""', "*", "clock*", "NEAR(", "NEAR(clock drift, 1)", "-x", "--", "^clock", "text:clock"),
    *("{text marks}:clock", "marks:x", "clock AND", "OR", "NOT", "(", ")", "clock + drift", "clock:", ":", "'", "\\"),
    *("\0", "clock\0drift", 'a"b\0"c', "\ud800", "clock\udcff", "\u202e", "\x1b[31m", "%", "_", ";", "--; DROP TABLE"),
    *("x" * 70_000, '"' * 70_000, "clock " * 70_000, "🦖", "ß", "e\u0301", "\u0301", "۳", "²"),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_is_typed_is_a_syntax_error(store: MemoryStore, text: str) -> None:
    for query in (text, text + " stage:plan", "clock " + text, f'"{text}"'):
        assert {*found(store, query)} <= {"Clock drift is near", "Größe zählt"}
    assert "Größe zählt" not in found(store, "clock " + text), "every word has to be there"
    assert "Größe zählt" not in found(store, text + " stage:plan"), "and every tag"


@settings(max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80) | st.text('ab"*():^+-\0 NEARORDT{}', max_size=40))
def test_any_text_is_understood_and_searched(store: MemoryStore, text: str) -> None:
    query = understand(text, LAYOUT)
    assert query.everything == (not text.strip())
    store.search(query)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.text("abcdefgh", min_size=1, max_size=8), min_size=1, max_size=6))
def test_a_text_is_found_by_its_words_and_as_a_phrase(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    made = store_in(tmp_path_factory.mktemp("words"))
    text = " ".join(words)
    made.add([note(text, "stage:plan"), note("zzz")])
    assert found(made, " ".join(reversed(words))) == [text]
    assert found(made, f'"{text}" stage:plan') == [text]
    assert found(made, f"{text} zzz") == []


@given(st.text(max_size=200))
def test_what_is_kept_is_what_utf8_holds(text: str) -> None:
    kept = plain(text)
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert "\0" not in kept
    assert "\r" not in kept


class TestMatching:
    @pytest.mark.parametrize(
        "text", ["clock", "CLOCK", "drift clock", '"clock drift"', "stage:plan", "near stage:plan"]
    )
    def test_finds(self, store: MemoryStore, text: str) -> None:
        assert found(store, text) == ["Clock drift is near"]

    def test_accents_do_not_matter(self, store: MemoryStore) -> None:
        assert found(store, "große zahlt") == ["Größe zählt"]

    @pytest.mark.parametrize(
        "text",
        ["cloc", '"drift clock"', "stage:Plan2", "stage:pla", "spec:SPEC-KIT-90", "spec:SPEC-KIT-9001", "clock größe"],
    )
    def test_does_not_find(self, store: MemoryStore, text: str) -> None:
        assert found(store, text) == []

    def test_a_tag_is_not_found_as_text_nor_text_as_a_tag(self, store: MemoryStore, tmp_path: Path) -> None:
        assert found(store, '"stage:plan"') == []
        made = store_in(tmp_path)
        made.add([note("see stage:plan")])
        assert found(made, "stage:plan") == []
        assert found(made, '"stage:plan"') == ["see stage:plan"]
