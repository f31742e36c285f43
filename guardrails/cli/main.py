"""The `speckit` command: parses, calls, and turns every way of ending into an exit code."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from guardrails import __version__
from guardrails.cli.options import Globals, global_options
from guardrails.cli.output import prepare
from guardrails.errors import GuardrailError

INTERRUPTED = 130
INTERNAL = 70
USAGE = 2

# name → (module of `guardrails.cli` with a `command`, one line of help). Modules are imported when they are called.
COMMANDS: dict[str, tuple[str, str]] = {
    "guard": ("guard", "Every check bound to a hook, in one process."),
    "clean-tree": ("check", "Judge whether the working tree is clean."),
    "footprint": ("check", "Judge how much evidence each SPEC keeps."),
    "lint": ("check", "Judge the tracker (SPEC.md) and the SPECs' documents."),
    "transitions": ("check", "Judge how the tracker changed, commit by commit."),
    "validate": ("check", "Judge telemetry and all other evidence files."),
    "accept": ("accept", "Judge what a SPEC's acceptance.yaml declares."),
    "secrets": ("check", "Judge whether anything added holds a secret."),
    "auto": ("auto", "Take a SPEC through its stages: guardrails, agents, verdicts."),
    "runs": ("runs", "List the runs of SPECs, or show one."),
    "consensus": ("consensus", "Judge the agents' agreement, recomputed."),
    "evidence": ("evidence", "Verify evidence, archive it, bring it back, measure it."),
    "stage": ("stage", "Run the guardrail of one stage, and record it."),
    "hal": ("hal", "Probe the HAL endpoints, or serve a mock of them."),
    "ready": ("ready", "Ask whether a run can begin: agents, servers, programs, disk."),
    "cost": ("cost", "What the agents of a SPEC have cost, by stage."),
    "context": ("context", "Make the context kit of a SPEC, or check it."),
    "security": ("security", "Keep the security review of a SPEC, sign it off, or check it."),
    "memory": ("memory", "Keep what was learned, and find it again."),
    "status": ("status", "The state of each SPEC, and the step to take next."),
    "adoption": ("adoption", "Runs a week by profile: outcomes, latency, cost, alerts."),
    "audit": ("audit", "The audit packet of a SPEC: verdicts, costs, conflicts, sign-off."),
    "qa": ("qa", "Whether the telemetry of a SPEC can be trusted."),
    "report": ("report", "Every report as a page, bound into one site."),
    "bench": ("bench", "Compare routing profiles on the same SPEC."),
    "init": ("init", "Set a repository up: configuration and hooks."),
    "install": ("install", "Install native git hooks, or remove them."),
    "doctor": ("doctor", "Check that the guardrails can do their work here."),
    "demo": ("demo", "Make a sample repository and take its SPEC through a run."),
    "rules": ("rules", "List every rule."),
    "explain": ("explain", "Explain one rule: what, why, an example, how to fix it."),
    "config": ("config", "Show each effective setting and where it comes from."),
    "completion": ("completion", "Print the completion script of a shell."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called: hooks start often."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        row = COMMANDS.get(cmd_name)
        if row is None:
            return None
        module: Any = import_module("guardrails.cli." + row[0])
        made: click.Command = module.make(cmd_name) if row[0] == "check" else module.command
        return made

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, row[1]) for name, row in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"no such command '{name}'." + (f" Did you mean '{near[0]}'?" if near else ""))
        return super().resolve_command(ctx, args)


EPILOG = """\b
Exit codes: 0 examined and holds; 1 findings; 2 usage or configuration error;
3 undecided (nothing was examined, or the answer cannot be known here);
4 consensus conflict; 5 consensus degraded; 70 internal error; 130 interrupted.

\b
Begin with:  speckit init
             speckit guard
"""


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="speckit")
@global_options
@click.pass_context
def cli(ctx: click.Context, /, **options: Any) -> None:
    """Guardrails for spec-driven repositories: a green light means something was examined and holds."""
    ctx.obj = Globals(**options)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(USAGE)


def main() -> None:
    """The console script. Never shows a traceback."""
    prepare()
    code = _run()
    judge = sys.modules.get("guardrails.cli.run_checks")
    if judge is not None and isinstance(code, judge.FinalExit):
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """End at once. Python would first take a hundred thousand values apart, which the system frees in one go."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _run() -> int:
    try:
        code = cli.main(prog_name="speckit", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        _show_usage(error)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except GuardrailError as error:
        from guardrails.cli.output import show_problem

        show_problem(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001  the last line of defence: a report file instead of a traceback
        from guardrails.cli.crash import refusal, report
        from guardrails.cli.output import show_problem

        refused = refusal(error)
        show_problem(refused or report(error))
        return USAGE if refused else INTERNAL
    return code if isinstance(code, int) else 0


def _show_usage(error: click.ClickException) -> None:
    """As click shows it, but what was typed is escaped: arguments can come from anywhere."""
    from guardrails.core.text import printable

    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):  # what it says is the help itself
        click.echo(error.format_message(), err=True)
        return
    context = getattr(error, "ctx", None)
    if context is not None:
        click.echo(context.get_usage(), err=True)
        click.echo(f"Try '{context.command_path} --help' for help.\n", err=True)
    click.echo(f"Error: {printable(error.format_message())}", err=True)
