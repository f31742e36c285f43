"""Foreign text as part of a prompt: whole, harmless to whatever carries it, and unable to end its own fence."""

from __future__ import annotations

import re
from functools import cache

from guardrails.core.text import printable, unsafe

_SHORTEST = 3
_STEPS = (1 << 16, 1 << 11, 0)
"""Characters that are taken together at least, while looking for where a text has to end."""
# Lines and tabs are text. The joiners are letters of several scripts, and hide nothing that matters to a reader.
_KEPT = r"\n\t\u200c\u200d"


def quoted_text(text: str) -> str:
    r"""`text` without what a person would not see: controls, invisible and reordering characters and bytes that are not
    UTF-8 (as lone surrogates) become escapes (`\x1b`). Each line end is one newline."""
    text = text.replace("\r\n", "\n")
    return _hidden().sub(lambda match: printable(match[0]), text)


@cache
def _hidden() -> re.Pattern[str]:
    return re.compile(f"(?![{_KEPT}]){unsafe().pattern}")


def fence_for(text: str) -> str:
    """Backticks, more than stand together anywhere in `text`."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(_SHORTEST, longest + 1)


def fenced(text: str, fence: str | None = None) -> str:
    """`text` in a fence of its own, or in one that is long enough; ends without a newline."""
    fence = fence or fence_for(text)
    return f"{fence}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"


def beginning(text: str, room: int) -> str:
    """The longest beginning of `text` that takes at most `room` bytes when it is shown: whole lines, unless the next
    one is so long that half of the room would be left empty."""
    if len(text) <= 2 * room and _size(text) <= room:
        return text
    end = used = 0
    for step in _STEPS:  # many lines at once first: a line at a time is slow where there are many
        while end < len(text):
            stop = text.find("\n", end + step) + 1 or len(text)
            size = _size(text[end : min(stop, end + room + 2)])
            if stop - end > room + 2 or used + size > room:
                break
            end, used = stop, used + size
    if end == len(text) or used * 2 >= room:
        return text[:end]
    return text[:end] + _characters(text[end : end + room], room - used)


def _characters(text: str, room: int) -> str:
    least, most = 0, len(text)
    while least < most:
        middle = (least + most + 1) // 2
        if _size(text[:middle]) <= room:
            least = middle
        else:
            most = middle - 1
    return text[:least].removesuffix("\r")  # half of a line end would show as an escape


def _size(text: str) -> int:
    return len(quoted_text(text).encode())
