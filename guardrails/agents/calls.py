"""Call several agents at once, each exactly once: a call that was made is never paid for again.

A call is named by its key. Whoever asks for the same key again is given what the first one brought, waits for it while
it is running, and makes it only if nothing of it was ever started.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from hashlib import sha256
from queue import SimpleQueue

from guardrails.agents.lifecycle import CallEnvironment, begin, command_of, prompt_bytes, serve
from guardrails.agents.replay import replay
from guardrails.agents.run_context import RunContext
from guardrails.agents.types import Call, CallProgress, CallState, Finished, Watch, with_last_words
from guardrails.errors import Undecidable
from guardrails.secrets.redact import Redactor, redactor_of


def prompt_sha256(prompt: str) -> str:
    """The digest of a prompt as it is sent: what agent outputs record."""
    return sha256(prompt_bytes(prompt)).hexdigest()


def call_key(stage: str, attempt: int, agent: str, prompt: str) -> str:
    """The name of a call: what must be the same for it to be the same call. `attempt` counts from 1."""
    return f"{stage}-{attempt}-{agent}-{prompt_sha256(prompt)[:12]}"


def calls_directory(run_context: RunContext, stamp: str) -> str:
    """Where the calls of a run (or of a session outside one) lie: below the git directory, the user's alone."""
    return os.path.join(run_context.repo.git_dir(), "speckit", "calls", run_context.run or stamp)


def call_all(run_context: RunContext, calls: Sequence[Call], watch: Watch | None = None) -> tuple[Finished, ...]:
    """Make all calls at the same time, wait for them, and give what they brought, in the order of `calls`.

    An interrupt while waiting is raised; the agents go on, for they are paid, and the next `call_all` takes what they
    bring. Raises GuardrailError for a command that cannot be put together, before any call is made, and Undecidable
    where processes cannot outlive this one (on Windows).
    """
    call_environment = CallEnvironment(run_context.repo, run_context.environment)
    live = [call for call in calls if call.agent.replay is None]
    for call in live:
        command_of(call, call.directory)
    if live and sys.platform == "win32":
        raise Undecidable(
            "agents cannot be called on Windows", "run this in WSL, where processes outlive their parents"
        )
    flags, starter = begin(live, call_environment)
    begun = {call.key for call, flag in zip(live, flags, strict=True) if flag}
    told: SimpleQueue[_News] = SimpleQueue()
    redactor = redactor_of(run_context.settings, run_context.environment)
    for number, call in enumerate(calls):
        if call.key in begun:
            told.put((number, "started"))
        # Daemons: whoever is interrupted does not wait for an agent that will take half an hour.
        job = (number, call, call_environment, call.key in begun, told, redactor)
        threading.Thread(target=_report, args=job, daemon=True).start()
    brought = _collect(calls, told, watch)
    if starter:
        starter.wait()
    return brought


_News = tuple[int, CallState | Finished | BaseException]


def _collect(calls: Sequence[Call], told: SimpleQueue[_News], watch: Watch | None) -> tuple[Finished, ...]:
    """What all calls brought, in their order. Raises what one of them raised."""
    brought: dict[int, Finished] = {}
    while len(brought) < len(calls):
        number, news = told.get()
        if isinstance(news, BaseException):
            raise news
        key, agent = calls[number].key, calls[number].agent.name
        progress = (
            CallProgress(key, agent, news) if isinstance(news, str) else CallProgress(key, agent, "finished", news)
        )
        if progress.finished:
            brought[number] = progress.finished
        if watch:
            watch(progress)
    return tuple(brought[number] for number in range(len(calls)))


def _report(
    number: int,
    call: Call,
    call_environment: CallEnvironment,
    begun: bool,
    told: SimpleQueue[_News],
    redactor: Redactor,
) -> None:
    """Put what becomes of one call where `call_all` waits for it."""
    try:
        if call.agent.replay is not None:
            told.put((number, replay(call, call_environment.repo)))
        else:
            finished = serve(call, call_environment, lambda state: told.put((number, state)), begun=begun)
            told.put((number, with_last_words(finished, redactor)))
    except BaseException as error:  # noqa: BLE001 - raised by whoever waits
        told.put((number, error))
