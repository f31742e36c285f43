"""docs/cli.md from the commands themselves: their help, arguments and options, read through the lazy group.

Laid out here rather than by click, whose own layout differs between its releases.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import click

from guardrails.cli import cli
from guardrails.engine import CHECKS
from scripts.markdown_text import code, fence, prose, table

NOTE = "<!-- Rendered by scripts/render.py from the commands' own help: change it in guardrails/cli/. -->"
_COMMON, _JUDGING = "Options of every command", "Options of every check"


class Command(NamedTuple):
    """One command with its full name, as it is typed."""

    name: str
    command: click.Command


def commands(group: click.Group = cli, prefix: str = "speckit") -> Iterator[Command]:
    """Every command below a group, groups before their members."""
    context = click.Context(group, info_name=prefix)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield Command(f"{prefix} {name}", command)
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")


def render() -> str:
    """The whole page."""
    every = list(commands())
    common = _names(_options(cli)) - {"version"}
    judging = _shared(every) - common
    parts = [NOTE, "# Command line", *_help(cli), fence("speckit [OPTIONS] COMMAND [ARGS]...")]
    where = "Before the command's name, and for the commands that say so also after it; after wins."
    parts += [_index(every), f"## {_COMMON}", where, _table(_options(cli))]
    sample = next(row.command for row in every if row.name == f"speckit {CHECKS[0].name}")
    parts += [f"## {_JUDGING}", _table(option for option in _options(sample) if option.name in judging)]
    for row in every:
        parts += _section(row, common, judging)
    return "\n\n".join(parts) + "\n"


def _index(every: list[Command]) -> str:
    rows = [[f"[{code(row.name)}](#{row.name.replace(' ', '-')})", prose(_short(row.command))] for row in every]
    return table(["Command", "Does"], rows)


def _short(command: click.Command) -> str:
    first = inspect.cleandoc(command.short_help or command.help or "").split("\n\n")[0]
    return " ".join(first.split())


def _section(row: Command, common: set[str], judging: set[str]) -> list[str]:
    own = [option for option in _options(row.command) if option.name not in common | judging]
    parts = [f"## {row.name}", fence(" ".join([row.name, *_usage(row.command)])), *_help(row.command)]
    if own:
        parts.append(_table(own))
    taken = _names(_options(row.command))
    also = [_link(title) for title, names in ((_JUDGING, judging), (_COMMON, common)) if names <= taken]
    if also:
        parts.append(f"Also takes the {' and the '.join(also)}.")
    return parts


def _link(title: str) -> str:
    return f"[{title[:1].lower()}{title[1:]}](#{title.lower().replace(' ', '-')})"


def _usage(command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        yield "COMMAND"
    if _options(command):
        yield "[OPTIONS]"
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            name = parameter.metavar or _choices(parameter) or (parameter.name or "").upper()
            yield name if parameter.required or name.startswith("[") else f"[{name}]"


def _options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def _names(options: Iterable[click.Option]) -> set[str]:
    return {option.name for option in options if option.name}


def _shared(every: list[Command]) -> set[str]:
    """The options that all checks have."""
    wanted = {f"speckit {check.name}" for check in CHECKS}
    return set.intersection(*(_names(_options(row.command)) for row in every if row.name in wanted))


def _table(options: Iterable[click.Option]) -> str:
    return table(["Option", "Meaning"], [[code(_spelled(option)), _meaning(option)] for option in options])


def _spelled(option: click.Option) -> str:
    value = "" if option.is_flag else " " + (option.metavar or _choices(option) or (option.name or "").upper())
    return ", ".join(option.opts) + value


def _choices(parameter: click.Parameter) -> str:
    kind = parameter.type
    return "|".join(map(str, kind.choices)) if isinstance(kind, click.Choice) else ""


def _meaning(option: click.Option) -> str:
    shown = f" (default: {option.default})" if option.show_default and isinstance(option.default, str) else ""
    return prose((option.help or "") + shown)


def _help(command: click.Command) -> list[str]:
    """The help text as Markdown: click's `\\b` blocks keep their lines, examples become shell blocks."""
    blocks = inspect.cleandoc(f"{command.help or ''}\n\n{command.epilog or ''}").split("\n\n")
    return [_block(block) for block in blocks if block.strip()]


def _block(block: str) -> str:
    if not block.startswith("\b\n"):
        return prose(" ".join(block.split()))
    lines = block.removeprefix("\b\n").rstrip().splitlines()
    match = re.match(r"(?:Example|Begin with): +", lines[0])
    if match is None:
        return prose(" ".join(line.strip() for line in lines))
    return fence("\n".join(line[match.end() :] for line in lines), "sh")
