"""A report is laid out once; each form shows what is meant for it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.reports import (
    CSV,
    HTML,
    MARKDOWN,
    READ,
    TEXT,
    Block,
    Fields,
    Lines,
    Paragraph,
    Section,
    View,
    or_none,
    table,
)
from tests.reports.forms import shown


def view(*blocks: Block) -> View:
    return View("A report", "", "", (), (Section("one", "One", blocks, (*READ, *CSV)),))


@pytest.mark.parametrize("form", ["text", "markdown", "csv", "html"])
def test_a_block_is_in_the_forms_that_it_names(form: str) -> None:
    named = {"text": TEXT, "markdown": MARKDOWN, "csv": CSV, "html": HTML}
    found = shown(view(*(table(f"for {name}", (f"only-{name}",), [], forms=of) for name, of in named.items())), form)
    assert [name for name in named if f"only-{name}" in found] == [form]


@pytest.mark.parametrize("form", ["text", "markdown", "csv", "html"])
def test_a_section_is_in_the_forms_that_it_names(form: str) -> None:
    found = View("A report", "", "", (), (Section("one", "One", (Paragraph("hidden"),), ()),))
    assert "hidden" not in shown(found, form)
    assert "One" not in shown(found, form)


def test_text_sets_blocks_apart_and_indents_lists_and_parts_below_their_title() -> None:
    rows = table("", ("a", "b"), [("1", "2")])
    part = Section("", "", (Lines(("x", "y")),), text_title="Part")
    section = Section("", "", (Fields((("label", "value"),)), rows), text_title="Title", parts=(part,))
    assert shown(View("", "", "", (), (Section("", "", (Paragraph("First."),)), section))) == (
        "First.\n\nTitle\n  label: value\n\na  b\n1  2\n\n  Part\n    x\n    y\n"
    )


def test_markdown_has_headings_and_escapes_all_but_our_own_words_and_moments() -> None:
    made = Fields((("made", datetime(2026, 1, 31, tzinfo=timezone.utc)), ("by", "a:b")))
    found = shown(
        view(made, Paragraph("a:b"), Paragraph("a:b", literal=True), table("", ("h",), [("x|y",)])), "markdown"
    )
    assert found == (
        "# A report\n\n## One\n\n- made: 2026-01-31T00:00:00Z\n- by: a&#58;b\n\na&#58;b\n\na:b\n\n"
        "| h |\n| --- |\n| x\\|y |\n"
    )


def test_a_table_without_rows_can_say_so() -> None:
    assert or_none(table("", ("a", "b"), [])).rows == (("none", ""),)
    assert or_none(table("", ("a", "b"), [("1", "2")])).rows == (("1", "2"),)


@given(st.lists(st.text(max_size=20), min_size=2, max_size=2))
def test_a_row_is_one_line_of_text_of_markdown_and_of_csv(cells: list[str]) -> None:
    made = view(table("", ("a", "b"), [cells], forms=(*TEXT, *MARKDOWN, *CSV)))
    assert shown(made, "text").count("\n") == 2
    assert shown(made, "markdown").splitlines()[4] == "| a | b |"
    assert len(shown(made, "markdown").split("\n")) == 8
    assert shown(made, "csv").count("\r\n") == 2
