"""Plain text as Markdown that shows exactly that text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_CODE_SPAN = re.compile(r"(`[^`]*`)")
# An underscore between two letters or digits means nothing to Markdown, and reads better as it is.
_SPECIAL = re.compile(r"([\\<&*~\[\]]|(?<![^\W_])_|_(?![^\W_]))")
_AT_START = re.compile(r"^([#>+=-]|\d+(?=[.)]))")


def prose(text: str) -> str:
    """`text` on one line, with what Markdown would take for markup escaped; spans in backticks stay code."""
    parts = _CODE_SPAN.split(" ".join(text.split()))
    escaped = "".join(part if index % 2 else _SPECIAL.sub(r"\\\1", part) for index, part in enumerate(parts))
    return _AT_START.sub(lambda match: match[1] + "\\" if match[1].isdigit() else "\\" + match[1], escaped)


def code(text: str) -> str:
    """A code span."""
    return f"`{text}`"


def fence(text: str, language: str = "text") -> str:
    """A code block, whatever runs of backticks `text` holds."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{text.rstrip()}\n{marks}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A GFM table of cells that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)
