"""`speckit hal`: ask the HAL endpoints, or stand in for them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import click

from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.run_checks import load_settings
from guardrails.config.layout import STAGES
from guardrails.config.settings import (
    HAL,
    MOCK_BEHAVIOURS,
    PROBE_MODES,
    MockBehaviour,
    ProbeMode,
    Service,
    Settings,
    address_problem,
)
from guardrails.core.text import printable
from guardrails.errors import GuardrailError
from guardrails.evidence.lock import locked
from guardrails.evidence.names import new_session
from guardrails.evidence.store import EvidenceStore
from guardrails.git.repo import Repo, open_repo
from guardrails.secrets.redact import redactor_of
from guardrails.services.probes.mock import open_mock, serving
from guardrails.services.probes.records import Response
from guardrails.services.probes.run import (
    ProbeEnvironment,
    ProbeOutcome,
    ProbeRecords,
    ProbeSummary,
    is_local,
    run_probes,
    shortfall,
    target_of,
)
from guardrails.snapshot.worktree import Worktree

EXITS = {"passed": 0, "failed": 1, "skipped": 3}
"""Nothing that was skipped is a pass."""


@click.group("hal", short_help="Probe the HAL endpoints, or serve a mock of them.")
def command() -> None:
    """Probe the HAL endpoints, or serve a mock of them.

    \b
    Example:  speckit hal smoke --mode mock
    """


@command.command("smoke")
@click.argument("spec", required=False)
@click.option("--base-url", metavar="URL", help="Where HAL answers over HTTP (default: hal.base_url or hal.mcp).")
@click.option("--mode", type=click.Choice(PROBE_MODES), help="Whom to ask (default: hal.mode).")
@click.option(
    "--stage", type=click.Choice(STAGES), default="validate", show_default=True, help="Whose records to write."
)
@click.option("--dry-run", is_flag=True, help="Say who would be asked what. Ask nobody, write nothing.")
@global_options
@click.pass_context
def smoke(
    ctx: click.Context,
    /,
    *,
    spec: str | None,
    base_url: str | None,
    mode: ProbeMode | None,
    stage: str,
    dry_run: bool,
    **options: Any,
) -> int:
    """Ask each configured check of HAL once, and print a line for each. With a SPEC the responses become evidence.

    Exits 0 when all passed, 1 when one failed, 3 when nobody was asked: HAL is off or skipped, or has no address.

    \b
    Example:  speckit hal smoke --mode mock
              speckit hal smoke SPEC-KIT-DEMO --mode live --base-url http://127.0.0.1:7878
    """
    globals_ = merged(ctx, **options)
    repo = open_repo(globals_.repo)
    settings = load_settings(Worktree(repo), repo, globals_)
    settings = settings._replace(hal=_under_flags(settings.hal, base_url, mode))
    if spec is not None:
        spec = settings.layout.require_id(spec)
    if dry_run:
        _announce(settings, ProbeEnvironment(repo.environment, repo.root))
        return EXITS["skipped"]
    return _smoke(repo, settings, spec, stage, globals_)


def _under_flags(hal: Service, base_url: str | None, mode: ProbeMode | None) -> Service:
    if mode is not None:
        hal = hal._replace(mode=mode, origin="--mode", skip=False)
    if base_url is None:
        return hal
    problem = address_problem(base_url)
    if problem:
        raise GuardrailError(f"--base-url {problem[0]}", problem[1])
    if hal.mode == "mock" and not is_local(base_url):
        raise GuardrailError("--base-url is not on this machine, and a mock is", "ask it with --mode live")
    return hal._replace(base_url=base_url.rstrip("/"), mcp=())


def _announce(settings: Settings, probe_environment: ProbeEnvironment) -> None:
    hal = settings.hal
    redactor = redactor_of(settings, probe_environment.environment)
    for check in hal.checks if hal.mode != "off" else ():
        click.echo(f"{check.name}: would be asked")
    click.echo(printable(redactor.text(f"hal: {hal.mode} ({hal.origin}): would ask {target_of(hal)}")))


def _smoke(repo: Repo, settings: Settings, spec: str | None, stage: str, globals_: Globals) -> int:
    probe_environment = ProbeEnvironment(repo.environment, repo.root)
    if spec is None:
        outcome = run_probes(settings.hal, settings, probe_environment)
    else:
        session = new_session(settings.layout, spec, stage, datetime.now(timezone.utc))
        with locked(repo, spec, "speckit hal smoke"):
            outcome = run_probes(
                settings.hal, settings, probe_environment, ProbeRecords(EvidenceStore(repo.root), session)
            )
    _show(outcome, settings.hal, globals_)
    return EXITS[outcome.summary.status]


def _show(outcome: ProbeOutcome, hal: Service, globals_: Globals) -> None:
    for made in outcome.responses:
        if made.status != "passed" or not globals_.quiet:
            click.echo(printable(_line(made)))
    if globals_.quiet:
        return
    summary = outcome.summary
    passed = sum(made.status == "passed" for made in outcome.responses)
    count = f"{passed} of {len(outcome.responses)} passed"
    click.echo(printable(f"hal: {summary.status}: {count}; {_where(outcome.responses, summary)}"))
    if hal.mode == "off" and not hal.skip:
        click.echo("hint: --mode live asks the service, --mode mock a mock; hal.mode in .speckit.yaml says it for good")
    missing = shortfall(hal, summary)
    if missing:
        click.echo(printable(f"note: {missing}"))
    for file in summary.artifacts:
        click.echo(f"record: {printable(file.path)}")


def _line(made: Response) -> str:
    if made.reason is not None:
        return f"{made.check}: {made.status}: {made.reason}"
    status = "" if made.http_status is None else f"{made.http_status} "
    return f"{made.check}: {made.status}: {status}in {made.latency_ms} ms"


def _where(responses: Sequence[Response], summary: ProbeSummary) -> str:
    """The decision, and who was asked: without secrets, as it stands in the responses."""
    question = next((made.question for made in responses if made.question), None)
    whom = ""
    if question is not None:
        path = question.check.endpoint
        whom = f" at {question.url.removesuffix(path)}" if question.url else " over MCP"
    return f"{summary.mode}{whom} ({summary.origin})"


@command.command("mock")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port to answer at (default: any free one).")
@click.option("--mode", type=click.Choice(MOCK_BEHAVIOURS), default="healthy", show_default=True, help="How to answer.")
@global_options
@click.pass_context
def mock(ctx: click.Context, /, *, port: int, mode: MockBehaviour, **options: Any) -> int:
    """Serve the four HAL endpoints on this machine until Ctrl-C or SIGTERM. The first line printed is the address.

    failing answers with errors, two of them under status 200; slow never comes to an end; garbage is not JSON.

    \b
    Example:  speckit hal mock --port 7878 --mode failing
    """
    globals_ = merged(ctx, **options)
    stop = threading.Event()
    served = open_mock(HAL.checks, port, mode)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda _number, _frame: stop.set())
    with serving(served) as url:
        click.echo(url)
        if not globals_.quiet:
            click.echo(f"a mock of HAL, {mode}; Ctrl-C ends it", err=True)
        while not stop.wait(0.5):  # on Windows a wait without an end cannot be interrupted
            pass
    return 0
