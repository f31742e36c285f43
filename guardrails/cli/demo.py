"""`speckit demo`: a whole run to look at, with recorded agents."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from guardrails.cli.options import global_options, merged
from guardrails.core.text import printable
from guardrails.errors import GuardrailError

CONFLICT = 4
_SWITCHES = ("SPECKIT_", "SPEC_OPS_", "SPEC_KIT_")


@click.command("demo", short_help="Make a sample repository and take its SPEC through a run.")
@click.argument("folder", required=False, metavar="[DIR]")
@global_options
@click.pass_context
def command(ctx: click.Context, /, *, folder: str | None, **options: Any) -> int:
    """Make a repository with one SPEC in DIR (default: a new folder) and run it with recorded agents: nobody is called,
    nothing is paid.

    The run halts on a conflict between two documents, shows it, goes on once it is settled, and reaches unlock. Then
    the evidence is committed and judged by the guardrails. DIR must be empty.

    \b
    Example:  speckit demo
    """
    from guardrails.runs.run import require_dbos
    from guardrails.setup import sample

    quiet = merged(ctx, **options).quiet
    require_dbos()
    place = folder if folder is not None else tempfile.mkdtemp(prefix="speckit-demo-")
    with _own_switches():
        repo = sample.make(place, os.environ)
        stage = _Stage(repo.root, quiet)
        stage.tell(f"A sample repository lies in {repo.root}: {sample.SPEC}, and recorded answers of its agents.")
        stage.speckit(CONFLICT, "auto", sample.SPEC)
        stage.tell("The agents found two documents that contradict each other. Nothing is built on that:")
        stage.speckit(CONFLICT, "consensus", "resolve", "plan", sample.SPEC)
        stage.tell("A person settles it, once and on record, and the run goes on where it was; nobody is asked twice:")
        stage.speckit(0, "consensus", "resolve", "plan", sample.SPEC, "--conflict", "1", "--because", sample.SETTLED)
        stage.speckit(0, "auto", sample.SPEC, "--resume")
        stage.tell("The evidence is committed, and judged as every clone and CI would judge it:")
        stage.shown("git add --all && git commit --message 'Evidence of the first run'")
        sample.commit(repo, "Evidence of the first run")
        stage.speckit(0, "guard", "--hook", "pre-push", "--source", "HEAD")
    _end(repo.root, sample.SPEC)
    return 0


class _Stage:
    """Carries out commands in the sample, each shown as it would be typed there."""

    def __init__(self, root: str, quiet: bool) -> None:
        self._root, self._quiet = root, quiet

    def tell(self, text: str) -> None:
        if not self._quiet:
            click.echo(f"\n{printable(text)}")

    def shown(self, line: str) -> None:
        if not self._quiet:
            click.echo(f"\n$ {printable(line)}")

    def speckit(self, expected: int, *words: str) -> None:
        """Run one command as the console script does. Raises GuardrailError when it ends in another way."""
        from guardrails.cli.main import cli
        from guardrails.runs import workflow

        self.shown(shlex.join(("speckit", *words)))
        options = ["--repo", self._root, *(["--quiet"] if self._quiet else [])]
        code = cli.main([*options, *words], prog_name="speckit", standalone_mode=False)
        if words[0] == "auto":
            workflow.close()
        if code != expected:
            raise GuardrailError(
                f"the demo expected 'speckit {' '.join(words[:2])}' to exit {expected}, it was {code}",
                f"please report it; the sample lies in {self._root}",
            )


@contextmanager
def _own_switches() -> Iterator[None]:
    """Without what the environment switches: it is meant for the user's own repositories."""
    taken = {name: os.environ.pop(name) for name in tuple(os.environ) if name.startswith(_SWITCHES)}
    try:
        yield
    finally:
        os.environ.update(taken)


def _end(root: str, spec: str) -> None:
    rows = (
        (f"docs/{spec}/", "the SPEC's documents"),
        ("docs/evidence/consensus/", "each agent's answer, the synthesis, the verdict, what settled the conflict"),
        ("docs/evidence/commands/", "what the guardrail of each stage found"),
        ("docs/evidence/costs/, runs/", "what it cost; the summary of the run, and its ledger"),
        (".git/speckit/", "the journal that runs are resumed from, the calls, the memories"),
    )
    tries = (
        ("speckit runs show", "the run, stage by stage"),
        (f"speckit status {spec}", "where the SPEC stands"),
        (f'speckit memory search "spec:{spec} stage:plan"', "what is remembered of it"),
        (f"speckit auto {spec} --dry-run", "what another run would ask, and what it would cost"),
        (f"echo more >> docs/{spec}/spec.md; speckit consensus check", "a verdict is about certain bytes"),
    )
    click.echo(f"\nAll of it lies in {printable(root)}:")
    _table(rows)
    click.echo(f"\nTry next, in that folder{_path_hint()}:")
    _table(tries)


def _table(rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, what in rows:
        click.echo(f"  {name:<{width}}  {what}")


def _path_hint() -> str:
    """What a shell needs that does not find this installation, as when it was made in a folder of its own."""
    here = shutil.which("speckit", path=os.path.dirname(sys.executable))
    if here is None or shutil.which("speckit") is not None:
        return ""
    return f", after export PATH={printable(shlex.quote(os.path.dirname(here)))}:$PATH"
