"""Call several agents at once, each exactly once: a call that was made is never paid for again.

A call is named by its key. Whoever asks for the same key again is given what the first one brought, waits for it while
it is running, and makes it only if nothing of it was ever started.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from hashlib import sha256
from queue import SimpleQueue

from guardrails.agents.replay import replay
from guardrails.agents.serving import Surroundings, command_of, prompt_bytes, serve
from guardrails.agents.shapes import Call, Finished, Progress, State, Watch
from guardrails.pipeline.world import World

__all__ = ("Call", "Finished", "Progress", "Watch", "call_all", "call_key", "calls_directory", "prompt_sha256")


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
    bring. Raises GuardrailError for a command that cannot be put together, before any call is made, and Undecidable
    where processes cannot outlive this one (on Windows).
    """
    for call in calls:
        command_of(call, call.directory)
    around = Surroundings(world.repo, world.environment)
    told: SimpleQueue[tuple[int, State | Finished | BaseException]] = SimpleQueue()
    for number, call in enumerate(calls):
        # Daemons: whoever is interrupted does not wait for an agent that will take half an hour.
        threading.Thread(target=_report, args=(number, call, around, told), daemon=True).start()
    brought: dict[int, Finished] = {}
    while len(brought) < len(calls):
        number, news = told.get()
        if isinstance(news, BaseException):
            raise news
        key, agent = calls[number].key, calls[number].agent.name
        progress = Progress(key, agent, news) if isinstance(news, str) else Progress(key, agent, "finished", news)
        if progress.finished:
            brought[number] = progress.finished
        if watch:
            watch(progress)
    return tuple(brought[number] for number in range(len(calls)))


def _report(
    number: int, call: Call, around: Surroundings, told: SimpleQueue[tuple[int, State | Finished | BaseException]]
) -> None:
    try:
        if call.agent.replay is not None:
            told.put((number, replay(call, around.repo)))
        else:
            told.put((number, serve(call, around, lambda state: told.put((number, state)))))
    except BaseException as error:  # noqa: BLE001 - raised by whoever waits
        told.put((number, error))
