"""How long a command takes before it has anything to do, and with one small file to judge."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from benchmarks import telemetry
from benchmarks.data import repository
from benchmarks.environment import check_jsonschema, speckit
from benchmarks.measure import Command, interleave
from benchmarks.rows import Claim, Limit, Pair, Row, rows
from benchmarks.setting import Setting

TIMES = 25
CLICK = "import click\n@click.command()\ndef main():\n    click.echo('ok')\nmain()\n"
"""The least that a click program does: import click, run one command, print a word."""


def bare_click(folder: str) -> Command:
    return Command("bare click", (sys.executable, "-c", CLICK), folder, says="ok")


def version(setting: Setting) -> Iterator[Row]:
    """`speckit --version` against the least a click program can do."""

    def measure() -> list[Pair]:
        ours = Command("speckit --version", (*speckit(), "--version"), setting.folder, says="speckit")
        theirs, mine = interleave([bare_click(setting.folder), ours], setting.environment, setting.times(TIMES))
        return [(mine, theirs)]

    yield from rows([Claim("start", "speckit --version", "bare click")], measure)


def one_file(setting: Setting) -> Iterator[Row]:
    """One telemetry file through `speckit validate FILE` against check-jsonschema with the same schema."""

    def measure() -> list[Pair]:
        files = list(telemetry.sessions(1))
        root = os.path.join(setting.folder, "one")
        repository(root, setting.environment, files)
        name = files[0][0]
        argv = (*speckit(), "validate", name)
        ours = Command("speckit validate", argv, root, says="1 of 1 checked")
        peer = Command("check-jsonschema", (*check_jsonschema(setting.environment), name), root)
        theirs, mine = interleave([peer, ours], setting.environment, setting.times(TIMES))
        return [(mine, theirs)]

    yield from rows([Claim("one-file", "validate one telemetry file", "check-jsonschema", Limit(0.35))], measure)
