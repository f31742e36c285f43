"""What is asked before a run, in which surroundings, and what came of it."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, NamedTuple

from guardrails.git import Repo
from guardrails.probes.redact import Redactor
from guardrails.redaction import needles, redacted
from guardrails.run_settings import RunSettings
from guardrails.settings import Settings

Kind = Literal["agent", "command", "mcp", "http", "secret", "disk", "limit"]
Status = Literal["passed", "warned", "failed", "skipped"]

LONGEST = 200
"""Characters of what a program answered that are shown."""


class Probe(NamedTuple):
    """One thing that was asked. `message` holds no secret; `missing`: a program or library is not there at all."""

    name: str
    kind: Kind
    status: Status
    message: str
    hint: str | None = None
    required: bool = False
    latency_ms: int | None = None
    missing: bool = False


class Quiet:
    """Keeps secrets out of what programs say: the values of configured variables, and known tokens."""

    def __init__(self, variables: tuple[str, ...], repo: Repo) -> None:
        self._redactor = Redactor(variables, repo.environment)
        self._known = needles(variables, repo.environment)

    def line(self, text: str) -> str:
        """The first line of `text` that says something, without secrets, and not too long."""
        clean = str(redacted(self._redactor.text(text[: 64 * LONGEST]), self._known))
        line = next((line.strip() for line in clean.splitlines() if line.strip()), "")
        return line if len(line) <= LONGEST else line[:LONGEST] + "..."


class Asking:
    """Whom readiness is asked about: a repository, its settings, and a SPEC or None."""

    def __init__(self, repo: Repo, settings: Settings, plan: RunSettings, spec: str | None = None) -> None:
        self.repo, self.settings, self.plan, self.spec = repo, settings, plan, spec

    @cached_property
    def quiet(self) -> Quiet:
        named = (name for tool in self.plan.readiness for name in tool.env)
        return Quiet(tuple(dict.fromkeys((*self.settings.secrets.variables, *named))), self.repo)

    @cached_property
    def roster(self) -> tuple[str, ...]:
        """Every agent that some stage declares."""
        return tuple(dict.fromkeys(name for stage in self.plan.stages for name in stage.roster))


def failing(required: bool) -> Status:
    """What it is called when something does not answer."""
    return "failed" if required else "warned"
