"""The commands that run one check each, made from its registry row."""

from __future__ import annotations

from typing import Any

import click

from guardrails.cli.options import merged
from guardrails.cli.run_checks import Request, judge, judging_options
from guardrails.engine.registry import Check, check_named

NARROWS = frozenset({"validate"})
"""Checks that judge only the files they are given; the others judge the repository as a whole."""


_WHOLE = "The whole repository is judged; file names are accepted and ignored."


def make(name: str) -> click.Command:
    """The click command of the check with that name."""
    check = check_named(name)
    narrows = name in NARROWS

    @click.pass_context
    @judging_options
    def run(ctx: click.Context, /, **options: Any) -> int:
        globals_ = merged(ctx, **options)
        return _run(check, narrows, options, globals_)

    scope = "Every FILE that is named is judged, or all evidence when none is." if narrows else _WHOLE
    run = click.argument("files", nargs=-1, metavar="[FILE]...")(run)
    for option in _EXTRAS.get(name, ()):
        run = option(run)
    text = f"{check.summary}\n\n{scope}\n\n\b\nExample:  {check.example}"
    return click.command(name, help=text, short_help=check.summary)(run)


def _run(check: Check, narrows: bool, options: dict[str, Any], globals_: Any) -> int:
    if options.get("fix"):
        from guardrails.cli.fix import fix  # loads the reader of Markdown

        fix(globals_, dry_run=options["dry_run"])
        if options["dry_run"]:
            return 0
    request = Request(
        command=check.name,
        checks=(check,),
        source=options["source"],
        files=options["files"] if narrows else (),
        format=options["format"],
        output=options["output"],
        exit_zero=options["exit_zero"],
        if_any=options["if_any"],
    )
    return judge(request, globals_)


_EXTRAS = {
    "lint": (
        click.option("--dry-run", is_flag=True, help="With --fix: show what would change, change nothing."),
        click.option("--fix", is_flag=True, help="First mend padding, alignment and date style in the working tree."),
    ),
}
