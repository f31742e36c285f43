"""The shapes of calls: what is asked, what came of it, and what can be told meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple

from guardrails.agents.formats import Answer
from guardrails.config.run_settings import Agent
from guardrails.secrets.redact import Redactor


class Origin(NamedTuple):
    """What a call is made for. `run` is empty where the stage is asked alone."""

    spec: str
    stage: str
    session: str
    run: str = ""


class Call(NamedTuple):
    """One question to one agent. `directory` is that of the run's calls (`calls_directory`), `key` from `call_key`."""

    key: str
    agent: Agent
    stage: str
    prompt: str
    directory: str
    origin: Origin | None = None
    """kept beside what it brings, so that what it cost can be told when its run is given up"""
    ballot: bool = False
    """whether it asks for votes and not for an answer: recordings keep the two apart"""


class Finished(NamedTuple):
    """A call that came to an end. `problem` None: the agent ended well and `answer.value` is what it said."""

    key: str
    agent: str
    answer: Answer
    """what could be read of its output, also of a call that failed"""
    exit_code: int | None
    """None when it was ended, by us or by a signal, or is not known"""
    problem: str | None
    """why there is no answer to use, in one line, with the agent's last words; from `call_all` without secrets, not
    escaped"""
    missing_tool: bool
    """whether nothing was started, because the program is not there or cannot be run"""
    started: datetime
    finished: datetime
    latency_ms: int
    reused: bool
    """whether an earlier process had made this call, or had begun it"""
    replayed: bool
    """whether a recording was served"""
    stderr_tail: str
    """the last it remarked, neither escaped nor redacted"""
    raw_sha256: str
    """digest of what the agent wrote, of which `answer` was read"""


CallState = Literal["started", "attached", "finished"]
"""begun now; begun by an earlier process and not ended yet; ended, now or before"""


class CallProgress(NamedTuple):
    """What has become of a call. `finished` is None until it is."""

    key: str
    agent: str
    state: CallState
    finished: Finished | None = None


Watch = Callable[[CallProgress], None]
"""Told of every change, always from the thread that waits in `call_all`."""


# The last output of a failed agent: often the only explanation.


_SHOWN = 200
_LINE_END = re.compile(r"[\r\n]+")


def with_last_words(finished: Finished, redactor: Redactor) -> Finished:
    """The call with its problem free of secrets, and completed by the last line that its agent remarked."""
    if finished.problem is None:
        return finished
    # All of it is cleaned before anything is cut: half a secret is not known for one.
    problem, remarks = redactor.value([finished.problem, finished.stderr_tail])
    words = next((line for each in reversed(_LINE_END.split(remarks)) if (line := " ".join(each.split()))), "")
    if words:
        problem += f"; its last words: {words if len(words) <= _SHOWN else '...' + words[-_SHOWN:]}"
    return finished._replace(problem=problem)
