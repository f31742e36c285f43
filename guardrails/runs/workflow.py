"""The run as a durable workflow: each step's result is remembered before the next is taken. All there is of DBOS.

The workflow is a loop over `next_step`; what a step does is handed in. Killed at any moment and started again, it goes
on at the step that was not finished. The journal is a SQLite file in the git directory, or a Postgres database; the
code is the same. Imported by what runs a SPEC and by nothing else: it takes half a second.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from dbos import DBOS, DBOSClient, DBOSConfig, SetWorkflowID, WorkflowStatus
from dbos._serialization import Serializer
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import SQLAlchemyError

from guardrails.errors import GuardrailError
from guardrails.runs.halt import Halt
from guardrails.runs.history import HistoryRecord, RunRequest, from_json, to_json
from guardrails.runs.journal_errors import user_error
from guardrails.runs.planner import Done, Run, next_step
from guardrails.runs.recovery import Retry
from guardrails.runs.resume import KnownAttempt, RememberedAttempt
from guardrails.runs.serialize import pack, unpack

# SQLite before 3.42 cannot tell the time in parts of a second, and answers NULL where DBOS asks for it.
#
# DBOS goes by the version of Python; distributions pair a new Python with an older SQLite.


_TELLS = (3, 42)


def register_unixepoch(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Let every connection to a SQLite of `version` understand `unixepoch('subsec')`, if it does not by itself."""
    if version < _TELLS and not event.contains(Engine, "connect", _teach):
        event.listen(Engine, "connect", _teach)


def _teach(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(modifier: object) -> float | None:
    """Seconds since 1970, as the function of that name gives them to newer versions; NULL for what it was not made
    for, as theirs does for what it does not understand."""
    return time.time() if modifier == "subsec" else None


SHAPE = "2"
"""Version of the workflow's shape: raise it when a journal of before cannot be replayed. Never a hash of the code, for
then every release would strand the runs that are under way."""

Take = Callable[[Run | Retry, Sequence[HistoryRecord]], HistoryRecord]
"""Takes a step, after the history so far, and returns its record."""
Finish = Callable[[Halt | Done, Sequence[HistoryRecord]], None]
"""Writes down how the run ended."""

register_unixepoch()

_OPEN = ("PENDING", "ENQUEUED", "DELAYED")
_LOOK = 0.2
"""Seconds between two looks at whether the workflow has ended: a signal is acted on in between."""
_GLANCE, _PATIENCE = 0.02, 20.0
"""Seconds between two looks at whether its end is remembered, and for how long that is waited for."""


# The journal, and the workflow that DBOS resumes.


class JournalLocation(NamedTuple):
    """Where a working tree's runs are remembered. `owner` tells it from all others that use the database."""

    url: str
    owner: str


class StepHandlers(NamedTuple):
    """What the workflow does its steps with; it is told to nobody and remembered nowhere."""

    take: Take
    finish: Finish


class _Json(Serializer):
    """Values as JSON: readable by other programs, and nothing is executed to read them."""

    def serialize(self, data: Any) -> str:
        if isinstance(data, BaseException):
            data = {"error": type(data).__name__, "message": str(data)}
        return json.dumps(data)

    def deserialize(self, serialized_data: str) -> Any:
        data = json.loads(serialized_data)
        if isinstance(data, dict) and data.keys() == {"error", "message"}:
            return RuntimeError(f"{data['error']}: {data['message']}")
        return data

    def name(self) -> str:
        return "speckit_json"


def sqlite_url(path: str) -> str:
    """The address of a SQLite file, whatever bytes its path holds. An address is text, so a folder whose path is none
    goes by the number it is open under, for as long as this process runs; only Linux has such paths."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        folder, name = os.path.split(path)
        path = f"/proc/self/fd/{os.open(folder, os.O_RDONLY)}/{name}"
    return URL.create("sqlite", database=path).render_as_string(hide_password=False)


class _State:
    """The one run that this process drives."""

    hands: StepHandlers | None = None
    error: BaseException | None = None
    """what the workflow broke off with: then its end is not remembered, and would be waited for in vain"""
    ended = threading.Event()


@DBOS.workflow(name="speckit.run", max_recovery_attempts=None)
def _sequence(document: dict[str, Any]) -> dict[str, Any]:
    """One attempt at a run. Everything it decides follows from its argument and the results of its steps."""
    request = unpack(RunRequest, document["request"])
    history = [from_json(each) for each in document["history"]]
    try:
        while True:
            step = next_step(history, request)
            if isinstance(step, Halt | Done):
                DBOS.run_step({"name": "finish"}, _finish, step, tuple(history))
                return _end_to_json(step)
            if isinstance(step, Run) and step.recovered is not None and step.recovered.wait > 0:
                DBOS.sleep(step.recovered.wait)
            history.append(from_json(DBOS.run_step({"name": _name(step)}, _take, step, tuple(history))))
    except BaseException as error:
        _State.error = error
        raise
    finally:
        _State.ended.set()


def _name(step: Run | Retry) -> str:
    return f"{step.stage}.{step.action}"


def _take(step: Run | Retry, history: Sequence[HistoryRecord]) -> dict[str, Any]:
    assert _State.hands is not None
    return to_json(_State.hands.take(step, history))


def _finish(step: Halt | Done, history: Sequence[HistoryRecord]) -> None:
    assert _State.hands is not None
    _State.hands.finish(step, history)


def _end_to_json(step: Halt | Done) -> dict[str, Any]:
    return {"halt": pack(step) if isinstance(step, Halt) else None}


def _end_from_json(document: Any) -> Halt | Done | None:
    if not isinstance(document, dict):
        return None
    return Done() if document.get("halt") is None else unpack(Halt, document["halt"])


class Journal:
    """What is remembered of the runs of one working tree. Made by `journal`."""

    def __init__(self, place: JournalLocation, client: DBOSClient) -> None:
        self._place, self._client = place, client

    def known(self, spec: str) -> tuple[KnownAttempt, ...]:
        """Every attempt at a SPEC, the oldest first."""
        prefix = f"{self._place.owner}/{spec}/"
        rows = self._client.list_workflows(workflow_id_prefix=prefix, load_input=False, load_output=False)
        return tuple(_known(row) for row in rows if row.workflow_id.startswith(prefix))

    def recall(self, spec: str, known: KnownAttempt) -> RememberedAttempt:
        """All that is known of an attempt."""
        name = _workflow_id(self._place, spec, known.run, known.attempt)
        row = self._client.list_workflows(workflow_ids=[name])[0]
        document = cast("Any", row.input)["args"][0]
        steps = self._client.list_workflow_steps(name)
        taken = [step["output"] for step in steps if isinstance(step["output"], dict)]
        return RememberedAttempt(
            unpack(RunRequest, document["request"]),
            tuple(from_json(each) for each in (*document["history"], *taken)),
            _end_from_json(row.output) if row.status == "SUCCESS" else None,
        )

    def completed(self) -> tuple[tuple[str, str], ...]:
        """(SPEC, run) of every run that has reached its end: nobody can go on with it."""
        prefix = f"{self._place.owner}/"
        rows = self._client.list_workflows(workflow_id_prefix=prefix, load_input=False)
        done = [row for row in rows if row.status == "SUCCESS" and isinstance(_end_from_json(row.output), Done)]
        named = [row.workflow_id.split("/") for row in done if row.workflow_id.startswith(prefix)]
        return tuple(sorted({(spec, run) for _, spec, run, _ in named}))

    def forget(self, spec: str, run: str) -> None:
        """Remove every attempt at a run, and all its steps."""
        names = [_workflow_id(self._place, spec, run, each.attempt) for each in self.known(spec) if each.run == run]
        self._client.delete_workflows(names)

    def give_up(self, spec: str, known: KnownAttempt) -> None:
        """End an attempt that is not to be gone on with: a further one takes its place."""
        self._client.cancel_workflow(_workflow_id(self._place, spec, known.run, known.attempt))


def _known(row: WorkflowStatus) -> KnownAttempt:
    """One of another shape cannot be gone on with as it is, only by a further attempt."""
    run, attempt = row.workflow_id.split("/")[-2:]
    return KnownAttempt(run, int(attempt), row.status in _OPEN and row.app_version == _version(run))


def _version(run: str) -> str:
    """DBOS wants versions that no two applications share, and each run is an application."""
    return f"{run}-shape-{SHAPE}"


def _workflow_id(place: JournalLocation, spec: str, run: str, attempt: int) -> str:
    return f"{place.owner}/{spec}/{run}/{attempt}"


@contextmanager
def journal(place: JournalLocation) -> Iterator[Journal]:
    """The journal at a place, made if there is none. Raises GuardrailError when it cannot be used."""
    logging.getLogger("dbos").setLevel(logging.CRITICAL)
    with _usable():
        DBOS.migrate(place.url)
        client = DBOSClient(system_database_url=place.url, serializer=_Json(), retry_connection_errors=False)
        try:
            yield Journal(place, client)
        finally:
            client.destroy()


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise user_error(error, "the database of runs") from None


def begin(
    place: JournalLocation, request: RunRequest, history: Sequence[HistoryRecord], hands: StepHandlers
) -> Halt | Done:
    """Make an attempt at a run, after `history`, and return how it ended."""
    _launch(place, request.run, hands)
    document = {"request": pack(request), "history": [to_json(record) for record in history]}
    name = _workflow_id(place, request.spec, request.run, request.attempt)
    with SetWorkflowID(name):
        DBOS.start_workflow(_sequence, document)
    return _wait(name)


def go_on(place: JournalLocation, request: RunRequest, hands: StepHandlers) -> Halt | Done:
    """Go on with an attempt that was cut off, at the step that was not finished."""
    _launch(place, request.run, hands)  # this takes up what the run's executor has left open
    return _wait(_workflow_id(place, request.spec, request.run, request.attempt))


def _launch(place: JournalLocation, run: str, hands: StepHandlers) -> None:
    """One process, one run: both the executor and the application are named for it. What was cut off is handed out
    again to whoever has the application's name, and nobody else may have it."""
    _State.hands = hands
    _State.ended.clear()
    _State.error = None
    config: DBOSConfig = {
        "name": f"speckit-{run.lower()}",
        "system_database_url": place.url,
        "application_version": _version(run),
        "executor_id": run,
        "serializer": _Json(),
        "log_level": "CRITICAL",
        "enable_otlp": False,
        "run_migrations": False,
    }
    with _usable():
        DBOS(config=config)
        DBOS.launch()


def _wait(name: str) -> Halt | Done:
    """Until the workflow has ended. A signal may end the waiting at any moment."""
    with _usable():
        while not _State.ended.wait(_LOOK):
            if not _is_open(name):
                break
        if _State.error is not None:
            raise _State.error
        patience = time.monotonic() + _PATIENCE
        while _is_open(name):
            if time.monotonic() > patience:
                raise GuardrailError("how the run ended could not be remembered", "go on with it by --resume")
            time.sleep(_GLANCE)
        end = _end_from_json(DBOS.retrieve_workflow(name).get_result(polling_interval_sec=_GLANCE))
    if end is None:
        raise RuntimeError(f"{name} has no end")
    return end


def _is_open(name: str) -> bool:
    status = DBOS.get_workflow_status(name)
    return status is not None and status.status in _OPEN


def close() -> None:
    """Let go of the database: for a process that goes on. One that ends need not wait for it."""
    DBOS.destroy()
