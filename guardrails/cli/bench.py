"""`speckit bench`: the same SPEC under several routing profiles, measured and compared."""

from __future__ import annotations

from math import isfinite
from typing import Any

import click

from guardrails.cli.context import global_options, merged
from guardrails.layout import STAGES

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
    from guardrails.cli import bench_run as work
    from guardrails.pipeline.bench_setup import Wanted
    from guardrails.pipeline.bench_trees import standard_workload

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
    show = work.Show(style, output, globals_)
    return work.estimated(wanted, show) if dry_run else work.benchmarked(wanted, show, resume=resume)


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
