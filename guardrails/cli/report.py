"""`speckit report`: every report as a page, bound into one site."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from guardrails.cli.options import Globals, global_options, merged
from guardrails.cli.output import write_report
from guardrails.cli.report_options import NOTHING, ReportScope, clean, redacted, report_scope
from guardrails.core.text import printable
from guardrails.errors import GuardrailError

if TYPE_CHECKING:
    from guardrails.reports.view import Link, View


FOLDER = "report"
"""Below `speckit` in the git directory, where a site makes no tree dirty."""


class SitePage(NamedTuple):
    """One page of the site."""

    link: Link
    view: View


@click.command("report", short_help="Every report as a page, bound into one site.")
@click.option("--source", metavar="SOURCE", help="Where to read: worktree, index or a revision (default: worktree).")
@click.option("--output", metavar="DIR", help="Where to write the pages (default: in the git directory).")
@click.option("--spec", "specs", multiple=True, metavar="SPEC", help="Only the audit and QA of this SPEC (repeatable).")
@click.option("--weeks", type=click.IntRange(1, 520), default=8, show_default=True, help="ISO weeks to look back.")
@click.option("--open", "opened", is_flag=True, help="Show the index in the browser.")
@global_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    source: str | None,
    output: str | None,
    specs: tuple[str, ...],
    weeks: int,
    opened: bool,
    **options: Any,
) -> int:
    """Status, adoption, and the audit and QA of each SPEC with evidence: one self-contained file each, and an index.

    Nothing is fetched when they are read and nothing runs in them. Prints where the index lies. Exits 3 when there is
    no SPEC to report on.

    \b
    Example:  speckit report --open
              speckit report --output site --spec SPEC-KIT-900
    """
    globals_ = merged(ctx, **options)
    scope = report_scope(globals_, source)
    chosen = tuple(scope.settings.layout.require_id(spec) for spec in specs)
    folder = output or os.path.join(scope.repo.git_dir(), "speckit", FOLDER)
    pages = _pages(scope, globals_, chosen, weeks)
    if not pages:
        click.echo(printable(f"there is no SPEC to report on in {scope.snapshot.describe()}"), err=True)
        return NOTHING
    index = _write(scope, folder, pages)
    click.echo(printable(index))
    if opened:
        import webbrowser
        from pathlib import Path

        webbrowser.open(Path(index).absolute().as_uri())
    return 0


def _write(scope: ReportScope, folder: str, pages: list[SitePage]) -> str:
    """Write every page and the index, and say where that lies."""
    from guardrails.reports.formats.html import render
    from guardrails.reports.formats.plain_json import moment
    from guardrails.reports.view import Links, Section, View

    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise GuardrailError(f"{folder}: {error.strerror}", "name a directory with --output") from error
    links = Links(tuple(page.link for page in pages))
    where, made = f"from {scope.snapshot.describe()}", moment(scope.now) or ""
    index = View("Reports", where, made, (), (Section("reports", "Reports", (links,)),))
    for name, view in (("index.html", index), *((page.link.href, page.view) for page in pages)):
        write_report(clean(scope, render(view)), os.path.join(folder, name))
    return os.path.join(folder, "index.html")


def _pages(scope: ReportScope, globals_: Globals, chosen: tuple[str, ...], weeks: int) -> list[SitePage]:
    from guardrails.reports import adoption, status
    from guardrails.reports.reduce import reduce_evidence
    from guardrails.reports.view import Link

    facts = reduce_evidence(scope.snapshot, scope.settings)
    if not facts.specs:
        return []
    seen = {*(each.spec for each in facts.records), *(each.spec for each in facts.sessions)}
    specs = [spec for spec in facts.specs if spec in (chosen or seen)]
    limits, now = scope.settings.evidence, scope.now
    first = (
        Link("index.html", "Reports"),
        Link("status.html", "Status", "the state of every SPEC, and the step to take next"),
        Link("adoption.html", "Adoption", "runs a week by profile: outcomes, latency, cost, alerts"),
    )
    states = redacted(scope, status.status_report(facts, scope.settings, now, 24.0))
    adopted = redacted(scope, adoption.adoption_report(facts, now, weeks))
    made = [
        SitePage(first[1], status.view(states, limits, now)._replace(links=first)),
        SitePage(first[2], adoption.view(adopted, limits, now)._replace(links=first)),
    ]
    made += [page for spec in specs for page in _of_spec(scope, globals_, spec, weeks, first)]
    return [*made, *(page for spec in specs for page in _benchmark(scope, spec, first))]


def _benchmark(scope: ReportScope, spec: str, first: tuple[Link, ...]) -> Iterator[SitePage]:
    """The latest benchmark of a SPEC that was made here: it is about profiles, not about a snapshot."""
    from guardrails.reports.bench import About, compare, view
    from guardrails.reports.view import Link
    from guardrails.runs.bench.records import latest, order, paid

    known = latest(scope.repo, spec)
    done = known[0].all_done(order(len(known[1].profiles), known[1].runs), known[1].stages) if known else []
    if known is None or not done:
        return
    plan = known[1]
    cost = paid([round_ for each in done for round_ in each.rounds])
    about = About(plan.spec, plan.name, plan.source, plan.commit, plan.runs, plan.proofs, None, cost)
    link = Link(f"bench-{spec}.html", f"Benchmark of {spec}", f"{', '.join(plan.profiles)} on {', '.join(plan.stages)}")
    found = compare([each.sample for each in done], plan.profiles, plan.stages)
    yield SitePage(link, view(*redacted(scope, (about, found)), scope.now)._replace(links=(*first, link)))


def _of_spec(
    scope: ReportScope, globals_: Globals, spec: str, weeks: int, first: tuple[Link, ...]
) -> Iterator[SitePage]:
    """The audit and the QA of one SPEC, each leading to the other."""
    from guardrails.cli import audit, qa
    from guardrails.reports.qa import view
    from guardrails.reports.view import Link

    audit_link = Link(f"audit-{spec}.html", f"Audit of {spec}", "verdicts, costs, conflicts, sign-off")
    qa_link = Link(f"qa-{spec}.html", f"Telemetry QA of {spec}", "whether its telemetry can be trusted")
    links = (*first, audit_link, qa_link)
    audited = audit.gather(scope, globals_, spec)
    if audited is not None:
        yield SitePage(audit_link, audit.report_view(scope, redacted(scope, audited))._replace(links=links))
    swept = qa.gather(scope, globals_, spec, weeks)
    if swept is not None:
        yield SitePage(qa_link, view(redacted(scope, swept))._replace(links=links))
