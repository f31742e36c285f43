"""A report as one HTML file: it fetches nothing, runs nothing, and is readable on paper and by ear."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from guardrails.core.text import printable
from guardrails.errors import Undecidable
from guardrails.reports.formats.svg import Chart

TEMPLATES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "templates")


class Table(NamedTuple):
    """A table with a caption. `numeric` are the columns that are set to the right; the first cell heads its row."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()


class Fact(NamedTuple):
    """A figure large enough to be seen from afar, with what it means. `tone`: good, bad, warn, or nothing."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


class Link(NamedTuple):
    href: str
    text: str
    note: str = ""


class Section(NamedTuple):
    """`id` is unique in its page. `text` is a paragraph above charts and tables."""

    id: str
    title: str
    text: str = ""
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    lines: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


class Page(NamedTuple):
    """`made` is when it was made; `links` lead to the other pages of a site, empty for a page by itself."""

    title: str
    subtitle: str
    made: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    links: tuple[Link, ...] = ()


_GOOD = frozenset(("ok", "passed", "holds", "agrees", "usable", "yes", "[x]", "delivered", "done", "100%", "completed"))
_BAD = frozenset(
    ("failed", "conflict", "open", "fails", "differs", "no", "[ ]", "missing", "unusable", "over", "halted")
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


def render(page: Page) -> str:
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
    return engine.get_template("page.html").render(page=page)


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[int] = ()) -> Table:
    """A table out of what reports lay out as rows."""
    return Table(caption, tuple(header), tuple(tuple(row) for row in rows), tuple(numeric))
