"""`speckit bench`: the same SPEC under several routing profiles, measured and compared."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from math import isfinite
from typing import Any, NamedTuple

import click

from guardrails.agents.run_context import RunContext
from guardrails.agents.types import CallProgress
from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.output import write_report
from guardrails.cli.report_options import rendered
from guardrails.cli.run_checks import load_run_config
from guardrails.config.layout import STAGES
from guardrails.core.cost import Cost, in_dollars, total
from guardrails.core.text import printable, utf8
from guardrails.evidence.lock import locked
from guardrails.git.repo import open_repo
from guardrails.reports import bench as bench_report
from guardrails.reports.bench import About, compare
from guardrails.runs.bench import setup
from guardrails.runs.bench.records import BenchPlan, folder_of, paid
from guardrails.runs.bench.run import Bench, BenchProgress, run
from guardrails.runs.bench.setup import BenchTarget, Expected, Wanted
from guardrails.runs.recovery import Retry
from guardrails.secrets.redact import redactor_of
from guardrails.snapshot.worktree import Worktree

MEASURED = ("plan", "tasks", "validate")
RUNS = 5


@click.command("bench", short_help="Compare routing profiles on the same SPEC.")
@click.argument("spec", required=False)
@click.option(
    "--profile", "profiles", metavar="NAME", multiple=True, help="A profile to compare; the first is the base."
)
@click.option("--runs", type=click.IntRange(1, 999), metavar="N", help=f"Runs of each profile (default: {RUNS}).")
@click.option("--stage", "stages", type=click.Choice(STAGES), multiple=True, help="Only these stages.")
@click.option("--standard", is_flag=True, help="Benchmark the workload that comes with the package, SPEC-KIT-900.")
@click.option("--workload", metavar="DIR", help="Benchmark the SPEC whose documents lie in DIR.")
@click.option("--dry-run", is_flag=True, help="Say what it will cost. Ask nobody, write nothing.")
@click.option("--resume", is_flag=True, help="Go on with the latest benchmark of the SPEC; with --runs, extend it.")
@click.option("--budget", type=click.FloatRange(0), metavar="USD", help="What all runs may cost (default: budget.usd).")
@click.option(
    "--format", "style", type=click.Choice(["text", "json", "markdown", "html"]), default="text", help="How to report."
)
@click.option("--output", metavar="FILE", help="Write the report to FILE instead of standard output.")
@global_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    spec: str | None,
    profiles: tuple[str, ...],
    runs: int | None,
    stages: tuple[str, ...],
    standard: bool,
    workload: str | None,
    dry_run: bool,
    resume: bool,
    budget: float | None,
    style: str,
    output: str | None,
    **options: Any,
) -> int:
    """Run plan, tasks and validate of a SPEC under each profile, by turns, and compare latency, tokens, cost,
    agreement, participation and acceptance: medians, spread, and whether there are runs enough to tell.

    HEAD is benchmarked, each run in a scratch clone; the repository's own evidence is left alone. Every profile is
    proved to be asked the same. Exits 1 when the budget ends it, 130 when interrupted; --resume goes on either way.

    \b
    Example:  speckit bench SPEC-KIT-900 --profile cheap --profile premium --dry-run
              speckit bench --standard --profile cheap --profile premium --runs 8 --budget 20
    """
    from guardrails.runs.bench.setup import Wanted
    from guardrails.runs.bench.trees import standard_workload

    globals_ = merged(ctx, **options)
    _refuse(spec, profiles, standard=standard, workload=workload, dry_run=dry_run, resume=resume, html=style == "html")
    if budget is not None and not isfinite(budget):
        raise click.UsageError(f"--budget {budget} is no amount")
    wanted = Wanted(
        profiles,
        tuple(stage for stage in STAGES if stage in stages) if stages else (() if resume else MEASURED),
        runs or (0 if resume else RUNS),
        spec,
        standard_workload() if standard else workload,
        budget,
    )
    show = Show(style, output, globals_)
    return estimated(wanted, show) if dry_run else benchmarked(wanted, show, resume=resume)


def _refuse(
    spec: str | None,
    profiles: tuple[str, ...],
    *,
    standard: bool,
    workload: str | None,
    dry_run: bool,
    resume: bool,
    html: bool,
) -> None:
    if standard and workload:
        raise click.UsageError("--standard and --workload name two workloads")
    if spec is None and not standard and workload is None:
        raise click.UsageError("name a SPEC, or --standard, or a --workload")
    if html and dry_run:
        raise click.UsageError("a bill has no page; --format html shows what was measured")
    if resume and dry_run:
        raise click.UsageError("--resume goes on, --dry-run does not begin")
    if len(dict.fromkeys(profiles)) < len(profiles):
        raise click.UsageError("a profile is named twice; equal ones are compared under two names")
    if len(profiles) < 2 and not (resume and not profiles):
        raise click.UsageError("a benchmark compares two profiles or more: --profile A --profile B")


# What `speckit bench` does: estimate, or run and report.


INTERRUPTED = 130


class Show(NamedTuple):
    """Where the report goes, in what form, and who is told how it goes."""

    style: str
    output: str | None
    globals_: Globals

    def report(self, run_context: RunContext, text: str) -> None:
        clean = redactor_of(run_context.settings, run_context.environment).text(text)
        write_report(utf8(clean), self.output)

    def say(self, line: str) -> None:
        if not self.globals_.quiet:
            click.echo(printable(line), err=True)

    def watch(self, progress: CallProgress) -> None:
        if self.globals_.verbose and progress.finished is not None:
            self.say(f"    {progress.agent}: {progress.finished.problem or 'answered'}")

    def tell(self, retry: Retry) -> None:
        self.say(f"    {retry.action}: {', '.join(retry.agents)} ({retry.reason})")


def _run_context(show: Show, wanted: Wanted) -> tuple[RunContext, Wanted]:
    """The operator's context, whatever profile the environment names: each run is under its own. All runs together may
    cost what was said, else what the configuration says of one."""
    repo = open_repo(show.globals_.repo)
    environ = {name: value for name, value in repo.environment.items() if name != "SPECKIT_PROFILE"}
    loaded = load_run_config(Worktree(repo), environ, show.globals_.config or environ.get("SPECKIT_CONFIG"))
    run_context = RunContext(repo, loaded.settings, loaded.run, environ, "", say=show.say)
    cap = loaded.run.budget.usd if wanted.cap_usd is None else wanted.cap_usd
    return run_context, wanted._replace(cap_usd=cap)


def estimated(wanted: Wanted, show: Show) -> int:
    """Report what the benchmark will cost."""
    run_context, wanted = _run_context(show, wanted)
    found = setup.target(run_context, wanted)
    commit, proofs, expected = setup.examined(found, wanted)
    note = setup.elsewhere(found, proofs)
    notes = (note,) if note else ()
    about = About(found.run_context.spec, "", found.source, commit, wanted.runs, proofs, wanted.cap_usd, Cost(), notes)
    made = bench_report.bill([_line(each) for each in expected], wanted.profiles, wanted.runs)
    about, made = redactor_of(run_context.settings, run_context.environment).value((about, made))
    text = rendered(
        show.style,
        partial(bench_report.estimate_view, about, made),
        partial(bench_report.estimate_document, about, made),
    )
    show.report(found.run_context, text)
    return 0


def _line(expected: Expected) -> bench_report.Line:
    calls = expected.calls
    expected_cost = total(call.cost for call in calls).total_micros
    return bench_report.Line(
        expected.profile,
        expected.stage,
        len(calls),
        sum(call.input_tokens + call.output_tokens for call in calls),
        None if expected_cost is None else in_dollars(expected_cost),
        tuple(dict.fromkeys(call.model or f"{call.agent} (no model)" for call in calls if call.usd is None)),
    )


def benchmarked(wanted: Wanted, show: Show, *, resume: bool) -> int:
    """Run what is missing, and report."""
    run_context, wanted = _run_context(show, wanted)
    found = setup.target(run_context, wanted)
    spec, repo = found.run_context.spec, run_context.repo
    with locked(repo, spec, "speckit bench"):
        plan, notes = (setup.taken_up(found, wanted), ()) if resume else _begun(found, wanted, show)
        folder, base = folder_of(repo, spec, plan.name), setup.base_in(found.run_context, plan)
        try:
            done = run(Bench(found.run_context, plan, folder, base, wanted.cap_usd, show.watch, show.tell))
        except KeyboardInterrupt:
            click.echo("interrupted; agents that were asked go on, for they are paid", err=True)
            click.echo(f"hint: {printable(_again(wanted, spec))}", err=True)
            return INTERRUPTED
    show.report(found.run_context, _shown(show.style, found.run_context, plan, wanted, done, notes))
    if done.halt is None:
        return 0
    click.echo(f"error: {printable(done.halt.message)}", err=True)
    click.echo(f"hint: {printable(done.halt.hint or '')}; then {printable(_again(wanted, spec))}", err=True)
    return done.halt.exit_code


def _begun(found: BenchTarget, wanted: Wanted, show: Show) -> tuple[BenchPlan, tuple[str, ...]]:
    earlier = setup.unfinished(found.run_context)
    if earlier:
        show.say(f"note: {earlier} is not finished; this is another one, --resume would have gone on with it")
    commit, proofs, _ = setup.examined(found, wanted)
    plan = setup.begun(found, wanted, commit, proofs, datetime.now(timezone.utc).replace(microsecond=0))
    note = setup.elsewhere(found, proofs)
    if note:
        show.say(f"note: {note}")
    return plan, (note,) if note else ()


def _again(wanted: Wanted, spec: str) -> str:
    """The command that goes on where this one ended."""
    return f"speckit bench {spec} --resume" + (f" --workload {wanted.workload}" if wanted.workload else "")


def _shown(
    style: str, run_context: RunContext, plan: BenchPlan, wanted: Wanted, done: BenchProgress, notes: tuple[str, ...]
) -> str:
    about = About(
        plan.spec, plan.name, plan.source, plan.commit, plan.runs, plan.proofs, wanted.cap_usd, paid(done.rounds), notes
    )
    found = compare(done.samples, plan.profiles, plan.stages)
    redactor = redactor_of(run_context.settings, run_context.environment)
    about, found, samples = redactor.value((about, found, tuple(done.samples)))
    made = partial(bench_report.view, about, found, datetime.now(timezone.utc))
    return rendered(style, made, partial(bench_report.as_document, about, found, samples))
