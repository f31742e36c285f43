"""What a run needs of the machine: git, room on the disk, room under the evidence limit, and variables that are set."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress

from guardrails.checks.footprint import measure
from guardrails.errors import GuardrailError
from guardrails.git_version import OLDEST_GIT, git_version
from guardrails.probes.asking import Asking, Probe, failing
from guardrails.settings import MEGABYTE
from guardrails.snapshot.worktree import Worktree

_CREDENTIAL_NAME = "(?i)KEY|TOKEN|SECRET|PASS|CREDENTIAL"


def machine(asking: Asking) -> Iterator[Probe]:
    """Everything that is looked up rather than asked."""
    yield _git(asking)
    yield from _disk(asking)
    yield from footprints(asking)
    yield from _secrets(asking)


def _git(asking: Asking) -> Probe:
    made = Probe("git", "command", "passed", "", required=True)
    try:
        text, new_enough = git_version(asking.repo)
    except GuardrailError as error:
        return made._replace(status="failed", message=error.message, hint=error.hint, missing=True)
    if new_enough:
        return made._replace(message=text)
    oldest = ".".join(map(str, OLDEST_GIT))
    return made._replace(status="failed", message=f"{text} is older than {oldest}", hint="install a newer git")


def _disk(asking: Asking) -> Iterator[Probe]:
    """A run writes evidence, and its calls and locks into the git directory. Each needs as much room as the limit."""
    needed = asking.settings.evidence.limit_bytes
    places = [("evidence", os.path.join(asking.repo.root, asking.settings.layout.evidence))]
    with suppress(GuardrailError):  # then it was said of git already
        places.append(("git directory", asking.repo.git_dir()))
    for name, place in places:
        made = Probe(name, "disk", "passed", "", required=True)
        there = _existing(place)
        free = shutil.disk_usage(there).free
        if not os.access(there, os.W_OK | os.X_OK):
            yield made._replace(status="failed", message=f"{there} cannot be written", hint="make it writable")
        elif free < needed:
            message = f"{_mb(free)} free, less than the {_mb(needed)} that a SPEC's evidence may need"
            yield made._replace(status="failed", message=message, hint="make room on this disk")
        else:
            yield made._replace(message=f"{_mb(free)} free")


def _existing(place: str) -> str:
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    return place


def footprints(asking: Asking) -> Iterator[Probe]:
    """Whether the evidence of the SPEC, or else of every SPEC, leaves room under the limit."""
    evidence, found = asking.settings.evidence, measure(Worktree(asking.repo), asking.settings.layout, asking.spec)
    sizes = {spec: footprint.total for spec, footprint in sorted(found.items())}
    if asking.spec is not None:
        sizes = {asking.spec: sizes.get(asking.spec, 0)}
    hint = "speckit evidence archive --spec SPEC frees what older runs hold"
    above = [spec for spec, size in sizes.items() if size > evidence.warn_bytes]
    for spec in above:
        size = sizes[spec]
        full = size > evidence.limit_bytes
        message = f"{_mb(size)} of evidence; the limit is {_mb(evidence.limit_bytes)}"
        named = hint.replace("SPEC f", f"{spec} f")
        yield Probe(f"footprint of {spec}", "limit", failing(full), message, named, required=True)
    if not above:
        most = max(sizes.values(), default=0)
        limit = f"the limit is {_mb(evidence.limit_bytes)}"
        name, message = "footprint", f"at most {_mb(most)} of evidence a SPEC; {limit}"
        if asking.spec is not None:
            name, message = f"footprint of {asking.spec}", f"{_mb(most)} of evidence; {limit}"
        yield Probe(name, "limit", "passed", message, required=True)


def tool_secrets(asking: Asking) -> Iterator[Probe]:
    """The variables that the configured tools name."""
    yield from _told(asking, _of_tools(asking))


def _of_tools(asking: Asking) -> dict[str, tuple[bool, str]]:
    wanted: dict[str, tuple[bool, str]] = {}
    for tool in asking.plan.readiness:
        for name in tool.env:
            _want(wanted, name, tool.required, tool.name)
    return wanted


def _secrets(asking: Asking) -> Iterator[Probe]:
    """Those of the tools, the agents and HAL."""
    wanted = _of_tools(asking)
    for agent in asking.plan.agents:
        if agent.name in asking.roster and agent.command:
            for name in agent.env:
                if re.search(_CREDENTIAL_NAME, name):
                    _want(wanted, name, False, agent.name)
    hal = asking.settings.hal
    if hal.mode == "live":
        _want(wanted, hal.secret_env, hal.required, "hal")
    yield from _told(asking, wanted)


def _told(asking: Asking, wanted: dict[str, tuple[bool, str]]) -> Iterator[Probe]:
    """Each variable once: by its name, never its value."""
    for name, (required, whose) in wanted.items():
        if asking.repo.environment.get(name, "").strip():
            yield Probe(name, "secret", "passed", f"set, for {whose}", required=required)
        else:
            hint = f"export {name}, unless a login was made another way"
            yield Probe(name, "secret", failing(required), f"not set, and {whose} may need it", hint, required)


def _want(wanted: dict[str, tuple[bool, str]], name: str, required: bool, whose: str) -> None:
    known, names = wanted.get(name, (False, ""))
    wanted[name] = (known or required, f"{names} and {whose}" if names else whose)


def _mb(size: int) -> str:
    return f"{size / MEGABYTE:,.2f} MB"
