"""What the PRD and Evidence cells of a tracker name: paths that exist, paths that don't, or no paths at all.

A cell is a list: commas, semicolons and `<br>` separate its items.
An item is a path, optionally followed by an anchor, lines (`:12-20`) or a remark, or it is prose. A path inside
a sentence is not what the sentence rests on: "no proof, but see SPEC.md" names no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Literal, NamedTuple
from urllib.parse import unquote

from guardrails.core.markdown import Piece, pieces
from guardrails.core.paths import is_plain, parents
from guardrails.snapshot.base import Snapshot

MAX_PATH, MAX_NAME, MAX_DEPTH = 4096, 255, 100
"""Bytes of a path, bytes of one of its names, and directories: nothing longer is ever looked up."""

_SEPARATOR = re.compile(r"\([^()]*\)|([,;])")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|(?:mailto|https?):|www\.", re.IGNORECASE)
_OUTSIDE = re.compile(r"/|~[^/\s]*/|[A-Za-z]:[\\/]|\S*\\|(?:.*/)?(?:\.\.|\.[gG][iI][tT])(?:/|\Z)")
_SHORT_OF_COMMAND = re.compile(r"/[^/\\]*\Z")
_REMARK = re.compile(r"\s*\([^()]*\)\Z")
_LINES = re.compile(r"(?:#.*|:L?\d[\dL:,-]*)\Z")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}\Z")
_MEASURED = re.compile(r"[\d.,%]+(?:/[\d.,%]+)+\Z")
_REMARKS = re.compile(r"\([^()]*(?:\)|\Z)")
_JOINTS = frozenset(("and", "line", "lines", "section", "sections", "page", "pages"))
_NO_WORD = re.compile(r"[._*{-]")

PathState = Literal["present", "missing", "outside", "url", "link", "sentence", "prose"]


class NamedPath(NamedTuple):
    """One item of a cell. `other_case` is the path that exists when only the case differs."""

    path: str
    state: PathState
    other_case: str | None = None


class PathLookup:
    """Where paths are looked up: a snapshot, from its root and then from the tracker's own directory."""

    def __init__(self, snapshot: Snapshot, tracker: str) -> None:
        self._snapshot = snapshot
        self._bases = ("", tracker.rpartition("/")[0] + "/") if "/" in tracker else ("",)

    def find(self, path: str) -> str | None:
        """The full path of what exists under this exact name."""
        return next((base + path for base in self._bases if self._holds(base + path)), None)

    def is_link(self, path: str) -> bool:
        """Whether there is something of this name, but no regular file and no directory."""
        return any(self._exists(base + path) for base in self._bases) and self.find(path) is None

    def find_other_case(self, path: str) -> str | None:
        """A path that differs from this one in case only."""
        wanted = [(base + path).casefold() for base in self._bases]
        return next((self._folded[key] for key in wanted if key in self._folded), None)

    def starts_in_folder(self, path: str) -> bool:
        """Whether a path of one word begins with a directory that exists."""
        head, slash, rest = path.partition("/")
        return bool(slash and rest and not any(map(str.isspace, path)) and self.find(head))

    def _holds(self, path: str) -> bool:
        if not _is_sane(path):
            return False
        entry = self._snapshot.entry(path)
        if entry is not None:
            return entry.kind == "file"
        # In the working tree a submodule is a directory with a .git of its own.
        return self._snapshot.exists(path) and not self._snapshot.exists(f"{path}/.git")

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


def named_paths(cell: str, places: PathLookup) -> list[NamedPath]:
    """Every item of a cell, each looked up."""
    return [name for parts in _items(cell) for name in _item(parts, places)]


def _items(cell: str) -> Iterator[list[Piece]]:
    """The items of a cell, each as the text, code spans and links that it consists of."""
    item: list[Piece] = []
    for piece in pieces(cell):
        texts = list(split(piece.text)) if piece.kind == "text" else [""]
        for at, text in enumerate(texts):
            if at or piece.kind == "break":
                yield item
                item = []
            if piece.kind in ("code", "link"):
                item.append(piece)
            elif text:
                item.append(Piece("text", text))
    yield item


def _item(parts: list[Piece], places: PathLookup) -> Iterator[NamedPath]:
    """What an item names. Words around a code span or link make a sentence of it, which claims no path."""
    words = _REMARKS.sub(" ", " ".join(part.text for part in parts if part.kind == "text"))
    alone = len(parts) == 1 or all(map(_is_joint, words.split()))
    for part in parts:
        if part.kind == "text":
            yield from _text(part.text, places)
            continue
        found = [_path(unquote(part.text), places, certain=True)] if part.kind == "link" else _code(part.text, places)
        for name in found:
            yield name if alone or name.state != "present" else name._replace(state="sentence")


def _is_joint(word: str) -> bool:
    """Whether a word may stand between or after paths: "and", "lines 2-3", "section 2.6", a dash."""
    return word.casefold().strip(".:") in _JOINTS or not any(map(str.isalpha, word.lstrip("vL")))


def split(text: str) -> Iterator[str]:
    """The items of a list, without those between parentheses that belong to a remark."""
    start = 0
    for match in _SEPARATOR.finditer(text):
        if match[1]:
            yield text[start : match.start()].strip()
            start = match.end()
    yield text[start:].strip()


def _code(text: str, places: PathLookup) -> Iterator[NamedPath]:
    text = text.strip()
    whole = _path(text, places)
    if whole.state == "present" or not ("," in text or ";" in text):
        yield whole
        return
    for item in split(text):
        yield from _text(item, places)


def _text(item: str, places: PathLookup) -> Iterator[NamedPath]:
    """An item in running text: a path, blanks allowed, paths with nothing but joints around them, or prose."""
    if not item:
        return
    whole = _path(item, places)
    words = item.split()
    if len(words) == 1 or len(item) > MAX_PATH or whole.state not in ("prose", "missing"):
        yield whole
        return
    rest = [word for word in _REMARKS.sub(" ", item).split() if not _is_joint(word)]
    told = [_path(word.strip("()[].:\"'"), places) for word in rest if "/" in word or "." in word]
    if not any(name.state == "present" for name in told):
        yield _leading(whole, _path(words[0], places))
    elif len(told) == len(rest) and all(name.state != "prose" for name in told):
        yield from told
    else:
        yield NamedPath(item, "sentence")


def _leading(whole: NamedPath, first: NamedPath) -> NamedPath:
    """What an item with blanks is when no word of it exists: its first word if that is plainly a path, else the whole.

    "/speckit.plan passed" starts with a command, not with an absolute path.
    """
    if whole.state == "missing" or not ("/" in first.path or "\\" in first.path):
        return whole
    if first.state == "outside" and _SHORT_OF_COMMAND.match(first.path):
        return whole
    return first if first.state != "prose" else whole


def _path(text: str, places: PathLookup, certain: bool = False) -> NamedPath:
    """One name. `certain` says that it is meant as a path: then it is never prose."""
    if len(text) > MAX_PATH:
        return NamedPath(text, "prose")
    if _URL.match(text):
        return NamedPath(text, "url")
    if _OUTSIDE.match(text) and (certain or _looks_like_path(text) or len(text.split()) == 1):
        return NamedPath(text, "outside")
    tried = list(dict.fromkeys(_readings(text)))
    for path in tried:
        if full := places.find(path):
            return NamedPath(full, "present")
    if link := next(filter(places.is_link, tried), None):
        return NamedPath(link, "link")
    path = tried[-1]
    if not path or not (certain or _looks_like_path(path) or places.starts_in_folder(path)):
        return NamedPath(text, "prose")
    return NamedPath(path, "missing", next((full for path in tried if (full := places.find_other_case(path))), None))


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
