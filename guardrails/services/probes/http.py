"""Ask a service over HTTP. It is not trusted: no redirect is followed, nothing is unpacked, time and size end."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from functools import partial
from socket import gaierror
from time import monotonic
from typing import TYPE_CHECKING, Any

from guardrails.config.settings import Service
from guardrails.errors import Undecidable
from guardrails.services.probes.checks import READ_LIMIT, Asked, ProbeQuestion

if TYPE_CHECKING:
    import httpx


MOCK_HEADER = "X-Speckit-Mock"
"""With this the mock says what it is, so that nobody takes it for the service it stands for."""
CHECK_HEADER = "X-Speckit-Check"
"""With this a mock is told which check asks: two may ask one path."""
_CHUNK = 1 << 16


def questions(base_url: str, service: Service) -> tuple[ProbeQuestion, ...]:
    """How each check is asked below an address."""
    return tuple(ProbeQuestion(check, "http", base_url + check.endpoint, service.timeout) for check in service.checks)


def ask(label: str, asking: Sequence[ProbeQuestion], key: str | None, *, live: bool, local: bool) -> list[Asked]:
    """Ask all questions, one at least, at the same time; answers in their order.

    `key` is sent with each, if there is one. Where the service is asked `live` a mock's answer does not count. `local`
    says that the address is on this machine, where no proxy is in between.

    Raises Undecidable when the library for it is missing.
    """
    try:
        import anyio
        import httpx  # noqa: F401  said to be missing here, before anything was begun
    except ImportError as error:
        problem = f"{label} cannot be asked: httpx cannot be imported"
        raise Undecidable(problem, "pip install 'speckit-guardrails[auto]'") from error
    return anyio.run(partial(_ask_all, asking, key, live=live, local=local))


async def _ask_all(asking: Sequence[ProbeQuestion], key: str | None, *, live: bool, local: bool) -> list[Asked]:
    import anyio
    import httpx

    answers: dict[str, Asked] = {}
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "speckit"}
    if key is not None:
        headers["X-Api-Key"] = key
    # Each question has a deadline over all of it besides: a limit for each read would let a slow answer go on.
    limit = max(question.timeout for question in asking)
    async with httpx.AsyncClient(headers=headers, timeout=limit, follow_redirects=False, trust_env=not local) as client:

        async def one(question: ProbeQuestion) -> None:
            answers[question.check.name] = await _ask(client, question, live=live)

        async with anyio.create_task_group() as group:
            for question in asking:
                group.start_soon(one, question)
    return [answers[question.check.name] for question in asking]


async def _ask(client: httpx.AsyncClient, question: ProbeQuestion, *, live: bool) -> Asked:
    import anyio
    import httpx

    start = monotonic()
    asked = Asked(question, datetime.now(timezone.utc))
    try:
        with anyio.fail_after(question.timeout):
            asked = await _answer(client, question, live=live)
        asked = asked._replace(latency_ms=int((monotonic() - start) * 1000))
    except (TimeoutError, httpx.TimeoutException):
        asked = asked._replace(reason=f"no complete answer within {question.timeout:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
        asked = asked._replace(reason=_words(error))
    return asked._replace(finished=datetime.now(timezone.utc))


async def _answer(client: httpx.AsyncClient, question: ProbeQuestion, *, live: bool) -> Asked:
    check = question.check
    url = f"{question.url}?{check.query}" if check.query else str(question.url)
    headers = {} if check.payload is None else {"Content-Type": "application/json"}
    if not live:
        headers[CHECK_HEADER] = check.name
    async with client.stream(check.method, url, content=check.payload, headers=headers) as response:
        body = bytearray()
        async for chunk in response.aiter_raw(_CHUNK):
            body += chunk
            if len(body) > READ_LIMIT:
                break
    status = response.status_code
    return Asked(
        question,
        datetime.now(timezone.utc),
        reason=_unfit(response, live=live),
        http_status=status if 100 <= status <= 599 else None,
        content_type=response.headers.get("Content-Type"),
        body=bytes(body[:READ_LIMIT]),
        cut=len(body) > READ_LIMIT,
    )


def _unfit(response: httpx.Response, *, live: bool) -> str | None:
    """Why a response is none that can be judged."""
    status = response.status_code
    if not 100 <= status <= 599:
        return f"it answered {status}, which is no HTTP status"
    if 300 <= status <= 399:
        return f"it answered {status}, a redirect, and these are not followed"
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        return "the answer is packed, which was not asked for"
    return "a mock answered: this is not the live service" if live and MOCK_HEADER in response.headers else None


def _words(error: Exception) -> str:
    """What went wrong, in words of ours: the library's may quote the address, or what the service sent."""
    import httpx

    for cause in _causes(error):
        if isinstance(cause, gaierror):
            return "the host was not found"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "no secure connection could be made"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
    known: tuple[tuple[type[Exception], str], ...] = (
        (httpx.ConnectError, "no connection could be made"),
        (httpx.ProxyError, "the proxy refused"),
        (httpx.NetworkError, "the connection broke off"),
        (httpx.RemoteProtocolError, "the answer is incomplete, or not HTTP"),
    )
    return next((words for kind, words in known if isinstance(error, kind)), f"it failed ({type(error).__name__})")


def _causes(error: BaseException | None, most: int = 10) -> Iterator[BaseException]:
    """An error and what caused it; of several causes each."""
    if error is None or most == 0:
        return
    yield error
    several: Any = getattr(error, "exceptions", ())
    for inner in (error.__cause__ or error.__context__, *several):
        yield from _causes(inner, most - 1)
