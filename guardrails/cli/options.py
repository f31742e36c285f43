"""The options every command shares, and what they amount to."""

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class Globals(NamedTuple):
    """What was said before or after the command's name; after wins."""

    repo: str | None = None
    config: str | None = None
    color: str | None = None
    quiet: bool = False
    verbose: bool = False

    def under(self, other: "Globals") -> "Globals":
        """These, with what `other` says on top."""
        return Globals(
            other.repo or self.repo,
            other.config or self.config,
            other.color or self.color,
            self.quiet or other.quiet,
            self.verbose or other.verbose,
        )

    def colored(self, stream: Any = None) -> bool:
        """Whether to colour: --color, then NO_COLOR, then FORCE_COLOR, then whether it is a terminal."""
        if self.color in ("always", "never"):
            return self.color == "always"
        if os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("FORCE_COLOR"):
            return True
        return bool((stream or sys.stdout).isatty()) and os.environ.get("TERM") != "dumb"


_OPTIONS = (
    click.option("--repo", metavar="DIR", help="The repository to judge (default: the current one)."),
    click.option("--config", metavar="FILE", help="Configuration to use instead of the repository's .speckit.yaml."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), help="When to colour (default: auto)."),
    click.option("-q", "--quiet", is_flag=True, help="Only findings and errors."),
    click.option("-v", "--verbose", is_flag=True, help="Also every note and every skipped file."),
)


def global_options(function: F) -> F:
    """Add the options every command shares."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def merged(ctx: click.Context, **own: Any) -> Globals:
    """The globals of this call: those before the command's name, under its own."""
    outer = ctx.find_object(Globals) or Globals()
    return outer.under(Globals(**{name: own.pop(name) for name in Globals._fields}))


# The SPEC that a check of the whole repository may be narrowed to, among what a hook appends.


def spec_among(arguments: tuple[str, ...]) -> str | None:
    """The SPEC among the arguments. File names are ignored: they have a slash or a dot, or such a file is there.

    A word with `..` between slashes is no name that a hook appends: it is taken for a SPEC, and refused as one.
    """
    named = [word for word in arguments if not _is_file_name(word)]
    if len(named) > 1:
        raise click.UsageError("one SPEC at a time")
    return named[0] if named else None


def _is_file_name(word: str) -> bool:
    if ".." in word.replace(os.sep, "/").split("/"):
        return False
    return "/" in word or "." in word or (os.path.isfile(word) and "\0" not in word)
