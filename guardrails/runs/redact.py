"""Keep secrets out of what a stage records: the values of the configured variables in every form, and known tokens."""

from __future__ import annotations

from typing import Any

from guardrails.agents.run_context import World
from guardrails.secrets.redact import needles, redacted_within, redactor
from guardrails.services.probes.run import Surroundings, redactor_of


class Hiding:
    """Knows what must not be recorded in one world."""

    def __init__(self, world: World) -> None:
        self._values = redactor_of(world.settings, Surroundings(world.environment, world.repo.root))
        self._needles = needles((), {})

    def text(self, text: str) -> str:
        """`text` without secrets."""
        return self._without_tokens(self._values.text(text))

    def output(self, data: bytes) -> str | None:
        """What a program printed, as text without secrets; None where no part of it can be shown."""
        clean = self._values.clean(data.replace(b"\0", b"")).data  # in UTF-16 a secret looks different
        return None if clean is None else self._without_tokens(clean.decode("utf-8", "replace"))

    def document(self, value: Any) -> Any:
        """A JSON value without secrets."""
        clean, _ = self._values.value(value)
        return redacted_within(clean, self._needles)

    def _without_tokens(self, text: str) -> str:
        clean = redactor([text], self._needles)
        return text if clean is None else clean(text)
