"""Probe a service: decide who is asked, ask, and judge what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from guardrails.config.settings import ProbeMode, Service, Settings
from guardrails.errors import Undecidable
from guardrails.evidence.names import StageSession
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.secrets.redact import redactor_of
from guardrails.secrets.values import SHORTEST
from guardrails.services.mcp_client import McpServer
from guardrails.services.probes import http, mcp
from guardrails.services.probes.checks import Asked
from guardrails.services.probes.records import ProbeStatus, Response, record, response

# `hal.summary`: all responses in short, and whether they satisfy what is required. Pure.


class ProbeSummary(NamedTuple):
    """All checks of one service in a stage. `mode` and `origin` are the decision they were made under."""

    mode: ProbeMode
    origin: str
    status: ProbeStatus
    failed_checks: tuple[str, ...] = ()
    artifacts: tuple[WrittenFile, ...] = ()


def summarized(service: Service, responses: Sequence[Response], artifacts: Sequence[WrittenFile] = ()) -> ProbeSummary:
    """Passed when every configured check passed; failed when one failed or is missing among others; else skipped."""
    outcome = {made.check: made.status for made in responses}
    asked = any(status != "skipped" for status in outcome.values())
    failed = tuple(check.name for check in service.checks if asked and outcome.get(check.name) != "passed")
    status: ProbeStatus = "failed" if failed else "passed" if asked else "skipped"
    return ProbeSummary(service.mode, service.origin, status, failed, tuple(artifacts))


def shortfall(service: Service, summary: ProbeSummary) -> str | None:
    """Why the service is required and not satisfied; None when it is satisfied or not required."""
    if not service.required or (summary.mode == "live" and summary.status == "passed"):
        return None
    if summary.status == "failed":
        return f"{service.label} is required, and it failed: {', '.join(summary.failed_checks)}"
    if summary.status == "skipped":
        return f"{service.label} is required, and it was not asked ({summary.origin})"
    return f"{service.label} is required, and a mock answered ({summary.origin})"


def telemetry(summary: ProbeSummary) -> dict[str, Any]:
    """A summary as the `hal` of a stage's telemetry."""
    return {
        "mode": summary.mode,
        "origin": summary.origin,
        "summary": {
            "status": summary.status,
            "failed_checks": list(summary.failed_checks),
            "artifacts": [{"path": file.path, "sha256": file.sha256} for file in summary.artifacts],
        },
    }


class ProbeEnvironment(NamedTuple):
    """Where the probing happens: the variables that are set, and the directory an MCP server is started in."""

    environment: Mapping[str, str]
    directory: str


class ProbeRecords(NamedTuple):
    """Where responses are kept. The caller holds the lock of the SPEC."""

    store: EvidenceStore
    session: StageSession


class ProbeOutcome(NamedTuple):
    """What came of probing."""

    responses: tuple[Response, ...]
    summary: ProbeSummary


def run_probes(
    service: Service, settings: Settings, probe_environment: ProbeEnvironment, records: ProbeRecords | None = None
) -> ProbeOutcome:
    """Probe, keep the responses, and sum them up.

    Raises Undecidable as `probe` does.
    """
    responses = probe(service, settings, probe_environment)
    written: tuple[WrittenFile, ...] = ()
    if records is not None and (service.mode != "off" or service.skip or service.records_off):
        written = record(records.store, settings.layout, records.session, service, responses)
    return ProbeOutcome(responses, summarized(service, responses, written))


def probe(service: Service, settings: Settings, probe_environment: ProbeEnvironment) -> tuple[Response, ...]:
    """A response for each configured check, in their order. None is asked when the service is off.

    Raises Undecidable when nobody can be asked: no address is configured, or a library is missing.
    """
    if service.mode == "off":
        return tuple(_skipped(service, check.name) for check in service.checks)
    redactor = redactor_of(settings, probe_environment.environment)
    with _target(service) as target:
        asked = _ask(service, target, probe_environment) if service.checks else []
    return tuple(response(each, service.mode, service.origin, redactor) for each in asked)


def why_off(service: Service) -> str:
    """Why nobody is asked."""
    return "SPEC_OPS_HAL_SKIP=1" if service.skip else f"{service.label} is off ({service.origin})"


def target_of(service: Service) -> str:
    """Who would be asked, in a few words."""
    if service.mode == "off":
        return "nobody"
    if service.mode == "mock":
        return _local_mock(service) or "a mock of its own"
    return "the MCP server " + service.mcp[0] if service.mcp else service.base_url or "nobody: no address is configured"


def is_local(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _skipped(service: Service, name: str) -> Response:
    return Response(name, service.mode, service.origin, "skipped", datetime.now(timezone.utc), why_off(service))


def _local_mock(service: Service) -> str | None:
    """The configured address, if it may be asked in place of a mock of our own: never a service elsewhere."""
    return service.base_url if service.base_url and is_local(service.base_url) else None


@contextmanager
def _target(service: Service) -> Iterator[str | None]:
    """The address that is asked; None for an MCP server. A mock is served for as long as it is needed."""
    if service.mode == "live":
        if not service.mcp and not service.base_url:
            # Only of HAL: where an address may come from the environment, the configuration can't be held to it.
            hint = f"set {service.key}.base_url or {service.key}.mcp in .speckit.yaml, or SPEC_OPS_HAL_BASE_URL"
            raise Undecidable(f"{service.label} is to be asked live, and no address is configured", hint)
        yield None if service.mcp else service.base_url
        return
    given = _local_mock(service)
    if given:
        yield given
        return
    from guardrails.services.probes.mock import open_mock, serving

    with serving(open_mock(service.checks, 0, service.mock)) as url:
        yield url


def _ask(service: Service, url: str | None, probe_environment: ProbeEnvironment) -> list[Asked]:
    asking = mcp.questions(service) if url is None else http.questions(url, service)
    if service.mode == "mock":
        return http.ask(service.label, asking, None, live=False, local=True)
    key = probe_environment.environment.get(service.secret_env, "").strip() if service.secret_env else None
    problem = _key_problem(service.secret_env, key, in_header=url is not None)
    if problem:
        return [Asked(question, datetime.now(timezone.utc), reason=problem) for question in asking]
    if url is None:
        visible = {service.secret_env: key} if key else {}
        return mcp.ask(service.label, McpServer(service.mcp, probe_environment.directory, visible), asking)
    return http.ask(service.label, asking, key, live=True, local=is_local(url))


def _key_problem(name: str, key: str | None, *, in_header: bool) -> str | None:
    """Why the key cannot be sent. A service without one needs none."""
    if key is None:
        return None
    if not key:
        return f"{name} is not set"
    if len(key) < SHORTEST:
        return f"{name} is shorter than {SHORTEST} characters: it could not be kept out of the record"
    if in_header and not (key.isascii() and key.isprintable()):
        return f"{name} holds characters that no HTTP header can carry"
    return None
