"""`speckit accept`: whether a SPEC's documents and outputs hold what its acceptance.yaml declares."""

from __future__ import annotations

from typing import Any

import click

from guardrails.cli.options import merged, spec_among
from guardrails.cli.run_checks import CheckRequest, judge, judging_options
from guardrails.config.layout import STAGES
from guardrails.config.settings import Settings
from guardrails.engine.registry import check_named
from guardrails.git.repo import Repo
from guardrails.layouts.evidence_names import evidence_name
from guardrails.snapshot.context import Recall, RecalledMemory, Scope

MOST = 1000
"""Memories that are looked through for one criterion."""


@click.command("accept", short_help="Judge what a SPEC's acceptance.yaml declares.")
@click.argument("arguments", nargs=-1, metavar="[SPEC]")
@click.option("--stage", type=click.Choice(STAGES), help="Only the criteria of this stage.")
@click.option("--example", is_flag=True, help="Print a whole acceptance.yaml to begin with, and judge nothing.")
@judging_options
@click.pass_context
def command(
    ctx: click.Context, /, *, arguments: tuple[str, ...], stage: str | None, example: bool, **options: Any
) -> int:
    """Judge the acceptance criteria that docs/SPEC/acceptance.yaml declares, against documents, outputs and evidence.

    With a SPEC every declared stage is judged; without one, those that have begun, of every SPEC. Memories are asked
    here, where they are kept, and nowhere else. File names are accepted and ignored.

    \b
    Example:  speckit accept SPEC-KIT-DEMO --stage plan
              speckit accept --example
    """
    globals_ = merged(ctx, **options)
    if example:
        from guardrails.core.resources import read_resource

        click.echo(read_resource("examples", "acceptance.yaml").decode("utf-8"), nl=False)
        return 0
    request = CheckRequest(
        command="accept",
        checks=(check_named("accept"),),
        source=options["source"],
        scope=Scope(spec=spec_among(arguments), stage=stage),
        format=options["format"],
        output=options["output"],
        exit_zero=options["exit_zero"],
        if_any=options["if_any"],
        policy=options["policy"],
        recall=recall_of,
    )
    return judge(request, globals_)


def recall_of(repo: Repo, settings: Settings) -> Recall:
    """How to ask the memory of a repository. Asking raises Undecidable where there is none."""
    from guardrails.consensus.model import agent_of
    from guardrails.services.memory.query import Query
    from guardrails.services.memory.write import open_store

    def recall(tags: tuple[str, ...]) -> list[RecalledMemory]:
        store = open_store(repo, settings)
        found = []
        for memory in store.search(Query(tags=tags), MOST):
            agents = {agent_of(tag.partition(":")[2]) for tag in memory.tags if tag.startswith("agent:")}
            name = evidence_name(settings.layout, memory.source.path) if memory.source else None
            found.append(RecalledMemory(frozenset(agents | ({agent_of(name.agent)} if name and name.agent else set()))))
        return found

    return recall
