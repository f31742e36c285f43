"""Replay the console sessions of a Markdown page, so that what it shows is what happens.

    python scripts/transcript.py FILE...    run each ```console block again and write what it printed

A block is one session: lines that begin with `$ ` are typed (`> ` continues one), all others are what was printed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_BETWEEN = "\x1e"


def replayed(page: str) -> str:
    """The page with the output of each session as it is now."""
    return _BLOCK.sub(lambda match: f"```console\n{_session(match[1])}```", page)


def sessions(page: str) -> list[str]:
    """The text of each session of a page."""
    return _BLOCK.findall(page)


def _session(text: str) -> str:
    typed = [[""]]
    for line in text.splitlines():
        if line.startswith("$ "):
            typed.append([line])
        elif line == ">" or line.startswith("> "):
            typed[-1].append(line)
    printed = _run([[line[2:] for line in lines] for lines in typed[1:]])
    return "".join("\n".join(lines) + "\n" + out for lines, out in zip(typed[1:], printed, strict=True))


def _run(commands: list[list[str]]) -> list[str]:
    """What each command prints, all in one shell that begins in an empty directory."""
    script = "exec 2>&1\n" + "".join("\n".join(lines) + f"\nprintf '{_BETWEEN}'\n" for lines in commands)
    with TemporaryDirectory() as home:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=_place(home),
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    return done.stdout.decode("utf-8").split(_BETWEEN)[: len(commands)]


def _place(home: str) -> str:
    place = os.path.join(home, "work")
    os.mkdir(place)
    return place


def _environment(home: str) -> dict[str, str]:
    """A user with a name and no other configuration, and the speckit beside this Python."""
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", os.defpath)
    identity = {
        f"GIT_{who}_{what}": "dev@example.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return {"PATH": path, "HOME": home, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8", **identity}


def main(names: list[str]) -> int:
    """The script. Returns its exit code."""
    for name in names:
        page = Path(name).read_text(encoding="utf-8")
        Path(name).write_text(replayed(page), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
