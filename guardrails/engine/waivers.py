"""Waivers: a finding accepted for a reason, until a day. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from guardrails.config.settings import Settings, Waiver
from guardrails.core.finding import Finding
from guardrails.engine.registry import rule_named
from guardrails.engine.rules import EXPIRED, UNUSED
from guardrails.errors import GuardrailError


class Waived(NamedTuple):
    """`findings` with the waived ones turned into notes; `used` are the waivers that matched."""

    findings: list[Finding]
    used: frozenset[Waiver]


def require_waivable(settings: Settings) -> None:
    """Raises GuardrailError for a waiver of an unknown rule, or of one whose verdict no waiver may turn.

    A conflict is settled by a resolution record and an unknown answer by finding out, never by configuration.
    """
    for waiver in settings.waivers:
        place = f"{settings.config_path}:{waiver.line}"
        rule = rule_named(waiver.rule)
        if rule is None:
            raise GuardrailError(f"{place}: waiver of unknown rule {waiver.rule}", "'speckit rules' lists them")
        if rule.outcome != "fail":
            raise GuardrailError(
                f"{place}: {waiver.rule} ({rule.name}) cannot be waived", f"see 'speckit explain {waiver.rule}'"
            )


def apply(findings: Iterable[Finding], waivers: Sequence[Waiver], today: date) -> Waived:
    """Turn what a waiver in force accepts into notes that say so."""
    in_force = {(waiver.rule, waiver.path): waiver for waiver in waivers if not is_expired(waiver, today)}
    used = set()
    kept = []
    for finding in findings:
        waiver = in_force.get((finding.rule.code, finding.path))
        if waiver is None:
            kept.append(finding)
            continue
        used.add(waiver)
        said = f"{finding.message} (waived until {waiver.expires}: {waiver.reason})"
        kept.append(finding._replace(severity="note", message=said, hint=None))
    return Waived(kept, frozenset(used))


def is_expired(waiver: Waiver, today: date) -> bool:
    """A waiver holds through its last day."""
    return date.fromisoformat(waiver.expires) < today


def stale(settings: Settings, used: frozenset[Waiver], families: Iterable[str], today: date) -> list[Finding]:
    """Findings about the waivers of the rule families that were judged: expired, or matching nothing."""
    judged = tuple(families)
    found = []
    for waiver in settings.waivers:
        if not waiver.rule.startswith(judged) or waiver in used:
            continue
        expired = is_expired(waiver, today)
        rule = EXPIRED if expired else UNUSED
        said = f"the waiver of {waiver.rule} in {waiver.path} " + (
            f"ended on {waiver.expires}" if expired else "matches nothing"
        )
        found.append(rule.at(settings.config_path or ".", said, line=waiver.line, hint=rule.fix))
    return found
