from __future__ import annotations

import pytest
from hypothesis import given, settings

from guardrails.checks.lint import display_width, fix_text, mended
from guardrails.config import Settings
from guardrails.core import MarkdownTable, parse_markdown
from guardrails.layouts import columns_of
from tests.test_markdown import EXAMPLES, markdown_texts

DEFAULTS = Settings()


def fixed(text: str) -> str:
    return fix_text(text, DEFAULTS)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("# Title  \n\ntrailing \t\n", id="no table"),
        pytest.param("|a|b|\n|-|-|\n|1|2|\n", id="a table without a status"),
        pytest.param("```\n|ID|Status|\n|-|-|\n|1|2|\n```\n", id="a table in a fence"),
        pytest.param("|ID|Status|\n\n|-|-|\n", id="no table at all"),
        pytest.param("| ID  | Status |\n| --- | ------ |\n| T1  | Done   |\n", id="a table that is fine"),
    ],
)
def test_what_needs_nothing_stays_as_it_is(text: str) -> None:
    assert fixed(text) == text


def test_columns_are_padded_to_equal_width_and_keep_their_alignment() -> None:
    text = "|ID|**Status**|N|Note|\n|:-|:-:|--:|-|\n|T1|Done|1|a \\| b|\n|T10|In Progress|10||\n"
    assert fixed(text) == (
        "| ID  | **Status**  |   N | Note   |\n"
        "| :-- | :---------: | --: | ------ |\n"
        "| T1  |    Done     |   1 | a \\| b |\n"
        "| T10 | In Progress |  10 |        |\n"
    )


def test_missing_pipes_at_the_ends_are_written() -> None:
    assert fixed("ID | Status\n-- | --\nT1 | Done\n") == "| ID  | Status |\n| --- | ------ |\n| T1  | Done   |\n"


def test_wide_characters_count_twice() -> None:
    text = "|ID|Status|\n|-|-|\n|\u4f5c\u696d|Done|\n|\u2705|e\u0301|\n"
    lines = fixed(text).splitlines()
    assert len({display_width(line) for line in lines}) == 1
    assert lines[2] == "| \u4f5c\u696d | Done   |"


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("\u4f5c", 2),
        ("e\u0301", 1),
        ("\u2705\ufe0f", 2),
        ("\u26a0\ufe0f", 2),
        ("\U0001f469\u200d\U0001f4bb", 2),
    ],
)
def test_the_width_is_that_of_a_terminal(text: str, width: int) -> None:
    assert display_width(text) == width


def test_dates_are_mended_in_the_date_column_only() -> None:
    text = "|ID|Status|Last Validation|Notes|\n|-|-|-|-|\n|T1|Done|2025/10/5|2025/10/5|\n|T2|Done|2025-9-30|x|\n"
    rows = parse_markdown(fixed(text)).tables[0].rows
    assert [[cell.text for cell in row.cells[2:]] for row in rows] == [["2025-10-05", "2025/10/5"], ["2025-09-30", "x"]]


@pytest.mark.parametrize(
    "date", ["2025/13/1", "2025-02-30", "2025/10-5", "5/10/2025", "2025-10-05 (x)", "25/1/1", "TBD"]
)
def test_a_date_that_could_mean_anything_else_stays(date: str) -> None:
    assert date in fixed(f"|ID|Status|Validated|\n|-|-|-|\n|T1|Done|{date}|\n")


def test_rows_with_a_wrong_number_of_cells_are_left_for_people() -> None:
    text = fixed("|ID|Status|\n|-|-|\n|T1|Done|extra|\n**Total**: 1\n|T2|Done|\n")
    assert text.splitlines()[2:4] == ["|T1|Done|extra|", "**Total**: 1"]


def test_quotes_lists_endings_and_marks_around_a_table_stay() -> None:
    text = "\ufeffa  \r\n\r\n> - |ID|Status|  \r\n>   |-|-|\r\n>   |T1|Done|\r\nb \r"
    assert fixed(text) == (
        "\ufeffa  \r\n\r\n> - | ID  | Status |\r\n>   | --- | ------ |\r\n>   | T1  | Done   |\r\nb \r"
    )


def test_one_long_note_does_not_blow_up_every_row() -> None:
    text = "|ID|Status|Notes|\n|-|-|-|\n" + "|T1|Done|x|\n" * 100 + "|T2|Done|" + "y" * 10_000 + "|\n"
    assert len(fixed(text)) < 3 * len(text)


@given(markdown_texts())
@settings(max_examples=EXAMPLES, deadline=None)
def test_only_padding_and_dates_change(text: str) -> None:
    after = fixed(text)
    assert fixed(after) == after
    before, now = parse_markdown(text), parse_markdown(after)
    assert [block for block in before.blocks if not isinstance(block, MarkdownTable)] == [
        block for block in now.blocks if not isinstance(block, MarkdownTable)
    ]
    assert [_cells(table) for table in before.tables] == [_cells(table, False) for table in now.tables]


@given(markdown_texts())
@settings(max_examples=EXAMPLES, deadline=None)
def test_nothing_outside_a_status_table_changes(text: str) -> None:
    inside = {
        row.line
        for table in parse_markdown(text).tables
        if _is_ours(table)
        for row in (table.header, table.separator, *table.rows)
    }
    before, after = text.splitlines(keepends=True), fixed(text).splitlines(keepends=True)
    if not any(
        mark in text for mark in "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
    ):  # these end a line for Python, not for Markdown
        assert len(before) == len(after)
        for number, (was, now) in enumerate(zip(before, after, strict=True), 1):
            assert was == now or number in inside
            assert (
                was.lstrip("\ufeff")[len(was.lstrip("\ufeff").rstrip("\r\n")) :]
                == now.lstrip("\ufeff")[len(now.lstrip("\ufeff").rstrip("\r\n")) :]
            )


def _is_ours(table: MarkdownTable) -> bool:
    return columns_of(table.header.cells).status is not None


def _cells(table: MarkdownTable, mend: bool = True) -> list[list[str]]:
    """The cells of a table, dates as they are to be."""
    columns = columns_of(table.header.cells)
    rows = [[cell.text for cell in row.cells] for row in (table.header, *table.rows)]
    at = columns.validated
    if mend and columns.status is not None and at is not None:
        for row in rows[1:]:
            if len(row) == len(rows[0]):
                row[at] = mended(row[at]) or row[at]
    return rows


@pytest.mark.parametrize("blank", ["\u2028", "\u3000", "\x0b", "\x0c", "\x1f", "\x85"])
def test_odd_blanks_before_a_table_break_nothing(blank: str) -> None:
    text = f"{blank}| Order | Status |\n|---|---|\n| 1 | Done |\n"
    assert fixed(fixed(text)) == fixed(text)
