from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from guardrails.errors import GuardrailError
from guardrails.services.memory import MOST_TAGS, MemorySource, entry, show
from guardrails.services.memory.entries import LONGEST
from tests.services.memory.makers import MOMENT, found, note, search, store_in

ONE, TWO = MemorySource("a.json", "0a" * 32), MemorySource("b.json", "0b" * 32)


class TestOnce:
    def test_what_is_added_again_is_known(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        first = store.add([note("x", "stage:plan", source=ONE), note("y")])
        again = store.add([note("y", importance=9, day=2), note("x", "stage:plan", source=ONE), note("z")])
        assert [(kept.memory.id, kept.new) for kept in first] == [(1, True), (2, True)]
        assert [(kept.memory.id, kept.new) for kept in again] == [(2, False), (1, False), (3, True)]
        assert again[0].memory == first[1].memory

    def test_another_source_other_tags_or_another_text_is_another(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add([note("x", "stage:plan", source=ONE)])
        others = [note("x", "stage:plan", source=TWO), note("x", source=ONE), note("y", "stage:plan", source=ONE)]
        assert all(kept.new for kept in store.add([*others, note("x", "stage:plan")]))

    def test_the_name_of_the_source_does_not_matter_only_its_bytes(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add([note("x", source=ONE)])
        assert not store.add([note("x", source=ONE._replace(path="moved.json"))])[0].new

    def test_the_order_of_tags_does_not_matter(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add([note("x", "b:1", "a:1")])
        assert not store.add([note("x", "a:1", "b:1", "a:1")])[0].new

    def test_all_of_a_call_or_none(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        broken = note("y")._replace(importance=11)
        with pytest.raises(GuardrailError):
            store.add([note("x"), broken])
        assert found(store, "") == []


class TestOrder:
    def test_the_most_important_then_the_best_match_then_the_newest(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add(
            [
                note("risk and many other words that have nothing to do with it", importance=8),
                note("risk risk", importance=8),
                note("risk", "a:0", importance=9, day=1),
                note("risk", "a:1", importance=9, day=3),
                note("risk", "a:2", importance=9, day=2),
                note("risk risk risk", importance=3),
            ]
        )
        hits = search(store, "risk")
        assert [hit.importance for hit in hits] == [9, 9, 9, 8, 8, 3]
        assert [hit.created[:10] for hit in hits[:3]] == ["2026-01-03", "2026-01-02", "2026-01-01"]
        assert hits[3].text == "risk risk"

    def test_tags_do_not_weigh(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add([note("storage", "a:1", day=2), note("storage", "a:1", day=1)])
        assert [hit.created[:10] for hit in search(store, "a:1")] == ["2026-01-02"]

    def test_everything_has_the_same_order(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add([note("a", importance=2), note("b", importance=9), note("c", importance=9, day=2)])
        assert found(store, "") == ["c", "b", "a"]

    @pytest.mark.parametrize("text", ["", "word", "a:1"])
    def test_limits(self, tmp_path: Path, text: str) -> None:
        store = store_in(tmp_path)
        store.add(note(f"word {number}", "a:1", importance=number) for number in range(1, 11))
        assert len(search(store, text)) == 10
        assert [hit.importance for hit in search(store, text, limit=3)] == [10, 9, 8]
        assert [hit.importance for hit in search(store, text, least=8)] == [10, 9, 8]
        assert search(store, f"{text} importance:8")[0].importance == 8
        assert len(search(store, f"{text} importance:8")) == 1


class TestKept:
    def test_comes_back_as_it_was(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        offset = timezone(timedelta(hours=2))
        text = "first\n\tsecond 'quoted' \"twice\" ${x} \N{SNOWMAN}"
        kept = store.add([entry(text, ["b:2", "a:1"], 7, datetime(2026, 1, 31, 11, 30, 5, 999, offset), ONE)])[0].memory
        assert search(store, "second") == (kept,)
        assert kept.text == text
        assert kept.tags == ("a:1", "b:2")
        assert (kept.importance, kept.created, kept.source) == (7, "2026-01-31T09:30:05Z", ONE)

    def test_without_a_time_it_is_now(self, tmp_path: Path) -> None:
        before = datetime.now(timezone.utc).replace(microsecond=0)
        created = store_in(tmp_path).add([entry("x", [], 5)])[0].memory.created
        assert before <= datetime.fromisoformat(created.replace("Z", "+00:00")) <= datetime.now(timezone.utc)

    @pytest.mark.parametrize("year", [1, 999, 9999])
    def test_a_strange_year_still_sorts(self, tmp_path: Path, year: int) -> None:
        when = MOMENT.replace(year=year)
        assert store_in(tmp_path).add([entry("x", [], 5, when)])[0].memory.created == f"{year:04}-01-31T09:30:00Z"

    def test_bytes_that_are_not_utf8_and_nul_do_not_get_in(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add([entry("a\0b \udcff end\r\n", [], 5)])
        assert found(store, "end") == ["a\N{REPLACEMENT CHARACTER}b \\xff end"]

    def test_the_index_agrees_with_what_is_kept(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add(note(f"text {number}", f"n:{number}") for number in range(50))
        with sqlite3.connect(store.path) as connection:
            connection.execute("INSERT INTO memory_index (memory_index, rank) VALUES ('integrity-check', 1)")
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    def test_nothing_is_left_beside_the_database(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add([note("x")])
        found(store, "x")
        assert [path.name for path in tmp_path.iterdir()] == ["memory.db"]


class TestRefused:
    @pytest.mark.parametrize("text", ["", " ", "\r\n"])
    def test_no_text(self, text: str) -> None:
        with pytest.raises(GuardrailError, match="no text"):
            entry(text, [], 5)

    def test_too_long_a_text(self) -> None:
        entry("x" * LONGEST, [], 5)
        with pytest.raises(GuardrailError, match="too long"):
            entry("x" * (LONGEST + 1), [], 5)

    def test_too_many_tags(self) -> None:
        entry("x", [f"n:{number}" for number in range(MOST_TAGS)], 5)
        with pytest.raises(GuardrailError, match="too many"):
            entry("x", [f"n:{number}" for number in range(MOST_TAGS + 1)], 5)

    @pytest.mark.parametrize("importance", [0, 11, -1])
    def test_an_importance_that_does_not_exist(self, importance: int) -> None:
        with pytest.raises(GuardrailError, match="does not exist"):
            entry("x", [], importance)


class TestExcerpt:
    def test_a_short_text_is_shown_whole_on_one_line(self) -> None:
        assert show.excerpt("a\n  b\tc", ()) == "a b c"

    def test_a_long_one_around_what_was_found(self) -> None:
        text = "before " * 100 + "the Needle here" + " after" * 100
        shown = show.excerpt(text, ("absent", "needle"))
        assert "the Needle here" in shown
        assert shown.startswith("... ")
        assert shown.endswith(" ...")
        assert len(shown) <= 310

    def test_from_its_beginning_where_nothing_is_found_as_written(self) -> None:
        assert show.excerpt("Größe " * 100, ("grosse",)).startswith("Größe Größe")
