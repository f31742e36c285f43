"""The project's Markdown pages, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def read(name: str) -> str:
    """The text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def pages() -> list[str]:
    """Every page of the project, by its path."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    level, _, rest = text.partition(f" {title}\n")[0].rpartition("\n")[2], *text.partition(f" {title}\n")[1:]
    assert rest, f"no section '{title}'"
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of one language."""
    return [body for name, body in _FENCE.findall(text) if name == language]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every table row; header and separator rows are left out."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        header = number + 1 < len(lines) and re.match(r"\|[ |:-]+\|$", lines[number + 1])
        if line.startswith("|") and not header and not re.match(r"\|[ |:-]+\|$", line):
            yield [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def slug(heading: str) -> str:
    """The anchor GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """The anchors of a page."""
    return {slug(title) for title in re.findall(r"^#{1,6} (.+)$", _FENCE.sub("", text), re.MULTILINE)}


def links(text: str) -> list[str]:
    """The targets of a page's links, outside of code."""
    prose = re.sub(r"`[^`]*`", "", _FENCE.sub("", text))
    return re.findall(r"\]\(([^)\s]+)\)", prose)
