"""From the calls of one stage to the figures that a benchmark compares. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from guardrails.consensus.values import agent_of
from guardrails.costs.spending import Money, Source, Spent, cost, dollars, micros, together
from guardrails.pipeline.bill import spent_of
from guardrails.pipeline.rounds import Made, Round
from guardrails.pipeline.settling import Judged
from guardrails.reports.bench import Sample
from guardrails.run_settings import Budget


def measured(
    profile: str,
    run: int,
    stage: str,
    rounds: Sequence[Round],
    judged: Judged,
    waves: Sequence[Sequence[str]],
    budget: Budget,
    acceptance: float | None,
) -> Sample:
    """The figures of a stage. A call whose program was not there was never made; its agent is missing all the same."""
    made = [each for round_ in rounds for each in round_.made if not each.missing_tool]
    usd, source = _usd(made, budget)
    tokens = [spent_of(each).tokens for each in made]
    known = [each for each in tokens if each is not None]
    return Sample(
        profile=profile,
        run=run,
        stage=stage,
        verdict=judged.verdict,
        latency_ms=sum(_waits(rounds, waves)) if made else None,
        tokens=sum(known) if known and len(known) == len(tokens) else None,
        usd=usd,
        usd_source=source,
        agreement=judged.agreement,
        participation=judged.participation,
        acceptance=acceptance,
        calls=len(made),
        failed=sum(each.error is not None for each in made),
        replayed=sum(each.replayed for each in made),
    )


def _waits(rounds: Sequence[Round], waves: Sequence[Sequence[str]]) -> Iterator[int]:
    """Milliseconds that were waited: for the slowest call of each wave of each round. Taken from the calls and not from
    the clock, so that a benchmark that was killed and resumed measures the same."""
    turn = {agent_of(name): number for number, wave in enumerate(waves) for name in wave}
    for each in rounds:
        slowest: dict[int, int] = {}
        for made in each.made:
            if not made.missing_tool:
                number = len(waves) if made.arbiter else turn.get(made.agent, len(waves))
                slowest[number] = max(slowest.get(number, 0), made.latency_ms)
        yield sum(slowest.values())


def _usd(made: Sequence[Made], budget: Budget) -> tuple[float | None, Source]:
    """What the calls cost together; None when it is not known of one. A recording cost nothing to serve, which says
    nothing of its profile: what the prices make of its tokens stands for it."""
    each = [_as_if_paid(call, budget) if call.replayed else spent_of(call) for call in made]
    known = [one.usd for one in each if one.usd is not None]
    if not each or len(known) < len(each):
        return None, "unknown"
    return dollars(sum(map(micros, known))), together(each).source


def _as_if_paid(call: Made, budget: Budget) -> Spent:
    spent = spent_of(call)
    price = budget.price(call.answered_by) or budget.price(call.model)
    if price is None or spent.input_tokens is None or spent.output_tokens is None:
        return spent._replace(usd=None, source="unknown")
    return spent._replace(usd=dollars(cost(price, spent.input_tokens, spent.output_tokens)), source="estimated")


def paid(rounds: Sequence[Round]) -> Money:
    """What was really paid for some rounds."""
    return together(spent_of(made) for each in rounds for made in each.made if not made.missing_tool)
