"""A report laid out, whatever it is about: sections of paragraphs, lists, tables and charts, as values.

A report makes one `View`, and `guardrails.reports.formats` has a renderer for each form. What only some forms show
names them: a page holds what a terminal has no room for. Values are escaped where they are rendered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from guardrails.core.cost import UNKNOWN
from guardrails.reports.figures import Unit, written

Form = Literal["text", "markdown", "csv", "html"]
Forms = tuple[Form, ...]
TEXT: Forms = ("text",)
MARKDOWN: Forms = ("markdown",)
CSV: Forms = ("csv",)
HTML: Forms = ("html",)
READ: Forms = (*TEXT, *MARKDOWN, *HTML)
"""The forms for people."""
BOUND: Forms = (*MARKDOWN, *HTML)
"""Those of them that are kept, and have room for everything."""
ViewCell = str | float | None
Kind = Literal["bar", "stacked", "line", "horizontal"]
Palette = Literal["series", "verdicts"]


class Paragraph(NamedTuple):
    """A sentence or more. `literal`: all of it is our own words, which Markdown need not escape."""

    text: str
    forms: Forms = READ
    literal: bool = False


class Fields(NamedTuple):
    """A label and a value a line."""

    rows: tuple[tuple[str, str | datetime], ...]
    forms: Forms = READ


class Lines(NamedTuple):
    """A list."""

    items: tuple[str, ...]
    forms: Forms = READ


class Table(NamedTuple):
    """Rows below a header. `caption` and `numeric`, the columns that are set to the right, are for pages. Only CSV has
    cells that are no text."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[ViewCell, ...], ...]
    numeric: tuple[int, ...] = ()
    forms: Forms = READ


class Link(NamedTuple):
    href: str
    text: str
    note: str = ""


class Links(NamedTuple):
    """Where to read on."""

    items: tuple[Link, ...]
    forms: Forms = HTML


class Series(NamedTuple):
    """One thing that a chart shows for every label; None where it is not known."""

    name: str
    values: tuple[float | None, ...]


class Target(NamedTuple):
    """A line across a chart, dashed."""

    name: str
    value: float


class Chart(NamedTuple):
    """Bars or lines. `alt` says in a sentence what a look at it would."""

    id: str
    title: str
    kind: Kind
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: Unit
    alt: str
    targets: tuple[Target, ...] = ()
    palette: Palette = "series"
    most: float | None = None
    """the end of the scale, where it is fixed"""
    forms: Forms = HTML

    @property
    def known(self) -> bool:
        """Whether there is anything to draw."""
        return any(value is not None for each in self.series for value in each.values)

    def written(self, value: float | None) -> str:
        """A value in the unit of the chart."""
        return written(value, self.unit)

    @property
    def table(self) -> Table:
        """The same as a table: a row for each label."""
        rows = [
            (label, *(self.written(each.values[at]) for each in self.series)) for at, label in enumerate(self.labels)
        ]
        header = ("For", *(each.name for each in self.series))
        return table(self.title, header, rows, range(1, len(header)), self.forms)


Block = Paragraph | Fields | Lines | Table | Links | Chart


class Section(NamedTuple):
    """`id` is unique in its view, for links to it. `title` heads it in Markdown and on a page, `text_title` in text:
    there a table tells by its header what it is. `parts` are set apart from `blocks` in text alone."""

    id: str
    title: str
    blocks: tuple[Block, ...]
    forms: Forms = READ
    text_title: str = ""
    parts: tuple[Section, ...] = ()


class Fact(NamedTuple):
    """A figure large enough to be seen from afar, with what it means. `tone`: good, bad, warn, or nothing."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


class View(NamedTuple):
    """A report. `facts` and `made`, when it was made, are on its page; `links` lead to the other pages of a site.
    `document_title` is its title in Markdown where that is another."""

    title: str
    subtitle: str
    made: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    links: tuple[Link, ...] = ()
    document_title: str = ""

    def of(self, form: Form) -> Iterator[Section]:
        """The sections that a form shows, each with the blocks that it shows."""
        return _shown(self.sections, form)


def _shown(sections: Iterable[Section], form: Form) -> Iterator[Section]:
    for section in sections:
        if form in section.forms:
            blocks = tuple(block for block in section.blocks if form in block.forms and not _is_blank(block))
            yield section._replace(blocks=blocks, parts=tuple(_shown(section.parts, form)))


def _is_blank(block: Block) -> bool:
    """Whether there is nothing to show. A table or a chart of nothing says that there is none."""
    return isinstance(block, (Paragraph, Fields, Lines)) and not block[0]


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[ViewCell]],
    numeric: Iterable[int] = (),
    forms: Forms = READ,
) -> Table:
    """A table out of rows of any kind."""
    return Table(caption, tuple(header), tuple(tuple(row) for row in rows), tuple(numeric), forms)


def or_none(found: Table) -> Table:
    """The table, with a row that says so where it has none."""
    return found if found.rows else found._replace(rows=(("none", *[""] * (len(found.header) - 1)),))


def chart(
    id_: str,
    title: str,
    kind: Kind,
    labels: Sequence[str],
    series: Sequence[Series],
    unit: Unit,
    targets: Sequence[Target] = (),
    *,
    most: float | None = None,
    palette: Palette = "series",
) -> Chart:
    """A chart, and in words what it shows. A scale of shares ends at 1."""
    weekly = bool(labels) and all(label[4:6] == "-W" for label in labels)
    lines = [f"{target.name} {written(target.value, unit)}" for target in targets]
    alt = ". ".join((*(_told(each, labels, unit, weekly) for each in series), *lines)) + "."
    end = 1.0 if most is None and unit in ("share", "percent") else most
    return Chart(id_, title, kind, tuple(labels), tuple(series), unit, alt, tuple(targets), palette, end)


def _told(series: Series, labels: Sequence[str], unit: Unit, last: bool) -> str:
    """A series in words: where it is lowest and highest, and with `last` what it came to at last."""
    known = [(value, label) for value, label in zip(series.values, labels, strict=True) if value is not None]
    if not known:
        return f"{series.name}: {UNKNOWN} throughout"
    least, most = min(known), max(known, key=lambda pair: pair[0])
    if least[0] == most[0]:
        where = known[0][1] if len(known) == 1 else "throughout"
        return f"{series.name}: {written(most[0], unit)} {where if len(known) > 1 else f'({where})'}"
    reach = f"{written(least[0], unit)} ({least[1]}) to {written(most[0], unit)} ({most[1]})"
    return f"{series.name}: {reach}" + (f", at last {written(known[-1][0], unit)}" if last else "")
