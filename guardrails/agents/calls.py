"""Call several agents at once, each exactly once: a call that was made is never paid for again.

A call is named by its key. Whoever asks for the same key again is given what the first one brought, waits for it while
it is running, and makes it only if nothing of it was ever started.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple

from guardrails.agents.formats import Answer
from guardrails.errors import GuardrailError
from guardrails.pipeline.world import World
from guardrails.printable import utf8
from guardrails.run_settings import Agent


class Call(NamedTuple):
    """One question to one agent. `directory` is that of the run's calls (`calls_directory`), `key` from `call_key`."""

    key: str
    agent: Agent
    stage: str
    prompt: str
    directory: str


class Finished(NamedTuple):
    """A call that came to an end. `problem` None: the agent ended well and `answer.value` is what it said."""

    key: str
    agent: str
    answer: Answer
    """what could be read of its output, also of a call that failed"""
    exit_code: int | None
    """None when it was ended, by us or by a signal, or is not known"""
    problem: str | None
    """why there is no answer to use, in one line; text of tools in it is not escaped"""
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
    raw_sha256: str
    """digest of what the agent wrote, as it is read into `answer`"""


State = Literal["started", "attached", "finished"]


class Progress(NamedTuple):
    """What has become of a call. `finished` is None until it is."""

    key: str
    agent: str
    state: State
    finished: Finished | None = None


Watch = Callable[[Progress], None]
"""Told of every change, always from the thread that waits in `call_all`."""


def prompt_bytes(prompt: str) -> bytes:
    """A prompt as it is sent."""
    return utf8(prompt).encode("utf-8")


def prompt_sha256(prompt: str) -> str:
    """The digest of a prompt as it is sent: what agent outputs record."""
    return sha256(prompt_bytes(prompt)).hexdigest()


def call_key(stage: str, attempt: int, agent: str, prompt: str) -> str:
    """The name of a call: what must be the same for it to be the same call. `attempt` counts from 1."""
    return f"{stage}-{attempt}-{agent}-{prompt_sha256(prompt)[:12]}"


def calls_directory(world: World, stamp: str) -> str:
    """Where the calls of a run (or of a session outside one) lie: below the git directory, the user's alone."""
    return os.path.join(world.repo.git_dir(), "speckit", "calls", world.run or stamp)


def call_all(world: World, calls: Sequence[Call], watch: Watch | None = None) -> tuple[Finished, ...]:
    """Make all calls at the same time, wait for them, and give what they brought, in the order of `calls`.

    An interrupt while waiting is raised; the agents go on, for they are paid, and the next `call_all` takes what they
    bring. Raises Undecidable where processes cannot outlive this one (on Windows).
    """
    del world, watch
    raise GuardrailError("agents cannot be called yet", f"{len(calls)} calls were asked for")
