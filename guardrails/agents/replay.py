"""The built-in replay agent: serves recorded answers from a folder. For demonstrations, CI and dry measurements.

`<stage>_<agent>.json` below `agents.<agent>.replay` is what the agent wrote, in its format, and
`<stage>_<agent>_ballot.json` its votes. Beside each, a file that ends in `.usage.json` instead may say what that used:
`model`, `input_tokens`, `output_tokens`, `usd`, `latency_ms`.
No process is started. Whatever comes of it is marked as replayed.
"""

from __future__ import annotations

import os
import time
from typing import Any

from guardrails.agents.call_files import LOCK, OUT, settle, write_end
from guardrails.agents.formats import Answer, as_usage
from guardrails.agents.lifecycle import finished, hold, not_made, open_folder, private
from guardrails.agents.outcomes import CallOutcome, forget, recorded
from guardrails.agents.types import Call, Finished
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.git.repo import Repo
from guardrails.snapshot.worktree import Worktree

_USAGE = "usage.json"
_LONGEST = 24 * 60 * 60 * 1000


def replay(call: Call, repo: Repo) -> Finished:
    """What was recorded of a call. The first answer to a key is the answer to it, whatever becomes of the recording."""
    # In a folder that no live call uses: a recording is never taken for an answer.
    folder = open_folder(call._replace(key=f"{call.key}.replay"))
    lock = private(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT)
    try:
        hold(lock)
        outcome = recorded(folder)
        if outcome:
            return _finished(call, folder, outcome, reused=True)
        name = f"{call.agent.replay}/{call.stage}_{call.agent.name}{'_ballot' if call.ballot else ''}"
        files = Worktree(repo)
        data = files.read(f"{name}.json")
        if data is None:
            return not_made(call, f"there is no recording {name}.json")._replace(missing_tool=False, replayed=True)
        return _finished(call, folder, _keep(folder, data, files.read(f"{name}.usage.json")), reused=False)
    finally:
        os.close(lock)


def _keep(folder: str, data: bytes, usage: bytes | None) -> CallOutcome:
    forget(folder)
    for name, content in ((OUT, data), (_USAGE, usage or b"{}")):
        with open(os.path.join(folder, name), "wb", opener=private) as stream:
            stream.write(content)
    write_end(None, None, None, time.time_ns(), time.monotonic_ns(), folder)
    settle(folder)
    outcome = recorded(folder)
    assert outcome is not None
    return outcome


def _finished(call: Call, folder: str, outcome: CallOutcome, *, reused: bool) -> Finished:
    with open(os.path.join(folder, _USAGE), "rb") as stream:
        said = _usage(stream.read())
    latency = said.get("latency_ms", 0)
    if not isinstance(latency, int) or not 0 <= latency <= _LONGEST:
        latency = 0
    outcome = outcome._replace(finished_ns=outcome.started_ns + latency * 1_000_000)
    agent = call.agent._replace(output="stdout")
    done = finished(call._replace(agent=agent), folder, outcome, reused=reused)
    return done._replace(replayed=True, answer=_with_usage(done.answer, said))


def _usage(data: bytes) -> dict[str, Any]:
    """What a recording says it used; nothing when it does not say it in JSON."""
    try:
        said = parse_json(data)
    except JsonFlaw:
        return {}
    return said if isinstance(said, dict) else {}


def _with_usage(answer: Answer, said: dict[str, Any]) -> Answer:
    model = said.get("model")
    if isinstance(model, str) and model:
        answer = answer._replace(model=model)
    usage = as_usage(said.get("input_tokens"), said.get("output_tokens"), said.get("usd"))
    return answer._replace(usage=usage) if any(usage) else answer
