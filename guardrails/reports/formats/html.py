"""A report as one HTML file: it fetches nothing, runs nothing, and is readable on paper and by ear."""

from __future__ import annotations

import os
from typing import NamedTuple

from guardrails.core.text import printable
from guardrails.errors import Undecidable
from guardrails.reports.view import Chart, Fields, Lines, Link, Links, Paragraph, Section, Table, View

TEMPLATES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "templates")


class Shown(NamedTuple):
    """A section as the template lays it out: what is to be read, then what is to be looked at."""

    id: str
    title: str
    paragraphs: list[str]
    lines: list[str]
    links: list[Link]
    charts: list[Chart]
    tables: list[Table]


_GOOD = frozenset(("ok", "passed", "holds", "agrees", "usable", "yes", "[x]", "delivered", "done", "100%", "completed"))
_BAD = frozenset(
    (
        "failed",
        "conflict",
        "hold",
        "no ballot",
        "open",
        "fails",
        "differs",
        "no",
        "[ ]",
        "missing",
        "unusable",
        "over",
        "halted",
    )
)
_WARN = frozenset(("degraded", "undecided", "unknown", "stale", "[?]", "warning", "skipped", "not run", "in progress"))
_SAID = {"[x]": "verified", "[ ]": "fails", "[?]": "unknown"}
LONGEST = 2_000
"""Characters of one cell; a hostile record must not make a page that cannot be opened."""


_LONG_WORD, _KEY = 30, 30


def tone(cell: str) -> str:
    """The colour class of a cell that holds a word of outcome, empty for any other."""
    word = cell.strip().lower()
    return "good" if word in _GOOD else "bad" if word in _BAD else "warn" if word in _WARN else ""


def said(cell: str) -> str:
    """A cell as it is shown: on one line, without what a page must not hold, marks as words."""
    text = printable(cell if len(cell) <= LONGEST else cell[:LONGEST] + "...")
    return _SAID.get(text, text)


def shape(cell: str) -> str:
    """The class of a cell by its text: `key` is short and stays on one line, `long` has a word that must be broken."""
    if any(len(word) > _LONG_WORD for word in cell.split()):
        return "long"
    return "key" if len(cell) <= _KEY else ""


def render(view: View) -> str:
    """The page. Every value is escaped by the template engine. Raises Undecidable when a library for it is missing."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise Undecidable(
            "pages cannot be made: jinja2 cannot be imported", "pip install 'speckit-guardrails[auto]'"
        ) from error
    from markupsafe import Markup

    from guardrails.reports.formats.svg import draw

    engine = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters.update(tone=tone, said=said, shape=shape)
    engine.globals["draw"] = lambda chart: Markup(draw(chart))  # noqa: S704  made by us out of numbers and escaped text
    sections = [_shown_section(section) for section in view.of("html")]
    return engine.get_template("page.html").render(page=view, sections=sections)


def _shown_section(section: Section) -> Shown:
    blocks = [*section.blocks, *(block for part in section.parts for block in part.blocks)]
    shown = Shown(section.id, section.title, [], [], [], [], [])
    for block in blocks:
        if isinstance(block, Paragraph):
            shown.paragraphs.append(block.text)
        elif isinstance(block, Fields):
            shown.lines.extend(f"{label.strip()}: {value}" for label, value in block.rows)
        elif isinstance(block, Lines):
            shown.lines.extend(block.items)
        elif isinstance(block, Links):
            shown.links.extend(block.items)
        elif isinstance(block, Chart):
            shown.charts.append(block)
        else:
            shown.tables.append(block)
    return shown
