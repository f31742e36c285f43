"""What git would store of files on disk: a checkout may have other line ends, another encoding, a `$Id$` that is filled
in, or the content of a Git LFS pointer.

This is the conversion of `git add` (`convert_to_git` in git's convert.c, gitattributes(5)) without filter drivers: they
are programs that a configuration names. Of them only Git LFS is known here, whose pointers follow from the content.
What goes through another driver is taken as it lies on disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from guardrails.git.catfile import blobs
from guardrails.git.repo import Repo, names_blob, to_bytes, to_text
from guardrails.snapshot.base import READ_LIMIT

MOST_ALONE = 4
"""Paths that are asked for one by one before all of the index is asked for at once: each time costs a process."""
_CONFIGURED = r"^(core\.autocrlf|filter\..*\.(clean|process))$"
_NAMES = ("text", "crlf", "eol", "ident", "filter", "working-tree-encoding")
_TEXT: Mapping[str, str] = {"set": "text", "unset": "binary", "input": "text", "auto": "auto"}
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER_LIMIT = 1024
_IDENT = rb"\$Id:[^$\n]*\$"
_ENCODING = r"(?i)utf-?(8|16|32)([lb]e)?(-bom)?"
# As git counts them: DEL and what is below a blank, but for BS, TAB, ESC and FF; line ends are counted apart.
_NONPRINTABLE = bytes({*range(32), 127} - {8, 9, 10, 12, 13, 27})


class Attributes(NamedTuple):
    """What gitattributes say of one path, each as `git check-attr` prints it."""

    text: str = "unspecified"
    crlf: str = "unspecified"
    eol: str = "unspecified"
    ident: str = "unspecified"
    filter: str = "unspecified"
    encoding: str = "unspecified"


class Conversion:
    """Attributes and configuration of one repository, each asked for once; paths are asked for together."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._known: dict[str, Attributes] = {}
        self._asked = 0

    def prepare(self, paths: Iterable[str]) -> None:
        """Ask at once for paths that are likely to be converted."""
        wanted = [path for path in paths if path not in self._known]
        if not wanted:
            return
        self._asked += 1
        if self._asked > MOST_ALONE:
            wanted = list(dict.fromkeys((*wanted, *(path for path in self._ids if path not in self._known))))
        asked = b"".join(to_bytes(path) + b"\0" for path in wanted)
        said = to_text(self._repo.run("check-attr", "--stdin", "-z", *_NAMES, stdin=asked)).split("\0")
        values = iter(said[2::3])
        for path in wanted:
            self._known[path] = Attributes(*islice(values, len(_NAMES)))

    def stored(self, path: str, data: bytes) -> bytes:
        """The content that git would store for a file."""
        self.prepare((path,))
        attributes = self._known[path]
        if attributes.filter == "lfs" and "lfs" in self._drivers:
            data = pointer(data)
        data = _decoded(data, attributes.encoding)
        if b"\r\n" in data:
            data = _line_ends(data, self._action(attributes), lambda: self._has_crlf(path, data))
        return re.sub(_IDENT, b"$Id$", data) if attributes.ident == "set" else data

    def driver(self, path: str) -> str | None:
        """The filter driver that a path goes through, where one is configured."""
        self.prepare((path,))
        name = self._known[path].filter
        return name if name in self._drivers else None

    def _action(self, attributes: Attributes) -> str:
        action = _TEXT.get(attributes.text) or _TEXT.get(attributes.crlf)
        if action is None and attributes.eol in ("lf", "crlf"):
            return "text"
        return action or ("auto" if self._autocrlf else "binary")

    @cached_property
    def _settings(self) -> list[tuple[str, str | None]]:
        """(key, value) in the order of precedence; a key without a value means true."""
        rows = to_text(self._repo.run("config", "-z", "--get-regexp", _CONFIGURED, ok=(0, 1))).split("\0")[:-1]
        return [(key, value if mark else None) for key, mark, value in (row.partition("\n") for row in rows)]

    @cached_property
    def _autocrlf(self) -> bool:
        values = [value for key, value in self._settings if key == "core.autocrlf"]
        return bool(values) and (values[-1] is None or values[-1].lower() in ("input", "true", "yes", "on", "1"))

    @cached_property
    def _drivers(self) -> frozenset[str]:
        return frozenset(key[7:].rpartition(".")[0] for key, value in self._settings if key[:7] == "filter." and value)

    @cached_property
    def _ids(self) -> dict[str, str]:
        """The blob of each path of the index."""
        rows = (row.partition(b"\t") for row in self._repo.run("ls-files", "--stage", "-z").split(b"\0")[:-1])
        fields = ((said.split(), path) for said, _, path in rows)
        return {
            to_text(path): said[1].decode("ascii") for said, path in fields if said[2] in b"02"
        }  # in a conflict: ours

    def _has_crlf(self, path: str, data: bytes) -> bool:
        """Whether the index has line ends of this kind: then they were meant, and git leaves them (git 2.10)."""
        object_id = self._ids.get(path)
        if object_id is None or names_blob(object_id, data.replace(b"\r\n", b"\n")):
            return False
        kept = next(blobs(self._repo, [object_id], READ_LIMIT))[1]
        return kept is not None and b"\r\n" in kept and not _is_binary(kept)


def pointer(content: bytes) -> bytes:
    """The Git LFS pointer of a file's content; a pointer stands for itself, and nothing for an empty file."""
    if not content or (len(content) < _POINTER_LIMIT and content.startswith(_POINTER)):
        return content
    return pointer_to(sha256(content).hexdigest(), len(content))


def pointer_to(digest: str, size: int) -> bytes:
    """The Git LFS pointer to content of this SHA-256 and size in bytes."""
    return b"%soid sha256:%s\nsize %d\n" % (_POINTER, digest.encode("ascii"), size)


def _decoded(data: bytes, encoding: str) -> bytes:
    """Content in UTF-8. What is not in its encoding stays: git refuses to add it."""
    if not re.fullmatch(_ENCODING, encoding):
        return data
    try:
        text = data.decode(re.sub("(?i)[lb]e-bom$", "", encoding))
    except (UnicodeDecodeError, LookupError):
        return data
    return text.encode("utf-8", "surrogatepass")


def _line_ends(data: bytes, action: str, has_crlf: Callable[[], bool]) -> bytes:
    if action == "binary" or (action == "auto" and (_is_binary(data) or has_crlf())):
        return data
    return data.replace(b"\r\n", b"\n")


def _is_binary(data: bytes) -> bool:
    """As git guesses it: a lone CR, a NUL, or more than one byte in 128 that nobody can read."""
    if b"\0" in data or data.count(b"\r") != data.count(b"\r\n"):
        return True
    ends = data.count(b"\n") + data.count(b"\r")
    bad = len(data) - len(data.translate(None, _NONPRINTABLE)) - data.endswith(b"\x1a")
    return (len(data) - ends - bad - data.endswith(b"\x1a")) >> 7 < bad
