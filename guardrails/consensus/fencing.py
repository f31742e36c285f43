"""Foreign text as part of a prompt: whole, harmless to whatever carries it, and unable to end its own fence."""

from __future__ import annotations

import re
from functools import cache

from guardrails.printable import printable, unsafe

_SHORTEST = 3
# Lines and tabs are text. The joiners are letters of several scripts, and hide nothing that matters to a reader.
_KEPT = r"\n\t\u200c\u200d"


def shown(text: str) -> str:
    r"""`text` without what a person would not see: controls, invisible and reordering characters and bytes that are not
    UTF-8 become escapes (`\x1b`). Line ends are one newline; a byte order mark at the start is dropped."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return _hidden().sub(lambda match: printable(match[0]), text)


@cache
def _hidden() -> re.Pattern[str]:
    return re.compile(f"(?![{_KEPT}]){unsafe().pattern}")


def fence_for(text: str) -> str:
    """Backticks, more than stand together anywhere in `text`."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(_SHORTEST, longest + 1)


def fenced(text: str) -> str:
    """`text` in a fence of its own; ends without a newline."""
    fence = fence_for(text)
    return f"{fence}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"
