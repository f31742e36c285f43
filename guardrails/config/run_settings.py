"""What a run needs to know beyond what checks do: agents, profiles, budget, policy. `run_loader.py` builds it.

Apart from `settings.py`, for hooks start often and need none of it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from guardrails.config.layout import STAGES
from guardrails.config.settings import Service
from guardrails.errors import GuardrailError

Format = Literal["json", "claude-json", "codex-jsonl", "gemini-json", "text"]
Argv = tuple[str, ...]

MINUTE = 60.0


class Agent(NamedTuple):
    """How an agent is called and how its answer is read. `command` empty and `replay` None: nobody can be called."""

    name: str
    command: Argv = ()
    """`{prompt}` and `{output}` stand for the files of the prompt and the answer, `{model}` for the model: as whole
    arguments only"""
    input: Literal["stdin", "file"] = "stdin"
    output: Literal["stdout", "file"] = "stdout"
    format: Format = "json"
    model: str | None = None
    model_release: str | None = None
    reasoning: str | None = None
    timeout: float = 20 * MINUTE
    """seconds"""
    env: tuple[str, ...] = ()
    """names of the variables the command may see besides the few that every program needs"""
    replay: str | None = None
    """a folder of recorded answers, below the repository root, served instead of a command"""


AGENTS = (
    Agent("gemini", ("gemini", "--output-format", "json"), format="gemini-json", env=("GEMINI_API_KEY",)),
    Agent("claude", ("claude", "-p", "--output-format", "json"), format="claude-json", env=("ANTHROPIC_API_KEY",)),
    Agent("gpt_codex", ("codex", "exec", "--json", "-"), format="codex-jsonl", env=("OPENAI_API_KEY", "CODEX_HOME")),
    Agent("gpt_pro", ("codex", "exec", "--json", "-"), format="codex-jsonl", env=("OPENAI_API_KEY", "CODEX_HOME")),
)
"""What answers under the names of the default rosters where the configuration says nothing of them."""


class StagePlan(NamedTuple):
    """What one stage runs, besides its agents' consensus. `checks` are names of checks; None means the stage's own."""

    name: str
    roster: tuple[str, ...]
    checks: tuple[str, ...] | None = None
    probes: tuple[str, ...] | None = None
    prefilter: tuple[Argv, ...] = ()
    """policy commands before the agents are asked"""
    final: tuple[Argv, ...] = ()
    """policy commands after their verdict"""
    timeout: float = 30 * MINUTE
    """seconds, for each policy command"""
    required: bool = False
    """whether what the stage would skip fails it"""


class RecoverySettings(NamedTuple):
    """What is done when agents do not answer, or contradict each other."""

    retries: int = 1
    backoff: float = 30.0
    """seconds before the first retry; each further one waits twice as long"""
    fallback: str | None = None
    """the profile that missing agents are called by at last"""
    arbiter: str | None = None
    """the agent that may settle conflicts"""


class Price(NamedTuple):
    """US dollars for a million tokens."""

    model: str
    input_per_mtok: float
    output_per_mtok: float
    version: str | None = None


class Budget(NamedTuple):
    """What a run may cost. `usd` None: there is no cap."""

    usd: float | None = None
    tokens_per_stage: tuple[int, int] | None = None
    prices: tuple[Price, ...] = ()
    allow_unknown_prices: bool = False
    reserve_usd: float = 0.0

    def price(self, model: str | None) -> Price | None:
        return next((each for each in self.prices if each.model == model), None)


class Prompts(NamedTuple):
    """What agents are asked, and from what."""

    file: str = "docs/spec-kit/prompts.json"
    context_bytes: int = 300_000
    foundation: tuple[str, ...] = ("product-requirements.md", "PLANNING.md", "memory/constitution.md")


class Alerts(NamedTuple):
    """Where alerts go. All None or empty: nowhere."""

    file: str | None = None
    """below the repository root"""
    command: Argv = ()
    env: tuple[str, ...] = ()
    """names of the variables the command may see"""
    webhook: str | None = None
    webhook_env: str | None = None
    """the variable that holds the webhook's address, where that is a secret"""
    timeout: float = 10.0
    """seconds for one alert"""


class Tool(NamedTuple):
    """What must answer before a run: a command, or an MCP server, and the variables that must be set."""

    name: str
    command: Argv = ()
    mcp: Argv = ()
    env: tuple[str, ...] = ()
    timeout: float = 10.0
    required: bool = False


class Profile(NamedTuple):
    """One way to route: agents and stages in place of those of the same name."""

    name: str
    agents: tuple[Agent, ...] = ()
    stages: tuple[StagePlan, ...] = ()


class RunSettings(NamedTuple):
    """`profile` is the one in force, None when none was named; `agents` and `stages` are as it has them."""

    agents: tuple[Agent, ...] = AGENTS
    stages: tuple[StagePlan, ...] = ()
    recovery: RecoverySettings = RecoverySettings()
    budget: Budget = Budget()
    prompts: Prompts = Prompts()
    alerts: Alerts = Alerts()
    probes: tuple[Service, ...] = ()
    """the services that stages ask, besides HAL"""
    readiness: tuple[Tool, ...] = ()
    profiles: tuple[Profile, ...] = ()
    profile: str | None = None
    config_sha256: str = ""
    """digest of the configuration file's bytes: what a verdict was made under"""
    plain: RunSettings | None = None
    """these settings without their profile; None where none is in force"""

    def agent(self, name: str) -> Agent:
        """The agent of that name. One that nobody configured cannot be called: it has no command."""
        return next((agent for agent in self.agents if agent.name == name), Agent(name))

    def stage(self, name: str) -> StagePlan:
        return next(stage for stage in self.stages if stage.name == name)

    def under(self, name: str | None) -> RunSettings:
        """These settings with a profile in force, in place of any other. Raises GuardrailError for one that is not
        configured."""
        plain = self.plain or self
        return plain if name is None else plain.fallen_back(name)._replace(plain=plain)

    def fallen_back(self, name: str) -> RunSettings:
        """These settings with another profile on top of what is in force. Raises as `under` does."""
        from difflib import get_close_matches

        profile = next((each for each in self.profiles if each.name == name), None)
        if profile is None:
            known = [each.name for each in self.profiles]
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"configured are: {', '.join(known) or 'none'}"
            raise GuardrailError(f"there is no profile '{name}'", hint)
        agents = {agent.name: agent for agent in (*self.agents, *profile.agents)}
        stages = {stage.name: stage for stage in (*self.stages, *profile.stages)}
        return self._replace(
            agents=tuple(agents.values()), stages=tuple(stages[stage] for stage in STAGES), profile=name
        )
