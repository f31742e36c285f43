"""File what an agent answered as evidence: without secrets, under its session's name, with what it used beside it."""

from __future__ import annotations

import json

from guardrails.agents.calls import Call, Finished, prompt_sha256
from guardrails.consensus.values import agent_of
from guardrails.costs.spending import Spent
from guardrails.evidence.names import Session, consensus_path
from guardrails.evidence.store import Store, Written
from guardrails.jsontext import JsonFlaw, parse
from guardrails.pipeline.answer_records import PROVIDERS, Sent, metrics_document, output_document
from guardrails.pipeline.rounds import Kit, Made, Source
from guardrails.pipeline.world import World
from guardrails.redaction import needles, redacted
from guardrails.snapshot.worktree import Worktree

_LONGEST_REASON = 500


class Filing:
    """The files of one session. `written` grows as they are written."""

    def __init__(self, world: World, session: Session) -> None:
        self._world, self._session = world, session
        self._store = Store(world.repo.root)
        self._known = needles(world.settings.secrets.variables, world.environment)
        self.written: list[Written] = []

    def file(
        self,
        call: Call,
        finished: Finished,
        version: str,
        attempt: int,
        inputs: tuple[Source, ...],
        kit: Kit | None,
        spent: Spent,
    ) -> Made:
        """Write the answer and the metrics of a call. An agent that is asked again replaces its earlier answer."""
        made = self.charged(call, finished, version, attempt, spent)
        path = made.output.path
        sent = Sent(version, made.prompt_sha256, inputs, kit)
        document = redacted(output_document(self._session, call.agent, sent, finished, made), self._known)
        if self._world.run is not None:
            document["run"] = self._world.run
        made = made._replace(output=self._record(path, "agent_output", document))
        metrics = consensus_path(self._world.settings.layout, self._session, f"{made.agent}_metrics.json")
        self._record(metrics, "agent_metrics", metrics_document(self._session, made))
        return made

    def charged(self, call: Call, finished: Finished, version: str, attempt: int, spent: Spent) -> Made:
        """What is known of a call before its answer is filed."""
        name = agent_of(call.agent.name)
        return Made(
            agent=name,
            attempt=attempt,
            error=self._reason(finished),
            prompt_version=version,
            prompt_sha256=prompt_sha256(call.prompt),
            started=finished.started,
            finished=finished.finished,
            latency_ms=finished.latency_ms,
            output=Written(consensus_path(self._world.settings.layout, self._session, f"{name}.json"), "", 0),
            exit_code=finished.exit_code,
            missing_tool=finished.missing_tool,
            replayed=finished.replayed,
            model=call.agent.model,
            answered_by=finished.answer.model,
            provider=None if finished.replayed else PROVIDERS.get(call.agent.format),
            input_tokens=spent.input_tokens,
            output_tokens=spent.output_tokens,
            reasoning_tokens=finished.answer.usage.reasoning_tokens,
            cached_input_tokens=finished.answer.usage.cached_input_tokens,
            usd=spent.usd,
            source=spent.source,
            tokens_source=spent.tokens_source,
        )

    def answer(self, made: Made) -> str | None:
        """What an agent answered, as others are given it; None when it is not what was filed, or is no answer."""
        data = Worktree(self._world.repo).read(made.output.path)
        if made.error is not None or data is None:
            return None
        try:
            value = parse(data)
        except JsonFlaw:
            return None
        return json.dumps(value.get("output"), ensure_ascii=False, indent=2) if isinstance(value, dict) else None

    def _record(self, path: str, schema: str, document: dict[str, object]) -> Written:
        written = self._store.record(path, schema, document, replace=True)
        self.written.append(written)
        return written

    def _reason(self, finished: Finished) -> str | None:
        if finished.problem is None and finished.answer.value is not None:
            return None
        said = finished.problem or finished.answer.problem or "there is no answer in its output"
        text: str = redacted(" ".join(said.split()), self._known)
        return text[:_LONGEST_REASON]
