"""The line of `.gitattributes` that keeps git from converting evidence: its digests are of bytes."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from guardrails.git.repo import Repo, to_text

FILE_NAME = ".gitattributes"
# One file of each kind of name that evidence has: a later line may be about some of them.
_NAMES = (
    "x",
    "commands/x/x.json",
    "commands/x/x.md",
    "runs/x/x.jsonl",
    "runs/x/x.sig",
    "archive/x/x.tar.gz",
    "x/x.html",
)
_COMMENT = "# Evidence is sealed by digests of its bytes: no line endings are converted."


class AmendedAttributes(NamedTuple):
    """The text of the file with the line; `done` says what that makes of the file."""

    text: str
    done: Literal["written", "amended"]


def line_for(root: str) -> str:
    """The line for an evidence root, its name taken literally."""
    pattern = "/" + re.sub(r"([\\*?\[])", r"\\\1", root) + "/**"
    if re.search(r"[\s\"]", pattern):
        pattern = (
            '"' + pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\n", "\\n") + '"'
        )
    return f"{pattern} -text"


def converted(repo: Repo, root: str) -> bool:
    """Whether git may convert the line endings of a file of evidence."""
    asked = b"".join(f"{root}/{name}\0".encode("utf-8", "surrogateescape") for name in _NAMES)
    said = to_text(repo.run("check-attr", "--stdin", "-z", "text", stdin=asked)).split("\0")
    return any(value != "unset" for value in said[2::3])


def amended(text: str | None, root: str) -> AmendedAttributes | None:
    """The file with the line at its end, where it wins; None when it stands there and something else wins."""
    line = line_for(root)
    if text is None:
        return AmendedAttributes(f"{_COMMENT}\n{line}\n", "written")
    if line in text.splitlines()[-1:]:
        return None
    start = text if not text or text.endswith("\n") else text + "\n"
    return AmendedAttributes(f"{start}{_COMMENT}\n{line}\n", "amended")


def checked_out_converted(repo: Repo, root: str) -> int:
    """How many files of evidence lie here with other line endings than git has, and would be stored so."""
    rows = repo.run("ls-files", "--eol", "-z", "--", root).split(b"\0")
    return sum(bool(re.match(rb"i/lf +w/(crlf|mixed) +attr/-text", row)) for row in rows)
