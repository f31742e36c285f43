"""What the PRD and Evidence cells of a tracker name: paths that exist, paths that don't, or no paths at all.

A cell is a list: commas, semicolons and `<br>` separate its items, code spans and links are items of their own.
An item is a path, optionally followed by an anchor, lines (`:12-20`) or a remark, or it is prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Literal, NamedTuple
from urllib.parse import unquote

from guardrails.markdown import pieces
from guardrails.snapshot import Snapshot, is_plain, parents

MAX_PATH, MAX_NAME, MAX_DEPTH = 4096, 255, 100
"""Bytes of a path, bytes of one of its names, and directories: nothing longer is ever looked up."""

_SEPARATOR = re.compile(r"\([^()]*\)|([,;])")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|(?:mailto|https?):|www\.", re.IGNORECASE)
_OUTSIDE = re.compile(r"/|~[^/\s]*/|[A-Za-z]:[\\/]|\S*\\|(?:.*/)?\.\.(?:/|\Z)")
_SHORT_OF_COMMAND = re.compile(r"/[^/\\]*\Z")
_REMARK = re.compile(r"\s*\([^()]*\)\Z")
_LINES = re.compile(r"(?:#.*|:L?\d[\dL:,-]*)\Z")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}\Z")
_MEASURED = re.compile(r"[\d.,%]+(?:/[\d.,%]+)+\Z")
_NO_WORD = re.compile(r"[._*{-]")

State = Literal["present", "missing", "outside", "url", "prose"]


class Named(NamedTuple):
    """One item of a cell. `other_case` is the path that exists when only the case differs."""

    path: str
    state: State
    other_case: str | None = None


class Places:
    """Where paths are looked up: a snapshot, from its root and then from the tracker's own directory."""

    def __init__(self, snapshot: Snapshot, tracker: str) -> None:
        self._snapshot = snapshot
        self._bases = ("", tracker.rpartition("/")[0] + "/") if "/" in tracker else ("",)

    def find(self, path: str) -> str | None:
        """The full path of what exists under this exact name."""
        return next((base + path for base in self._bases if self._exists(base + path)), None)

    def find_other_case(self, path: str) -> str | None:
        """A path that differs from this one in case only."""
        wanted = [(base + path).casefold() for base in self._bases]
        return next((self._folded[key] for key in wanted if key in self._folded), None)

    def starts_in_folder(self, path: str) -> bool:
        """Whether a path of one word begins with a directory that exists."""
        head, slash, rest = path.partition("/")
        return bool(slash and rest and not any(map(str.isspace, path)) and self.find(head))

    def _exists(self, path: str) -> bool:
        return _is_sane(path) and self._snapshot.exists(path)

    @cached_property
    def _folded(self) -> dict[str, str]:
        files = [entry.path for entry in self._snapshot.entries()]
        return {path.casefold(): path for file in files for path in (file, *parents(file))}


def _is_sane(path: str) -> bool:
    """Whether a path can exist at all; lookups of absurd ones are errors of the operating system, not answers."""
    if len(path.encode("utf-8", "surrogatepass")) > MAX_PATH or path.count("/") > MAX_DEPTH or not is_plain(path):
        return False
    return all(len(name.encode("utf-8", "surrogatepass")) <= MAX_NAME for name in path.split("/"))


def named(cell: str, places: Places) -> list[Named]:
    """Every item of a cell, each looked up."""
    found: list[Named] = []
    for piece in pieces(cell):
        if piece.kind == "text":
            for item in split(piece.text):
                found.extend(_text(item, places))
        elif piece.kind == "link":
            found.append(_path(unquote(piece.text), places, certain=True))
        elif piece.kind == "code":
            found.extend(_code(piece.text.strip(), places))
    return found


def split(text: str) -> Iterator[str]:
    """The items of a list, without those between parentheses that belong to a remark."""
    start = 0
    for match in _SEPARATOR.finditer(text):
        if match[1]:
            yield text[start : match.start()].strip()
            start = match.end()
    yield text[start:].strip()


def _code(text: str, places: Places) -> Iterator[Named]:
    whole = _path(text, places)
    if whole.state == "present" or not ("," in text or ";" in text):
        yield whole
        return
    for item in split(text):
        yield from _text(item, places)


def _text(item: str, places: Places) -> Iterator[Named]:
    """An item in running text: a path, blanks allowed, a path and a remark, or prose that may name existing paths."""
    if not item:
        return
    whole = _path(item, places)
    words = item.split()
    if len(words) == 1 or len(item) > MAX_PATH or whole.state not in ("prose", "missing"):
        yield whole
        return
    told = [_path(word.strip("()[].:\"'"), places) for word in words if "/" in word or "." in word]
    present = [name for name in told if name.state == "present"]
    yield from present or [_leading(whole, _path(words[0], places))]


def _leading(whole: Named, first: Named) -> Named:
    """What an item with blanks is when no word of it exists: its first word if that is plainly a path, else the whole.

    "/speckit.plan passed" starts with a command, not with an absolute path.
    """
    if whole.state == "missing" or not ("/" in first.path or "\\" in first.path):
        return whole
    if first.state == "outside" and _SHORT_OF_COMMAND.match(first.path):
        return whole
    return first if first.state != "prose" else whole


def _path(text: str, places: Places, certain: bool = False) -> Named:
    """One name. `certain` says that it is meant as a path: then it is never prose."""
    if len(text) > MAX_PATH:
        return Named(text, "prose")
    if _URL.match(text):
        return Named(text, "url")
    if _OUTSIDE.match(text) and (certain or _looks_like_path(text) or len(text.split()) == 1):
        return Named(text, "outside")
    tried = list(dict.fromkeys(_readings(text)))
    for path in tried:
        if full := places.find(path):
            return Named(full, "present")
    path = tried[-1]
    if not path or not (certain or _looks_like_path(path) or places.starts_in_folder(path)):
        return Named(text, "prose")
    return Named(path, "missing", next((full for path in tried if (full := places.find_other_case(path))), None))


def _readings(text: str) -> Iterator[str]:
    """The path in an item, as written first, then without remark, anchor and line numbers."""
    for shorter in (text, _REMARK.sub("", text)):
        path = shorter.removeprefix("./").rstrip("/")
        yield path
        yield _LINES.sub("", path).rstrip("/")


def _looks_like_path(text: str) -> bool:
    """Whether text that names nothing existing is meant as a path.

    A file extension says so, and so does more than one slash, or one with a name no word has ("and/or" is prose).
    With blanks inside, only where a path starts and ends the text: "docs/my plan.md", but not "see a/b for more".
    """
    head, *rest = text.split() or [""]
    if rest:
        return "/" in head and ("/" in rest[-1] or _EXTENSION.search(rest[-1]) is not None)
    if text.endswith("/") or _EXTENSION.search(text):
        return True
    if "/" not in text or _MEASURED.match(text):
        return False
    return text.count("/") > 1 or _NO_WORD.search(text) is not None
