"""Violations of the rules about consensus: answers of agents, and records that claim what they don't give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guardrails.checks.ledger.entries import digest
from guardrails.consensus.model import agent_of
from guardrails.setup.canaries.ground import SPECS, STAMP, TIME, Canary, Content, Ground, Plant, rendered

ZEROS = "0" * 64
Edit = Callable[["_Bundle"], None]


class _Bundle:
    """One session of the plan stage in which all agents agree. `outputs` are by agent, None for one that is missing."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.roster = ground, ground.settings.roster("plan")
        self.files: dict[str, Content] = {}
        spec = ground.files().get(f"{ground.folder}/spec.md")
        data, path = (spec, f"{ground.folder}/spec.md") if isinstance(spec, bytes) else (_prd(ground), ground.prd)
        self.inputs = [{"path": path, "sha256": digest(data)}]
        self.outputs: dict[str, dict[str, Any] | None] = {agent: self._output(agent) for agent in self.roster}
        self.synthesis: dict[str, Any] = {
            **self._head(), "roster": list(self.roster), "agreements": ["schema first"], "conflicts": [],
            "status": "ok", "method": ground.settings.consensus.method,
        }  # fmt: skip
        self.votes = {agent: [{"id": "s1", "vote": "agree", "because": ""}] for agent in self.roster}

    def _head(self) -> dict[str, Any]:
        return {"specId": self.ground.spec, "stage": "plan", "session": STAMP, "timestamp": TIME}

    def _output(self, agent: str) -> dict[str, Any]:
        return {
            **self._head(), "agent": agent, "inputs": self.inputs, "status": "ok", "error": None,
            "prompt_version": "20250601-plan-a", "prompt_sha256": digest(agent.encode()),
            "consensus": {"agreements": ["schema first"], "conflicts": []},
            "output": {"notes": ["the plan"], "decision": {"proceed": True, "because": "it can be built"}},
        }  # fmt: skip

    def path(self, tail: str) -> str:
        return self.ground.evidence(f"consensus/{self.ground.spec}/spec-plan_{STAMP}_{tail}.json")

    def plant(self) -> Plant:
        made: dict[str, Content] = {
            self.path(agent): rendered(output) for agent, output in self.outputs.items() if output is not None
        }
        made |= self._ballots(made)
        return Plant({**made, self.path("synthesis"): rendered(self.synthesis), **self.files})

    def _ballots(self, made: dict[str, Content]) -> dict[str, Content]:
        """The ballots on the answers that are there, whatever is wrong with them."""
        answers = {path: data for path, data in made.items() if isinstance(data, bytes)}
        agents = sorted(agent_of(agent) for agent in self.roster if self.path(agent) in answers)
        head = {
            **self._head(), "schemaVersion": 1, "model": None, "prompt_version": "20250601-ballot-a",
            "prompt_sha256": digest(b"ballot"), "status": "ok", "error": None, "latency_ms": None,
            "inputs": [{"path": path, "sha256": digest(data)} for path, data in sorted(answers.items())],
            "statements": [{"id": "s1", "text": "schema first", "kind": "remark", "agents": agents}],
            "usage": {
                **dict.fromkeys(("input_tokens", "output_tokens", "total_tokens", "cost_usd")), "source": "unknown"
            },
        }  # fmt: skip
        return {
            self.path(f"{agent}_ballot"): rendered({**head, "agent": agent, "ballot": votes})
            for agent, votes in self.votes.items()
            if agents
        }


def _prd(ground: Ground) -> bytes:
    data = ground.files()[ground.prd]
    assert isinstance(data, bytes)
    return data


def _spoiled(change: Edit, agents: int = 1) -> Callable[[Ground], Plant | str]:
    def plant(ground: Ground) -> Plant | str:
        bundle = _Bundle(ground)
        if len(bundle.roster) < agents:
            return f"the roster of the plan stage has fewer than {agents} agents"
        change(bundle)
        return bundle.plant()

    return plant


def _first(**changes: Any) -> Edit:
    """The first agent's answer with other fields."""

    def change(bundle: _Bundle) -> None:
        output = bundle.outputs[bundle.roster[0]]
        assert output is not None
        output.update(changes)

    return change


def _all(**changes: Any) -> Edit:
    def change(bundle: _Bundle) -> None:
        for output in bundle.outputs.values():
            assert output is not None
            output.update(changes)

    return change


def _absent(bundle: _Bundle) -> None:
    bundle.outputs[bundle.roster[-1]] = None


def _stale(bundle: _Bundle) -> None:
    bundle.inputs[0]["sha256"] = ZEROS


def _unvoted(bundle: _Bundle) -> None:
    bundle.votes[bundle.roster[0]] = []


def _synthesis(**changes: Any) -> Edit:
    return lambda bundle: bundle.synthesis.update(changes)


def _file(tail: str, content: bytes) -> Edit:
    return lambda bundle: bundle.files.update({bundle.path(tail): content})


def _resolution(bundle: _Bundle) -> None:
    _first(consensus={"agreements": ["schema first"], "conflicts": ["canary"]})(bundle)
    record = {"specId": bundle.ground.spec, "stage": "plan", "conflict": "canary", "because": "", "by": "canary"}
    bundle.files[bundle.path("resolution")] = rendered({**record, "timestamp": TIME})


def _misplaced(bundle: _Bundle) -> None:
    folder = bundle.ground.evidence(f"consensus/{bundle.ground.spec.lower()}")
    bundle.files[f"{folder}/spec-plan_{STAMP}_{bundle.roster[0]}.json"] = rendered({"agent": bundle.roster[0]})


def _replayed(ground: Ground) -> Plant | str:
    if _Bundle(ground).roster[0] in ground.settings.replays:
        return "the configuration declares a replay for the first agent of the plan stage"
    return _spoiled(_first(replayed=True))(ground)


_CONFLICT = {"agreements": ["schema first"], "conflicts": ["canary: one or the other"]}

CONSENSUS = (
    Canary("CON001", "pre-push", _spoiled(_first(consensus=_CONFLICT))),
    Canary("CON002", "pre-push", _spoiled(_absent, 2)),
    Canary("CON003", "pre-push", _spoiled(_all(inputs=[]))),
    Canary("CON004", "pre-push", _spoiled(_stale)),
    Canary("CON005", "pre-push", _spoiled(_absent, 2)),
    Canary("CON006", "pre-push", _spoiled(_first(error="the agent failed"))),
    Canary("CON007", "pre-push", _spoiled(_first(consensus=_CONFLICT))),
    Canary("CON008", "pre-push", _spoiled(_synthesis(specId=SPECS[1]))),
    Canary("CON009", "pre-push", _spoiled(_synthesis(status="${status}"))),
    Canary("CON010", "pre-push", _spoiled(_file("synthesis", b'{"status": "ok",'))),
    Canary("CON011", "pre-push", _spoiled(_resolution)),
    Canary(
        "CON012", "pre-push", lambda ground: Plant(ground.configured(evidence={"require": ["consensus/SPEC-GONE-1"]}))
    ),
    Canary("CON014", "pre-push", _spoiled(_misplaced)),
    Canary("CON015", "pre-push", _spoiled(_all(output={"decision": {"proceed": False, "because": "canary"}}))),
    Canary("CON016", "pre-push", _spoiled(_unvoted)),
    Canary("CON017", "pre-push", _spoiled(_first(output={"notes": ["the plan"]}))),
    Canary("CON018", "pre-push", _replayed),
)
