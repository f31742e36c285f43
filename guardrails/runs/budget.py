"""What a run has cost so far, and whether the next calls may be made: the budget is asked before anybody is paid."""

from __future__ import annotations

import json
from collections.abc import Sequence

from guardrails.agents.types import Call, Finished
from guardrails.config.run_settings import Budget, RunSettings
from guardrails.evidence.budget import BudgetRefusal, allowance, tokens_warning, warning
from guardrails.evidence.costs import EXPECTED_BALLOT, EXPECTED_OUTPUT, FREE, Estimate, Spent, estimate, spent
from guardrails.runs.rounds import AgentCall, Round


class BudgetTracker:
    """Of one run. `warnings` grow as the budget is used up."""

    def __init__(self, plan: RunSettings, earlier: Sequence[Round]) -> None:
        self._budget = plan.budget
        self._spent = [spent_of(made) for each in earlier for made in each.made]
        self.warnings: tuple[str, ...] = ()

    def refusal(self, calls: Sequence[Call]) -> tuple[str, str] | None:
        """Why these calls may not be made, and what to do about it; None when they may."""
        answer = allowance(self._budget, self._spent, [self._expected(call) for call in calls])
        if isinstance(answer, BudgetRefusal):
            return answer.reason, answer.hint
        self._warn(answer.warnings)
        return None

    def _expected(self, call: Call) -> Estimate:
        return estimate(call.agent, call.prompt, self._budget, EXPECTED_BALLOT if call.ballot else EXPECTED_OUTPUT)

    def charge(self, call: Call, finished: Finished) -> Spent:
        """Add what a call cost. One that was never made, for its program is not there, cost nothing."""
        if finished.missing_tool:
            return FREE
        model = finished.answer.model or call.agent.model
        if self._budget.price(model) is None:  # tools name releases, price lists families
            model = call.agent.model
        value = finished.answer.value
        text = "" if value is None else json.dumps(value, ensure_ascii=False)
        known = spent(finished.answer.usage, model, call.prompt, text, self._budget, replayed=finished.replayed)
        self._spent.append(known)
        said = warning(self._budget, self._spent)
        self._warn((said,) if said else ())
        return known

    def _warn(self, said: tuple[str, ...]) -> None:
        self.warnings = tuple(dict.fromkeys((*self.warnings, *said)))


def budget_warnings(budget: Budget, stage: str, rounds: Sequence[Round]) -> tuple[str, ...]:
    """What there is to say of the budget after a stage was asked, each thing once."""
    said = [text for each in rounds for text in each.warnings]
    tokens = tokens_warning(budget, stage, [spent_of(made) for each in rounds for made in each.made])
    return tuple(dict.fromkeys((*said, *((tokens,) if tokens else ()))))


def spent_of(made: AgentCall) -> Spent:
    """What an earlier call cost."""
    return Spent(made.usd, made.input_tokens, made.output_tokens, made.source, made.tokens_source)
