"""Sending alerts where the configuration says: appended to a file, given to a command, posted to a webhook.

Each alert has an id that is the same whenever the same history is played back. What was delivered to a place is
remembered in the git directory and not sent there again; what failed is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from guardrails.config.run_settings import Alerts
from guardrails.config.settings import address_problem
from guardrails.core import atomic
from guardrails.core.programs import allowed_environment, run_program
from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.store import EvidenceStore
from guardrails.git.repo import Repo

SCHEMA = "speckit.alert/1"
GIVE_UP = 3
"""Failures in a row after which a place is left alone: a hundred alerts must not wait for it a hundred times."""
DELIVERED, BEFORE = "delivered", "delivered before"
_LOG = "alerts-delivered.json"


class Notice(NamedTuple):
    """One alert as it is sent. `period` is what it is about."""

    id: str
    name: str
    spec: str | None
    period: str
    message: str

    @property
    def document(self) -> bytes:
        """One JSON object on one line."""
        return json.dumps({"schema": SCHEMA, **self._asdict()}, ensure_ascii=True).encode() + b"\n"


class AlertTarget(NamedTuple):
    """Somewhere alerts go. `name` can be shown; `deliver` returns why it failed, None when it did not."""

    name: str
    deliver: Callable[[Notice], str | None]


class Delivery(NamedTuple):
    notice: Notice
    place: str
    outcome: str


def places(alerts: Alerts, repo: Repo) -> list[AlertTarget]:
    """Every place that is configured. Raises GuardrailError when the variable of a webhook holds no address."""
    found = []
    if alerts.file:
        path = alerts.file
        found.append(AlertTarget(f"file {path}", lambda notice: _append(repo.root, path, notice)))
    if alerts.command:
        found.append(AlertTarget(f"command {alerts.command[0]}", lambda notice: _give(alerts, repo, notice)))
    url = _address(alerts, repo.environment)
    if url:
        # Where it leads is shown; the rest of the address may be what lets one post there.
        host = urlsplit(url).netloc
        found.append(AlertTarget(f"webhook {host}", lambda notice: _post(url, alerts.timeout, notice)))
    return found


def _address(alerts: Alerts, environ: Mapping[str, str]) -> str | None:
    if not alerts.webhook_env:
        return alerts.webhook
    url = environ.get(alerts.webhook_env, "").strip()
    problem = address_problem(url) if url else ("is not set", "set it, or remove alerts.webhook_env")
    if problem:
        raise GuardrailError(f"the variable {alerts.webhook_env} {problem[0]}", problem[1])
    return url


def deliver(notices: Sequence[Notice], to: Sequence[AlertTarget], repo: Repo) -> list[Delivery]:
    """Send every alert to every place that has not had it yet."""
    folder = os.path.join(repo.git_dir(), "speckit")
    os.makedirs(folder, exist_ok=True)
    log = os.path.join(folder, _LOG)
    known = _known(log)
    made = []
    for place in to:
        failed = 0
        for notice in notices:
            key = f"{notice.id} {place.name}"
            if key in known:
                made.append(Delivery(notice, place.name, BEFORE))
                continue
            problem = place.deliver(notice) if failed < GIVE_UP else f"not tried after {GIVE_UP} failures"
            failed = failed + 1 if problem else 0
            made.append(Delivery(notice, place.name, f"failed: {problem}" if problem else DELIVERED))
            if problem is None:
                known.add(key)
                _remember(log, known)
    return made


def _known(log: str) -> set[str]:
    """What was delivered. A log that is lost or spoiled only means that alerts are sent once more."""
    try:
        with open(log, encoding="utf-8") as stream:
            said = json.load(stream)
    except (OSError, ValueError):
        return set()
    return {item for item in said if isinstance(item, str)} if isinstance(said, list) else set()


def _remember(log: str, known: set[str]) -> None:
    atomic.write(log, json.dumps(sorted(known)).encode("utf-8"), durable=False)


def _append(root: str, path: str, notice: Notice) -> str | None:
    """One line more. Not through a link, to nothing but a regular file, and never in the git directory."""
    if path.partition("/")[0].lower() == ".git":
        return "lies in the git directory"
    store = EvidenceStore(root)
    try:
        store.extend(path, len(store.read(path) or b""), notice.document)
    except GuardrailError as error:
        return error.message
    return None


def _give(alerts: Alerts, repo: Repo, notice: Notice) -> str | None:
    environment = allowed_environment(repo.environment, alerts.env)
    done = run_program(alerts.command, repo.root, environment, alerts.timeout, notice.document, limit=1 << 16)
    if done.succeeded:
        return None
    return done.problem or f"exit code {done.exit_code}"


def _post(url: str, timeout: float, notice: Notice) -> str | None:
    """Post it. No redirect is followed: it would carry the alert to somewhere nobody configured. The deadline is over
    all of it, and nobody reads what the place has to say: a slow answer could go on for ever."""
    try:
        import anyio
        import httpx
    except ImportError as error:
        raise Undecidable(
            "alerts cannot be posted: httpx cannot be imported", "pip install 'speckit-guardrails[auto]'"
        ) from error
    headers = {"Content-Type": "application/json", "User-Agent": "speckit", "Idempotency-Key": notice.id}

    async def status() -> int:
        with anyio.fail_after(timeout):
            async with httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client:
                request = client.build_request("POST", url, content=notice.document, headers=headers)
                answer = await client.send(request, stream=True)
                return answer.status_code
        raise TimeoutError

    try:
        code = anyio.run(status)
    except (TimeoutError, httpx.TimeoutException):
        return f"no answer in {timeout:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return type(error).__name__
    return None if 200 <= code < 300 else f"status {code}"
