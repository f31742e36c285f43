from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.rules_block.table import table as gfm_table

from guardrails.core import Heading, LooseLines, MarkdownTable, decode, parse_markdown, pieces, plain, split_row
from tests.examples import examples

EXAMPLES = examples(150)
"""How many texts each property is tried with; CI and releases raise it."""

_LINES = st.sampled_from(
    [
        "| Order | Task ID | Status | Last Validation | Evidence |",
        "| ID | Status |",
        "|---|---|",
        "| --- | :-: | --: | --- | --- |",
        "| 1 | T1 | **DONE** | 2025/1/5 | `docs/a\\|b.md`, [x](../y) |",
        "| 2 | SPEC-1 | In Progress | 2025-10-5 | |",
        "a | b",
        "--|--",
        "",
        "```",
        "<!--",
        "-->",
        "# Head",
        "Text",
        "===",
        "<div>",
    ]
)
_PREFIX = st.sampled_from(["", "", "", "> ", "- ", "  ", "    ", "\t", "1. ", "> - "])
_ENDING = st.sampled_from(["\n", "\n", "\r\n", "\r"])
_NOISE = st.text("|-:\\`*_[]()<>!#>~ \t\n\r\0.,;/a1\u00e9\ufeff\u2028\U0001f600", max_size=40)


@st.composite
def markdown_texts(draw: st.DrawFn) -> str:
    """Texts that are mostly tables, in quotes, lists and fences, with noise between."""
    ending = draw(_ENDING)
    lines = draw(st.lists(st.tuples(_PREFIX, _LINES | _NOISE), max_size=12))
    return draw(st.sampled_from(["", "\ufeff"])) + "".join(prefix + line + ending for prefix, line in lines)


def texts_of(table: MarkdownTable) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in (table.header, *table.rows)]


class TestTables:
    def test_a_table_has_positions(self) -> None:
        (table,) = parse_markdown("# A\n\n|  a | b|\n|---|---|\n| c |  |\n").tables
        assert [(cell.text, row.line, cell.column) for row in (table.header, *table.rows) for cell in row.cells] == [
            ("a", 3, 4),
            ("b", 3, 8),
            ("c", 5, 3),
            ("", 5, 7),
        ]

    @pytest.mark.parametrize("mark", ["> ", ">", "> > "])
    def test_a_table_in_a_quote_keeps_its_columns(self, mark: str) -> None:
        (table,) = parse_markdown(f"{mark}| a |\n{mark}|---|\n{mark}| b |\n").tables
        assert table.rows[0].cells[0].column == len(mark) + 3

    def test_a_table_may_start_in_a_list_item(self) -> None:
        (table,) = parse_markdown("- | a | b |\n  |---|---|\n  | c | d |\n").tables
        assert texts_of(table) == [["a", "b"], ["c", "d"]]

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("```\n| a |\n|---|\n```\n", id="a fence"),
            pytest.param("~~~md\n| a |\n|---|\n", id="a fence that is never closed"),
            pytest.param("<!--\n| a |\n|---|\n-->\n", id="a comment"),
            pytest.param("    | a |\n    |---|\n", id="indented code"),
            pytest.param("| a |\n\n|---|\n", id="a blank line"),
            pytest.param("| a | b |\n|---|\n", id="a separator that is too short"),
            pytest.param("# a | b\n|---|---|\n", id="a heading as header"),
        ],
    )
    def test_what_only_looks_like_a_table_is_none(self, text: str) -> None:
        assert parse_markdown(text).tables == []

    def test_the_cells_are_counted_as_written(self) -> None:
        (table,) = parse_markdown("| a | b |\n|---|---|\n| 1 |\n| 1 | 2 | 3 |\n| | |\nx\n").tables
        assert [len(row.cells) for row in table.rows] == [1, 3, 2, 1]

    def test_an_escaped_pipe_belongs_to_the_cell(self) -> None:
        (table,) = parse_markdown("| a | b |\n|---|---|\n| x \\| y | `p\\|q` |\n").tables
        assert texts_of(table)[1] == ["x | y", "`p|q`"]

    @pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
    def test_every_line_ending_counts(self, ending: str) -> None:
        (table,) = parse_markdown(f"{ending}| a |{ending}|---|{ending}| b |{ending}").tables
        assert table.rows[0].line == 4

    def test_more_than_two_thousand_narrow_rows_are_one_table(self) -> None:
        width = 100
        text = "|a" * width + "|\n" + "|-" * width + "|\n" + "| x |\n" * 2000
        assert len(parse_markdown(text).tables[0].rows) == 2000

    def test_a_row_of_countless_cells_is_bounded(self) -> None:
        assert len(split_row("|" * 1_000_000)) <= 1001


class TestHeadings:
    def test_headings_of_both_kinds_are_found_outside_fences(self) -> None:
        """R26: headings inside code fences counted."""
        document = parse_markdown("# A #\n\nB\n---\n\n```\n# C\n```\n\n####### D\n<!-- \n# E\n-->\n> ## F\n")
        assert [(heading.line, heading.level, heading.text) for heading in document.headings] == [
            (1, 1, "A"),
            (3, 2, "B"),
            (14, 2, "F"),
        ]


class TestLoose:
    def test_pipe_lines_that_are_no_table_are_kept(self) -> None:
        document = parse_markdown("| a |\n|---|\n\n| b |\n| c |\n\ntext\n\n```\n| d |\n```\n")
        assert [block for block in document.blocks if isinstance(block, LooseLines)] == [
            LooseLines(4, ("| b |", "| c |"))
        ]

    def test_comments_and_raw_html_are_not(self) -> None:
        for text in ("<!-- | a |\n| b | -->\n", "<pre>\n| a |\n</pre>\n"):
            assert parse_markdown(text).blocks == ()
        assert parse_markdown("<div>\n| a | b |\n</div>\n").blocks[0].line == 1


class TestInline:
    @pytest.mark.parametrize(
        ("text", "seen"),
        [
            ("**DONE**", "DONE"),
            ("~~a~~ `b` [c](d) ![e](f) <b>g</b>", "a b c e g"),
            ("x &amp; y\\*", "x & y*"),
            ("snake_case_name", "snake_case_name"),
            ("  a \u00a0 b<br>c ", "a b c"),
            ("_a_ *b* __c__", "a b c"),
        ],
    )
    def test_plain_is_what_a_reader_sees(self, text: str, seen: str) -> None:
        assert plain(text) == seen

    def test_pieces_tell_code_links_and_breaks_apart(self) -> None:
        parts = pieces("see `a b`, [x](docs/y.md) *and* **docs/z.md**<br><b>w</b>")
        assert [(part.kind, part.text) for part in parts] == [
            ("text", "see "),
            ("code", "a b"),
            ("text", ", "),
            ("link", "docs/y.md"),
            ("text", " and docs/z.md"),
            ("break", ""),
            ("text", "w"),
        ]

    def test_huge_cells_are_still_read(self) -> None:
        assert plain("**" + "a" * 20_000) == "a" * 20_000


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("> " * 100_000 + "a", id="100,000 quotes"),
            pytest.param("- " * 100_000 + "a", id="100,000 lists"),
        ],
    )
    def test_what_is_nested_too_deep_is_said(self, text: str) -> None:
        assert parse_markdown(text).too_deep == 1

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("[" * 100_000, id="100,000 brackets"),
            pytest.param(
                "| " + "`a" * 50_000 + " |\n|---|\n" + "| " + "*a **b " * 50_000 + " |\n", id="endless marks in cells"
            ),
            pytest.param("|a" * 2_000_000, id="a row of two million cells"),
            pytest.param("a" * 10_000_000, id="one line of 10 MB"),
            pytest.param("\0" * 100_000, id="NUL"),
            pytest.param("\ufeff", id="a byte order mark alone"),
        ],
    )
    def test_absurd_texts_are_read(self, text: str) -> None:
        document = parse_markdown(text)
        assert document.too_deep is None
        for table in document.tables:
            assert [plain(cell.text) for cell in table.header.cells]

    def test_bytes_that_are_not_utf8_have_a_line(self) -> None:
        assert decode(b"a\r\nb\rc\n\xff") == 4
        assert decode("\u00e9".encode()) == "\u00e9"


def _library() -> MarkdownIt:
    """The library as it is, but for its taking "- a | b" for a header where GFM sees a list item."""
    parser = MarkdownIt("commonmark", {"maxNesting": 100}).disable("reference")
    parser.block.ruler.before("lheading", "gfm_table", gfm_table, {"alt": ["paragraph"]})
    return parser


@given(markdown_texts())
@settings(max_examples=EXAMPLES, deadline=None)
def test_tables_and_headings_are_those_of_the_library(text: str) -> None:
    """Only what a table is made of is our own; where tables and headings stand is the library's word."""
    ours, library = parse_markdown(text), _library().parse(text.removeprefix("\ufeff"))
    tables = [token.map for token in library if token.type == "table_open"]
    headings = [token.map[0] for token in library if token.type == "heading_open" and token.map]
    assert [[table.header.line - 1, (table.rows or (table.separator,))[-1].line] for table in ours.tables] == tables
    assert [heading.line - 1 for heading in ours.headings] == headings


@given(markdown_texts())
@settings(max_examples=EXAMPLES, deadline=None)
def test_every_cell_stands_where_it_is_said_to(text: str) -> None:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for table in parse_markdown(text).tables:
        for row in (table.header, table.separator, *table.rows):
            for cell in row.cells:
                written = cell.text.replace("|", "\\|").replace("\ufffd", "\0")
                assert lines[row.line - 1].startswith(written, cell.column - 1)


@given(st.text("*_`~[]()!<>&;\\|ab ./,\n", max_size=60))
@settings(max_examples=EXAMPLES, deadline=None)
def test_inline_text_is_always_read(text: str) -> None:
    assert plain(text) == " ".join(plain(text).split())
    assert all(part.kind in ("text", "code", "link", "break") for part in pieces(text))


def test_blocks_come_in_order() -> None:
    kinds = [type(block) for block in parse_markdown("# A\n\n| a |\n|---|\n\n| b | c |\n").blocks]
    assert kinds == [Heading, MarkdownTable, LooseLines]


@pytest.mark.parametrize("blank", ["\u2028", "\u3000", "\x0b", "\x0c", "\x1f", "\x85"])
def test_a_header_with_another_number_of_cells_than_its_separator_is_none(blank: str) -> None:
    """What is a blank to Python is a cell to GFM."""
    text = f"{blank}| Order | Status |\n|---|---|\n| 1 | Done |\n"
    for table in parse_markdown(text).tables:
        assert len(table.header.cells) == len(table.separator.cells)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("# a\n" * 50_001, "more than 50,000 lines", id="lines"),
        pytest.param("# a\r" * 50_001, "more than 50,000 lines", id="lines of an old Mac"),
        pytest.param("a" * (4 * 1024 * 1024 + 1), "more than 4 MB of text", id="one line"),
    ],
)
def test_a_text_that_is_too_large_is_not_read(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guardrails.core.markdown._block_parser", None)
    document = parse_markdown(text)
    assert (document.blocks, document.too_large) == ((), said)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("- " * 18 + "a\n", id="lists within lists on each line"),
        pytest.param("> - " * 9 + "a\n", id="quotes of lists on each line"),
        pytest.param("> " * 39 + "a\n" + "b\n" * 49_000, id="a quote that a long paragraph goes on in"),
    ],
)
@pytest.mark.tier2
def test_work_for_each_level_of_each_line_is_bounded(text: str) -> None:
    document = parse_markdown(text if text.count("\n") > 1 else text * 49_000)
    assert (document.blocks, document.too_large) == ((), "more than 500,000 blocks within blocks")


@pytest.mark.parametrize(
    "line", ["- a\n", "> a\n\n", "  - a\n", "# a\n", "a\n", "a | b\n", "```\n", "1. a\n"], ids=repr
)
@pytest.mark.tier2
def test_fifty_thousand_lines_of_one_block_each_are_read(line: str) -> None:
    assert parse_markdown(line * (50_000 // line.count("\n"))).too_large is None


def test_windows_line_ends_count_once() -> None:
    assert parse_markdown("a\r\n" * 30_000).too_large is None
