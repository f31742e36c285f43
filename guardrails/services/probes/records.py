"""Responses of services as they are kept: without secrets, short, and valid against their schema."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import orjson

from guardrails.config.layout import Layout
from guardrails.config.settings import HAL, ProbeMode, Service
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.core.text import printable
from guardrails.core.timestamps import stamped
from guardrails.evidence.names import StageSession, command_path
from guardrails.evidence.store import EvidenceStore, WrittenFile
from guardrails.secrets.redact import Redactor
from guardrails.services.probes.checks import Asked, ProbeQuestion, reason_against

KEPT = 1 << 16
"""Bytes of an answer that are kept."""
_MARGIN = 1 << 14
"""Bytes before the end of what was read that are not kept when there was more: a secret may have been cut there."""

ProbeStatus = Literal["passed", "failed", "skipped"]


class Body(NamedTuple):
    """An answer as it is kept. `size` is that of the answer as it was read; `content` is JSON, text, or None when none
    of it can be kept; `sha256` is the digest of the text, or of the JSON without blanks."""

    content_type: str | None
    size: int
    sha256: str | None
    truncated: bool
    redactions: int
    content: Any


class Response(NamedTuple):
    """What became of one check. Holds no secret."""

    check: str
    mode: ProbeMode
    origin: str
    status: ProbeStatus
    finished: datetime
    reason: str | None = None
    question: ProbeQuestion | None = None
    http_status: int | None = None
    latency_ms: int | None = None
    body: Body | None = None


def response(asked: Asked, mode: ProbeMode, origin: str, redactor: Redactor) -> Response:
    """The response to a check that was asked, judged, and without secrets."""
    question = asked.question
    reason = reason_against(asked)
    return Response(
        question.check.name,
        mode,
        origin,
        "passed" if reason is None else "failed",
        asked.finished,
        None if reason is None else redactor.text(reason),
        _clean(question, redactor),
        asked.http_status,
        asked.latency_ms,
        None if asked.body is None else _body(asked, asked.body, redactor),
    )


def _clean(question: ProbeQuestion, redactor: Redactor) -> ProbeQuestion:
    """A question without secrets: a configuration may name one in an address, or as a tool."""
    check = question.check
    tool = redactor.text(check.tool) if check.tool else None
    url = redactor.text(question.url) if question.url else None
    return question._replace(url=url, check=check._replace(tool=tool))


def _body(asked: Asked, raw: bytes, redactor: Redactor) -> Body:
    clean = redactor.data(raw)
    data = clean.data
    long = asked.cut or (data is not None and len(data) > KEPT)
    content, hidden = (_beginning(data, asked.cut), 0) if long else _content(data, redactor)
    kept = content.encode() if isinstance(content, str) else orjson.dumps(content)
    media = (asked.content_type or "").partition(";")[0].strip()
    return Body(
        printable(redactor.text(media))[:100] or None,
        len(raw),
        None if content is None else sha256(kept).hexdigest(),
        long,
        clean.removed + hidden,
        content,
    )


def _content(data: bytes | None, redactor: Redactor) -> tuple[Any, int]:
    """What is kept of an answer without secrets, and how many more were taken out: in JSON an escape may hide one.

    Nothing is kept of what may not be shown, nor of binary data: in UTF-16 a secret looks different.
    """
    if data is None or b"\0" in data:
        return None, 0
    try:
        value = parse_json(data)
        parse_json(orjson.dumps({"response": {"body": value}}))  # not so deep that our own record could not be read
    except JsonFlaw:
        return data.decode("utf-8", "replace"), 0
    return redactor.document(value)


def _beginning(data: bytes | None, cut: bool) -> str | None:
    if data is None or b"\0" in data:
        return None
    return (data[:-_MARGIN] if cut else data)[:KEPT].decode("utf-8", "replace")


def document(made: Response, session: StageSession, service: Service = HAL) -> dict[str, Any]:
    """A response as schemas/hal_response.schema.json has it. HAL's records are older than `service`, and do without."""
    found: dict[str, Any] = {
        "schemaVersion": 1,
        "specId": session.spec,
        "stage": session.stage,
        "sessionId": session.stamp,
        **({} if service.name == HAL.name else {"service": service.name}),
        "timestamp": stamped(made.finished),
        "check": made.check,
        "mode": made.mode,
        "origin": made.origin,
        "transport": made.question.transport if made.question else None,
    }
    if made.question:
        found["request"] = _request(made.question)
    body = made.body
    return {
        **found,
        "status": made.status,
        "http_status": made.http_status,
        "latency_ms": made.latency_ms,
        "reason": made.reason,
        "response": None if body is None else _answer(body),
    }


def _request(question: ProbeQuestion) -> dict[str, Any]:
    named = {"url": question.url} if question.url else {"tool": question.tool}
    return {"method": question.method, **named, "timeout_ms": int(question.timeout * 1000)}


def _answer(body: Body) -> dict[str, Any]:
    digest = {} if body.sha256 is None else {"sha256": body.sha256}
    return {
        "content_type": body.content_type,
        "size": body.size,
        **digest,
        "truncated": body.truncated,
        "redactions": body.redactions,
        "body": body.content,
    }


def record(
    store: EvidenceStore, layout: Layout, session: StageSession, service: Service, responses: Sequence[Response]
) -> tuple[WrittenFile, ...]:
    """Write each response to a file of its own. The caller holds the lock of the SPEC.

    Neither name has two underscores in a row, so no two checks have one file.
    """
    prefix = "hal_" if service.name == HAL.name else f"probe_{service.name}__"
    return tuple(
        store.record(
            command_path(layout, session, f"{prefix}{made.check}.json"),
            "hal_response",
            document(made, session, service),
        )
        for made in responses
    )
