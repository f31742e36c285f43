"""Probe HAL: decide who is asked, ask, and judge what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from guardrails.config.settings import Hal, HalMode, Settings
from guardrails.errors import Undecidable
from guardrails.evidence.names import Session
from guardrails.evidence.store import Store, Written
from guardrails.secrets.redact import redactor_of
from guardrails.secrets.values import SHORTEST
from guardrails.services.mcp_client import Server
from guardrails.services.probes import http, mcp
from guardrails.services.probes.checks import Asked
from guardrails.services.probes.records import Response, Status, record, response

# `hal.summary`: all responses in short, and whether they satisfy what is required. Pure.


class Summary(NamedTuple):
    """All HAL checks of a stage. `mode` and `origin` are the decision they were made under."""

    mode: HalMode
    origin: str
    status: Status
    failed_checks: tuple[str, ...] = ()
    artifacts: tuple[Written, ...] = ()


def summarized(hal: Hal, responses: Sequence[Response], artifacts: Sequence[Written] = ()) -> Summary:
    """Passed when every configured check passed; failed when one failed or is missing among others; else skipped."""
    outcome = {made.check: made.status for made in responses}
    asked = any(status != "skipped" for status in outcome.values())
    failed = tuple(name for name in hal.checks if asked and outcome.get(name) != "passed")
    status: Status = "failed" if failed else "passed" if asked else "skipped"
    return Summary(hal.mode, hal.origin, status, failed, tuple(artifacts))


def shortfall(hal: Hal, summary: Summary) -> str | None:
    """Why HAL is required and not satisfied; None when it is satisfied or not required."""
    if not hal.required or (summary.mode == "live" and summary.status == "passed"):
        return None
    if summary.status == "failed":
        return f"HAL is required, and it failed: {', '.join(summary.failed_checks)}"
    if summary.status == "skipped":
        return f"HAL is required, and it was not asked ({summary.origin})"
    return f"HAL is required, and a mock answered ({summary.origin})"


def telemetry(summary: Summary) -> dict[str, Any]:
    """The `hal` of a stage's telemetry."""
    return {
        "mode": summary.mode,
        "origin": summary.origin,
        "summary": {
            "status": summary.status,
            "failed_checks": list(summary.failed_checks),
            "artifacts": [{"path": file.path, "sha256": file.sha256} for file in summary.artifacts],
        },
    }


class Surroundings(NamedTuple):
    """Where the probing happens: the variables that are set, and the directory an MCP server is started in."""

    environment: Mapping[str, str]
    directory: str


class Records(NamedTuple):
    """Where responses are kept. The caller holds the lock of the SPEC."""

    store: Store
    session: Session


class Outcome(NamedTuple):
    """What came of probing."""

    responses: tuple[Response, ...]
    summary: Summary


def run(settings: Settings, around: Surroundings, records: Records | None = None) -> Outcome:
    """Probe, keep the responses, and sum them up. That HAL was skipped is kept; that nobody wanted it is not.

    Raises Undecidable as `probe` does.
    """
    hal = settings.hal
    responses = probe(settings, around)
    written: tuple[Written, ...] = ()
    if records is not None and (hal.mode != "off" or hal.skip):
        written = record(records.store, settings.layout, records.session, responses)
    return Outcome(responses, summarized(hal, responses, written))


def probe(settings: Settings, around: Surroundings) -> tuple[Response, ...]:
    """A response for each configured check, in their order. None is asked when HAL is off.

    Raises Undecidable when nobody can be asked: no address is configured, or a library is missing.
    """
    hal = settings.hal
    if hal.mode == "off":
        return tuple(_skipped(hal, name) for name in hal.checks)
    redactor = redactor_of(settings, around.environment)
    with _target(hal) as target:
        asked = _ask(hal, target, around) if hal.checks else []
    return tuple(response(each, hal.mode, hal.origin, redactor) for each in asked)


def why_off(hal: Hal) -> str:
    """Why nobody is asked."""
    return "SPEC_OPS_HAL_SKIP=1" if hal.skip else f"HAL is off ({hal.origin})"


def target_of(hal: Hal) -> str:
    """Who would be asked, in a few words."""
    if hal.mode == "off":
        return "nobody"
    if hal.mode == "mock":
        return _local_mock(hal) or "a mock of its own"
    return "the MCP server " + hal.mcp[0] if hal.mcp else hal.base_url or "nobody: no address is configured"


def is_local(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _skipped(hal: Hal, name: str) -> Response:
    return Response(name, hal.mode, hal.origin, "skipped", datetime.now(timezone.utc), why_off(hal))


def _local_mock(hal: Hal) -> str | None:
    """The configured address, if it may be asked in place of a mock of our own: never a service elsewhere."""
    return hal.base_url if hal.base_url and is_local(hal.base_url) else None


@contextmanager
def _target(hal: Hal) -> Iterator[str | None]:
    """The address that is asked; None for an MCP server. A mock is served for as long as it is needed."""
    if hal.mode == "live":
        if not hal.mcp and not hal.base_url:
            hint = "set hal.base_url or hal.mcp in .speckit.yaml, or SPEC_OPS_HAL_BASE_URL"
            raise Undecidable("HAL is to be asked live, and no address is configured", hint)
        yield None if hal.mcp else hal.base_url
        return
    given = _local_mock(hal)
    if given:
        yield given
        return
    from guardrails.services.probes.mock import open_mock, serving

    with serving(open_mock(0, "healthy")) as url:
        yield url


def _ask(hal: Hal, url: str | None, around: Surroundings) -> list[Asked]:
    if url is None:
        asking = mcp.questions(hal.checks, hal.timeout)
    else:
        asking = http.questions(url, hal.checks, hal.timeout)
        if hal.mode == "mock":
            return http.ask(asking, None, local=True)
    key = around.environment.get(hal.secret_env, "").strip()
    problem = _key_problem(hal.secret_env, key, in_header=url is not None)
    if problem:
        return [Asked(question, datetime.now(timezone.utc), reason=problem) for question in asking]
    if url is None:
        return mcp.ask(Server(hal.mcp, around.directory, {hal.secret_env: key}), asking)
    return http.ask(asking, key, local=is_local(url))


def _key_problem(name: str, key: str, *, in_header: bool) -> str | None:
    if not key:
        return f"{name} is not set"
    if len(key) < SHORTEST:
        return f"{name} is shorter than {SHORTEST} characters: it could not be kept out of the record"
    if in_header and not (key.isascii() and key.isprintable()):
        return f"{name} holds characters that no HTTP header can carry"
    return None
