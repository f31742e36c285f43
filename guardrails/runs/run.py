"""One run of a SPEC from start to end: the journal, the choice of run, the executor that takes its steps."""

from __future__ import annotations

import gc
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from guardrails.agents.run_context import RunContext, with_profile
from guardrails.config.layout import STAGES
from guardrails.core.timestamps import compact
from guardrails.errors import GuardrailError, Undecidable
from guardrails.git.repo import Repo
from guardrails.runs.halt import Halt
from guardrails.runs.history import RunRequest
from guardrails.runs.journal_errors import user_error
from guardrails.runs.planner import Done
from guardrails.runs.resume import KnownAttempt, RunDecision, RunIntent, choose, latest_of

if TYPE_CHECKING:
    from guardrails.runs.executor import StepExecutor
    from guardrails.runs.workflow import JournalLocation


_IDENTITY = re.compile(r"[0-9a-f]{16}")


class RunOptions(NamedTuple):
    """What was asked on the command line. Stages are None where they were not named."""

    begin: str | None = None
    end: str | None = None
    resume: str | None = None
    new: bool = False
    profile: str | None = None
    allow_degraded: bool = False
    database: str | None = None


def stages_between(begin: str | None, end: str | None) -> tuple[str, ...]:
    """The stages from one to another. Raises GuardrailError when there are none."""
    first, last = STAGES.index(begin or STAGES[0]), STAGES.index(end or STAGES[-1])
    if first > last:
        raise GuardrailError(f"--from {begin} comes after --to {end}", f"the order is {', '.join(STAGES)}")
    return STAGES[first : last + 1]


def request_of(run_context: RunContext, asked: RunOptions) -> RunRequest:
    """The request of a new run."""
    stages = stages_between(asked.begin, asked.end)
    return RunRequest(
        spec=run_context.spec,
        run=new_name(),
        stages=stages,
        rosters=tuple(run_context.plan.stage(stage).roster for stage in stages),
        config_sha256=run_context.plan.config_sha256,
        profile=run_context.plan.profile,
        recovery=run_context.plan.recovery,
        allow_dirty=run_context.allow_dirty,
        allow_degraded=asked.allow_degraded,
        method=run_context.settings.consensus.method,
    )


def new_name() -> str:
    """The name of a run: when it was begun, and what nobody else has."""
    return f"{compact(datetime.now(timezone.utc))}-{secrets.token_hex(4)}"


def place_of(repo: Repo, database: str | None) -> JournalLocation:
    """Where the runs of this working tree are remembered: a file in its git directory, or the named database."""
    require_dbos()
    with _nothing_collected():
        from guardrails.runs.workflow import JournalLocation, sqlite_url

    folder = os.path.join(repo.git_dir(), "speckit")
    os.makedirs(folder, exist_ok=True)
    named = database or repo.environment.get("SPECKIT_DATABASE") or ""
    if named.startswith("postgres://"):
        named = named.replace("postgres://", "postgresql://", 1)
    if named and not named.startswith(("postgresql://", "postgresql+psycopg://", "sqlite:///")):
        raise GuardrailError("--database is not an address", "write postgresql://USER@HOST/NAME or sqlite:////PATH")
    return JournalLocation(named or sqlite_url(_private(os.path.join(folder, "runs.db"))), _identity(folder))


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """While libraries are loaded: what they make stays, and looking for garbage in it takes a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _private(path: str) -> str:
    """A database that is the user's alone, made if it is not there. It keeps a log of what is written ahead: a step is
    then remembered by one flush to disk where it took four."""
    import sqlite3

    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
        with closing(sqlite3.connect(path, timeout=30)) as database:
            database.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise user_error(error, path) from error
    return path


def require_dbos() -> None:
    """Raises Undecidable where what runs need is not installed."""
    from importlib.util import find_spec

    if find_spec("dbos") is None:
        raise Undecidable("runs need dbos, which is not installed", "pip install 'speckit-guardrails[auto]'")


def _identity(folder: str) -> str:
    """What tells this working tree from all others that use the same database; made once."""
    path = os.path.join(folder, "worktree-id")
    try:
        with open(path, "x", encoding="ascii") as stream:
            stream.write(secrets.token_hex(8) + "\n")
    except FileExistsError:
        pass
    with open(path, encoding="ascii", errors="replace") as stream:
        found = stream.read().strip()
    if not _IDENTITY.fullmatch(found):
        raise GuardrailError(f"{path} is damaged", "restore it, or remove it with the runs that are not finished")
    return found


def choose_run(
    run_context: RunContext, place: JournalLocation, asked: RunOptions, named: frozenset[str]
) -> tuple[RunContext, RunDecision]:
    """The run that is meant, and the context as it is seen under its profile. An attempt that another one takes the
    place of is given up here."""
    from guardrails.runs.workflow import journal

    with journal(place) as kept:
        known = latest_of(kept.known(run_context.spec), asked.resume)
        remembered = kept.recall(run_context.spec, known) if known is not None else None
        if remembered is not None and "profile" not in named and _is_gone_on(asked, known):
            run_context = with_profile(run_context, remembered.request.profile)
        wish = RunIntent(request_of(run_context, asked), asked.resume, asked.new, named)
        chosen = choose(wish, known, remembered)
        if chosen.how == "again" and known is not None and known.open:
            kept.give_up(run_context.spec, known)
    return run_context, chosen


def _is_gone_on(asked: RunOptions, known: KnownAttempt | None) -> bool:
    """Whether the run of before is the one that is meant: it keeps its profile, whatever is in force by now."""
    return asked.resume is not None or (known is not None and known.open and not asked.new)


def perform(place: JournalLocation, chosen: RunDecision, performer: StepExecutor) -> Halt | Done:
    """Carry the chosen run on to its end."""
    from guardrails.runs import workflow

    hands = workflow.StepHandlers(performer.take, performer.finish)
    if chosen.how == "go on":
        return workflow.go_on(place, chosen.request, hands)
    return workflow.begin(place, chosen.request, chosen.history, hands)
