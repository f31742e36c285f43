"""A commit message as git will keep it, judged before git has cut anything off it.

What a hook is shown may hold comments, and a diff below a line of scissors. Only what git drops for certain is left
out: `--cleanup` and `-v` are not told to a hook, and to search too much is safe.
"""

from typing import NamedTuple

from guardrails.git.repo import Repo

_SCISSORS = b" ------------------------ >8 ------------------------"
_ASKED = r"^(core\.comment(char|string)|commit\.(cleanup|verbose))$"
_STRIPPING = (b"", b"default", b"strip")
"""What commit.cleanup says where comment lines are dropped after an editor was open."""
_OFF = (b"false", b"no", b"off", b"0", b"")


class Cleanup(NamedTuple):
    """What git does to a message. `comment` begins a comment line, None where that is not known or nothing is
    dropped; `strips` says whether such lines are dropped, `cuts` whether scissors always cut."""

    comment: bytes | None = b"#"
    strips: bool = True
    cuts: bool = False


def cleanup(repo: Repo | None) -> Cleanup:
    """What git will do to the message of the commit that is being made."""
    if repo is None:
        return Cleanup()
    if repo.environment.get("GIT_EDITOR") == ":":  # git's word for: no editor was open
        return Cleanup(None, strips=False)
    comment, mode, verbose = b"#", b"", b"0"
    for row in repo.run("config", "-z", "--get-regexp", _ASKED, ok=(0, 1)).split(b"\0"):
        key, separator, value = row.partition(b"\n")
        if key.startswith(b"core."):
            comment = value
        elif key == b"commit.cleanup":
            mode = value.lower()
        elif key:
            verbose = value.lower() if separator else b"true"
    known = None if comment in (b"auto", b"") or mode in (b"verbatim", b"whitespace") else comment
    return Cleanup(known, mode in _STRIPPING, mode == b"scissors" or verbose not in _OFF)


def message_lines(data: bytes, cleaned: Cleanup) -> bytes:
    """The lines of a message that git keeps, each where it was: those it drops are empty.

    Below scissors nothing is kept where git is known to cut there, or where it put a diff there itself.
    """
    comment = cleaned.comment
    if comment is None:
        return data
    lines = data.split(b"\n")
    if comment + _SCISSORS in lines:
        at = lines.index(comment + _SCISSORS)
        if cleaned.cuts or _shows_diff(lines[at + 1 :], comment):
            lines = lines[:at]
    if cleaned.strips:
        lines = [b"" if line.startswith(comment) else line for line in lines]
    return b"\n".join(lines)


def _shows_diff(below: list[bytes], comment: bytes) -> bool:
    """Whether the lines below scissors are what `git commit -v` writes: its advice, then a diff."""
    first = next((at for at, line in enumerate(below) if not line.startswith(comment)), 0)
    return first > 0 and below[first].startswith(b"diff --")
