"""What `speckit bench` does: estimate, or run and report."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import NamedTuple

import click

from guardrails.agents.calls import Progress
from guardrails.cli.context import Globals
from guardrails.cli.judge import load_run_config
from guardrails.cli.report import write_report
from guardrails.evidence.lock import locked
from guardrails.git import open_repo
from guardrails.pipeline import bench_setup as setup
from guardrails.pipeline.bench import Bench, Benched, run
from guardrails.pipeline.bench_records import Plan, folder_of
from guardrails.pipeline.bench_sample import paid
from guardrails.pipeline.bench_setup import Expected, Target, Wanted
from guardrails.pipeline.recovery import Retry
from guardrails.pipeline.world import World
from guardrails.printable import printable, utf8
from guardrails.redaction import needles, redacted, redacted_within
from guardrails.reports import bench_bill, bench_shown
from guardrails.reports.bench import compare
from guardrails.reports.bench_shown import About
from guardrails.reports.documents import written
from guardrails.reports.values import Money
from guardrails.snapshot.worktree import Worktree

INTERRUPTED = 130


class Show(NamedTuple):
    """Where the report goes, in what form, and who is told how it goes."""

    style: str
    output: str | None
    globals_: Globals

    def report(self, world: World, text: str) -> None:
        known = needles(world.settings.secrets.variables, world.environment)
        clean: str = redacted(text, known)
        write_report(utf8(clean), self.output)

    def say(self, line: str) -> None:
        if not self.globals_.quiet:
            click.echo(printable(line), err=True)

    def watch(self, progress: Progress) -> None:
        if self.globals_.verbose and progress.finished is not None:
            self.say(f"    {progress.agent}: {progress.finished.problem or 'answered'}")

    def tell(self, retry: Retry) -> None:
        self.say(f"    {retry.action}: {', '.join(retry.agents)} ({retry.reason})")


def _world(show: Show, wanted: Wanted) -> tuple[World, Wanted]:
    """The operator's world, whatever profile the environment names: each run is under its own. All runs together may
    cost what was said, else what the configuration says of one."""
    repo = open_repo(show.globals_.repo)
    environ = {name: value for name, value in repo.environment.items() if name != "SPECKIT_PROFILE"}
    loaded = load_run_config(Worktree(repo), environ, show.globals_.config or environ.get("SPECKIT_CONFIG"))
    world = World(repo, loaded.settings, loaded.run, environ, "", say=show.say)
    cap = loaded.run.budget.usd if wanted.cap_usd is None else wanted.cap_usd
    return world, wanted._replace(cap_usd=cap)


def estimated(wanted: Wanted, show: Show) -> int:
    """Report what the benchmark will cost."""
    world, wanted = _world(show, wanted)
    found = setup.target(world, wanted)
    commit, proofs, expected = setup.examined(found, wanted)
    note = setup.elsewhere(found, proofs)
    notes = (note,) if note else ()
    about = About(found.world.spec, "", found.source, commit, wanted.runs, proofs, wanted.cap_usd, Money(), notes)
    made = bench_bill.bill([_line(each) for each in expected], wanted.profiles, wanted.runs)
    known = needles(world.settings.secrets.variables, world.environment)
    about, made = redacted_within((about, made), known)
    if show.style == "json":
        text = written(bench_bill.as_document(about, made))
    else:
        text = (bench_bill.as_markdown if show.style == "markdown" else bench_bill.as_text)(about, made)
    show.report(found.world, text)
    return 0


def _line(expected: Expected) -> bench_bill.Line:
    calls = expected.calls
    known = [call.usd for call in calls if call.usd is not None]
    return bench_bill.Line(
        expected.profile,
        expected.stage,
        len(calls),
        sum(call.input_tokens + call.output_tokens for call in calls),
        sum(known) if len(known) == len(calls) else None,
        tuple(dict.fromkeys(call.model or f"{call.agent} (no model)" for call in calls if call.usd is None)),
    )


def benchmarked(wanted: Wanted, show: Show, *, resume: bool) -> int:
    """Run what is missing, and report."""
    world, wanted = _world(show, wanted)
    found = setup.target(world, wanted)
    spec, repo = found.world.spec, world.repo
    with locked(repo, spec, "speckit bench"):
        plan, notes = (setup.taken_up(found, wanted), ()) if resume else _begun(found, wanted, show)
        folder, base = folder_of(repo, spec, plan.name), setup.base_in(found.world, plan)
        try:
            done = run(Bench(found.world, plan, folder, base, wanted.cap_usd, show.watch, show.tell))
        except KeyboardInterrupt:
            click.echo("interrupted; agents that were asked go on, for they are paid", err=True)
            click.echo(f"hint: {printable(_again(wanted, spec))}", err=True)
            return INTERRUPTED
    show.report(found.world, _shown(show.style, found.world, plan, wanted, done, notes))
    if done.halt is None:
        return 0
    click.echo(f"error: {printable(done.halt.message)}", err=True)
    click.echo(f"hint: {printable(done.halt.hint or '')}; then {printable(_again(wanted, spec))}", err=True)
    return done.halt.exit_code


def _begun(found: Target, wanted: Wanted, show: Show) -> tuple[Plan, tuple[str, ...]]:
    earlier = setup.unfinished(found.world)
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


def _shown(style: str, world: World, plan: Plan, wanted: Wanted, done: Benched, notes: tuple[str, ...]) -> str:
    money = paid(done.rounds)
    amount = Money(
        money.usd, money.tokens, money.source, money.calls, money.priced_calls, money.priced_calls < money.calls
    )
    about = About(plan.spec, plan.name, plan.source, plan.commit, plan.runs, plan.proofs, wanted.cap_usd, amount, notes)
    found = compare(done.samples, plan.profiles, plan.stages)
    known = needles(world.settings.secrets.variables, world.environment)
    about, found, samples = redacted_within((about, found, tuple(done.samples)), known)
    if style == "json":
        return written(bench_shown.as_document(about, found, samples))
    if style == "html":
        from guardrails.reports.bench_page import bench_page

        return bench_page(about, found, datetime.now(timezone.utc))
    return (bench_shown.as_markdown if style == "markdown" else bench_shown.as_text)(about, found)
