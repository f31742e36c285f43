from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.secrets import MARGIN, MOST, Scan, added, distinct, scan_all, scan_stream, secret_values
from tests.examples import examples

TOKEN = b"gh" + b"p_" + b"a1B2c3D4e5" * 3 + b"f6G7h8"
OTHER = b"gh" + b"p_" + b"z9Y8x7W6v5" * 3 + b"u4T3s2"
NEEDLES = secret_values(("KEY",), {"KEY": "hunter2-hunter2"}).needles


def places(*chunks: bytes) -> list[tuple[int, int]]:
    return [(hit.line, hit.column) for hit in scan_stream(chunks, NEEDLES).hits]


class TestWhere:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            pytest.param(b"", [], id="nothing"),
            pytest.param(TOKEN, [(1, 1)], id="the whole text"),
            pytest.param(b"a\nb = " + TOKEN + b"\n", [(2, 5)], id="on the second line"),
            pytest.param(b"a\r\nb = " + TOKEN + b"\r\n", [(2, 5)], id="with CRLF"),
            pytest.param("é = ".encode() + TOKEN, [(1, 5)], id="columns are characters"),
            pytest.param(b"\xff\xfe " + TOKEN, [(1, 4)], id="after bytes that are not UTF-8"),
            pytest.param(TOKEN + b"\n" + TOKEN, [(1, 1), (2, 1)], id="twice"),
            pytest.param(TOKEN + b" " + OTHER, [(1, 1), (1, 42)], id="two on a line"),
        ],
    )
    def test_line_and_column(self, data: bytes, expected: list[tuple[int, int]]) -> None:
        assert places(data) == expected

    def test_the_line_of_a_token_in_utf_16(self) -> None:
        text = "first\n\nkey = " + TOKEN.decode() + "\n"
        assert [hit.line for hit in scan_stream([text.encode("utf-16")], ()).hits] == [3]

    def test_the_line_where_a_wrapped_value_begins(self) -> None:
        assert places(b"a\nb\nx aHVudGVyMi\n1odW50ZXIy\n") == [(3, 3)]

    def test_a_wrapped_value_beside_one_that_is_not(self) -> None:
        assert places(b"aHVudGVyMi1odW50ZXIy\nb\nx aHVudGVyMi\\n1odW50ZXIy\n") == [(1, 1), (3, 3)]


class TestStreams:
    @settings(max_examples=examples(60), deadline=None)
    @given(
        st.lists(st.integers(0, 300_000), max_size=4, unique=True),
        st.lists(st.integers(1, 200_000), min_size=1, max_size=8),
    )
    def test_how_a_stream_is_cut_changes_nothing(self, tokens: list[int], cuts: list[int]) -> None:
        text = bytearray(b"some words and no secret, 79 letters wide; " * 9000)
        for number, at in enumerate(sorted(tokens)):
            text[at : at + len(TOKEN) + 2] = b" " + (TOKEN if number % 2 else OTHER) + b"\n"
        data = bytes(text)
        chunks, start = [], 0
        for cut in cuts:
            chunks.append(data[start : start + cut])
            start += cut
        chunks.append(data[start:])
        assert places(*chunks) == places(data)

    def test_a_token_across_two_chunks(self) -> None:
        filler = b"x y\n" * MARGIN
        data = filler + TOKEN + b"\n" + filler
        for cut in range(len(filler) - 1, len(filler) + len(TOKEN) + 1):
            assert places(data[:cut], data[cut:]) == [(MARGIN + 1, 1)]

    def test_what_comes_before_a_token_is_known_wherever_the_stream_is_cut(self) -> None:
        filler = b"x y\n" * MARGIN
        data = filler + b"word" + b"h" + b"f_" + b"abcdefghij" * 4 + b"\n" + filler  # no token: a word goes on into it
        for cut in range(len(filler) + MARGIN, len(filler) + MARGIN + 8):
            assert places(data[:cut], data[cut:]) == []

    @pytest.mark.tier2
    def test_a_huge_line_is_searched_in_flat_memory(self) -> None:
        def chunks() -> Iterator[bytes]:
            yield from ([b"abcdefgh" * (1 << 17)] * 50)
            yield b' "' + TOKEN + b'"'

        tracemalloc.start()
        hits = scan_stream(chunks(), NEEDLES).hits
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert [(hit.line, hit.column) for hit in hits] == [(1, 50 * (1 << 20) + 3)]
        assert peak < 20 << 20

    def test_a_text_made_of_what_is_nearly_a_web_token_is_a_finding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[object] = []

        def refuse(*given: object) -> bool:
            asked.append(given)
            return False

        monkeypatch.setattr("guardrails.secrets.scan._confirmed", refuse)
        assert scan_stream([b"eyJhbGciOi." + b"eyJzdWIi.\n" * 900], ()).hits == ()
        asked.clear()
        assert len(scan_stream([b"eyJhbGciOi.eyJzdWIi.\n" * 10_000], ()).hits) == 1
        assert len(asked) <= 1_000

    def test_more_secrets_than_anybody_reads_are_cut(self) -> None:
        found = scan_stream([(TOKEN + b"\n") * (MOST * 3)], ())
        assert found.cut
        assert len(found.hits) == MOST


class TestAdded:
    def over(self, now: bytes, *bases: bytes) -> list[int]:
        return [hit.line for hit in added(scan_stream([now], ()), [scan_stream([base], ()) for base in bases])]

    LINE = b"key = " + TOKEN + b"\n"

    def test_a_line_that_was_there_is_not_added(self) -> None:
        assert self.over(self.LINE, self.LINE) == []
        assert self.over(b"new\n" + self.LINE, self.LINE) == []

    def test_a_line_that_is_in_one_of_two_parents_is_not_added(self) -> None:
        assert self.over(self.LINE, b"", self.LINE) == []

    def test_other_line_ends_do_not_make_a_line_new(self) -> None:
        assert self.over(self.LINE.replace(b"\n", b"\r\n"), self.LINE) == []

    def test_a_line_that_was_edited_is_added(self) -> None:
        assert self.over(b"key2 = " + TOKEN + b"\n", self.LINE) == [1]

    def test_a_line_that_is_there_once_more_is_added(self) -> None:
        assert self.over(self.LINE * 2, self.LINE) == [2]

    def test_another_token_on_the_same_line_is_added(self) -> None:
        assert self.over(b"key = " + OTHER + b"\n", self.LINE) == [1]

    def test_a_second_token_far_along_a_huge_line_is_added(self) -> None:
        before = self.LINE.rstrip() + b" " * 1000
        assert [hit.column for hit in added(scan_stream([before + OTHER], ()), [scan_stream([before], ())])] == [
            len(before) + 1
        ]


class TestDistinct:
    def names(self, data: bytes, variable: bytes = b"hunter2-hunter2") -> list[str]:
        needles = secret_values(("KEY",), {"KEY": variable.decode()}).needles
        return [hit.what for hit in distinct(scan_stream([data], needles).hits)]

    def test_a_secret_twice_on_a_line_is_one(self) -> None:
        assert self.names(TOKEN + b" " + OTHER) == ["GitHub Token"]

    def test_two_kinds_on_a_line_are_two(self) -> None:
        assert self.names(TOKEN + b" hunter2-hunter2") == ["GitHub Token", "KEY (plain)"]

    def test_a_variable_that_holds_a_token_is_called_by_its_name(self) -> None:
        assert self.names(b"x " + TOKEN, TOKEN) == ["KEY (plain)"]


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"", b"x\n", TOKEN, b"a\0b", b"y" * 70_000, TOKEN + b"\n", b" hunter2-", b"hunter2"])))
def test_many_texts_at_once_are_searched_as_each_alone(texts: list[bytes]) -> None:
    together = dict(scan_all(((number, [text]) for number, text in enumerate(texts)), NEEDLES))
    assert together == {number: scan_stream([text], NEEDLES) for number, text in enumerate(texts)}


def test_a_heap_is_searched_when_it_is_full() -> None:
    texts = [random.Random(number).randbytes(60_000).hex().encode() for number in range(9)] + [TOKEN]
    texts = [text[:60_000] for text in texts]
    found = dict(scan_all(((number, [text]) for number, text in enumerate(texts)), ()))
    assert [number for number, row in found.items() if row != Scan(())] == [9]
