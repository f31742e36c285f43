"""What an agent that failed said last: often the only thing that tells why."""

from __future__ import annotations

import re

from guardrails.agents.shapes import Finished
from guardrails.redaction import Needles, redacted

_SHOWN = 200
_LINE_END = re.compile(r"[\r\n]+")


def with_last_words(finished: Finished, known: Needles) -> Finished:
    """The call with its problem free of secrets, and completed by the last line that its agent remarked."""
    if finished.problem is None:
        return finished
    # All of it is cleaned before anything is cut: half a secret is not known for one.
    problem, remarks = redacted([finished.problem, finished.stderr_tail], known)
    words = next((line for each in reversed(_LINE_END.split(remarks)) if (line := " ".join(each.split()))), "")
    if words:
        problem += f"; its last words: {words if len(words) <= _SHOWN else '...' + words[-_SHOWN:]}"
    return finished._replace(problem=problem)
