"""What the tests of the probes share: settings, a key, and a search for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from guardrails.config import HAL, Secrets, Settings
from guardrails.secrets import scan_stream, secret_values
from guardrails.services.probes import ProbeEnvironment, Response, probe
from tests.sandbox import EVIDENCE, Ran, Sandbox
from tests.test_secret_values import ENCODERS

VARIABLE = "HAL_SECRET_KAVEDARR_API_KEY"
KEY = "kvd-9F8e7D6c/5b4A+39?<x>&y"
COMMANDS = f"{EVIDENCE}/commands/SPEC-KIT-900"
CHECKS = ["health", "list_movies", "indexer_test", "graphql_ping"]


def live(url: str | None, **changes: Any) -> Settings:
    """Settings under which a service is asked."""
    hal = HAL.only(changes.pop("checks", CHECKS))
    hal = hal._replace(mode="live", origin="--mode", base_url=url, timeout=changes.pop("timeout", 5.0), **changes)
    return Settings(hal=hal, secrets=Secrets(("OTHER_SECRET",)))


def responses(settings: Settings, **environment: str) -> tuple[Response, ...]:
    """What the HAL of these settings answers."""
    return probe(settings.hal, settings, ProbeEnvironment(environment, "."))


def ask(url: str | None, **changes: Any) -> tuple[Response, ...]:
    """The responses of a live service."""
    return responses(live(url, **changes), **{VARIABLE: KEY})


def forms(value: str = KEY) -> list[bytes]:
    """A value in every form it may be shown in."""
    return [encode(value) for encode in ENCODERS.values()]


def holds_secret(data: bytes, value: str = KEY) -> bool:
    """Whether a value stands in some bytes, in any form."""
    lowered = data.lower()
    return any(form.lower() in lowered for form in forms(value)) or any(
        hit.variable for hit in scan_stream([data], secret_values((VARIABLE,), {VARIABLE: value}).needles).hits
    )


def records(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """The HAL records of SPEC-KIT-900 by check."""
    found = {}
    for path in (sandbox.root / COMMANDS).glob("*_hal_*.json"):
        document = json.loads(path.read_bytes())
        found[document["check"]] = document
    return found


def smoke(sandbox: Sandbox, *arguments: str, **environment: str) -> Ran:
    """`speckit hal smoke`, with a key."""
    return sandbox.speckit("hal", "smoke", *arguments, **{VARIABLE: KEY, **environment})


def everything(root: Path) -> list[tuple[str, bytes]]:
    """Every file below a directory: its path and its bytes."""
    return [(str(path), path.read_bytes()) for path in root.rglob("*") if path.is_file()]
