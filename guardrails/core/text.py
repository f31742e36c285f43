"""Text as it is shown: counts and sizes in words, and what a repository holds, made fit for a terminal.

Nothing shown moves a cursor, hides, or turns the reading direction.
"""

import re
from collections.abc import Iterable
from functools import cache

MEGABYTE = 1_048_576

# What is escaped: controls (C0 with tab and line ends, DEL, C1), characters that are invisible or reorder what
# stands beside them, line and paragraph separators, lone surrogates, noncharacters, and the tag and
# variation-selector blocks in which text can be hidden. U+FE0E and U+FE0F choose between two looks of one
# visible character and stay. Written out instead of `str.isprintable`, which differs between Python versions.
_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_INVISIBLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SURROGATES = r"\ud800-\udfff"
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str) -> str:
    r"""`text` on one line, with everything unfit for a terminal as an escape: `\n`, `\x1b`, `\u202e`.

    Bytes of a path that are not UTF-8 show as `\xNN`. Ordinary text of any script stays as it is, and so does a
    backslash: this is for people, not for reading back.
    """
    if text.isascii() and text.isprintable():
        return text
    return unsafe().sub(_escape, text)


def plural(count: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def bytes_text(size: int) -> str:
    """`1.50 MB` from a hundredth of a megabyte on, `312 bytes` below."""
    return f"{size / MEGABYTE:.2f} MB" if size >= MEGABYTE / 100 else f"{size} bytes"


def quoted_list(names: Iterable[str]) -> str:
    """`'Status', 'Owner'`."""
    return ", ".join(f"'{name}'" for name in names)


def utf8(text: str) -> str:
    r"""`text` as UTF-8 can hold it: lone surrogates (bytes that are not UTF-8) as `\xNN`, nothing else changed."""
    return text if text.isascii() else _surrogate().sub(_escape, text)


@cache
def unsafe() -> re.Pattern[str]:
    """Matches one character that must not be shown raw. Compiled when first needed: most text is plain."""
    return re.compile(f"[{_CONTROLS}{_INVISIBLE}{_SURROGATES}]")


@cache
def _surrogate() -> re.Pattern[str]:
    return re.compile(f"[{_SURROGATES}]")


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    named = _NAMED.get(character)
    if named:
        return named
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte itself
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
