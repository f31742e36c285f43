"""The QA sweep as text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guardrails.reports.audit_shown import COSTS, MADE, cost_rows
from guardrails.reports.documents import moment, plain
from guardrails.reports.layouts import fields, markdown, markdown_table, text_table
from guardrails.reports.playback import RULES
from guardrails.reports.population import Field
from guardrails.reports.qa import Qa

SCHEMA = "speckit.qa/1"
FIELDS = ("Record", "Field", "Populated", "Share", "Zero by default", "Null or empty", "Absent")
FIRED = ("Alert", "About", "What", "Id")
SENT = ("Alert", "Where", "What became of it")
FAULTS = ("Rule", "Place", "What")
_SHOWN = 20


def verdict(found: Qa) -> str:
    """The sweep in a sentence."""
    return "the telemetry can be trusted" if not found.faults else "; ".join(found.faults)


def field_row(field: Field) -> tuple[str, ...]:
    share = f"{field.share:.0%}" if field.said < field.records else "100%"
    counts = (str(field.zero), str(field.null), str(field.absent))
    return field.kind, field.name, f"{field.said} of {field.records}", share, *counts


def fault_rows(found: Qa) -> Iterator[tuple[str, ...]]:
    for each in found.schemas.errors:
        yield each.rule, f"{each.path}:{each.line or 1}", each.message
    if not found.schemas.errors:
        yield "none", "", ""


def missing_rows(found: Qa) -> Iterator[tuple[str, ...]]:
    for each in found.population.missing[:_SHOWN]:
        yield each.path + (f":{each.line}" if each.line else ""), each.field, each.how


def fired_rows(found: Qa) -> Iterator[tuple[str, ...]]:
    for fired in found.fired:
        alert = fired.alert
        yield alert.name, alert.period, alert.message, fired.id
    if not found.fired:
        yield "none", "", "", ""


def played(found: Qa) -> str:
    """What the rules were played back over."""
    return f"the last {found.weeks} ISO weeks, {found.runs or 'no'} {'run' if found.runs == 1 else 'runs'}"


def rule_rows(found: Qa) -> Iterator[tuple[str, ...]]:
    """Every rule, and how often it fired: one that never did was played back all the same."""
    for rule in RULES:
        times = sum(each.alert.name == rule.name for each in found.fired)
        yield rule.name, rule.about, rule.when, str(times)


def sent_rows(found: Qa) -> Iterator[tuple[str, ...]]:
    for each in found.routing.sent or ():
        yield each.alert, each.place, each.outcome
    if found.routing.sent is None:
        for place in found.routing.places or ("nowhere: no route is configured",):
            yield f"{len(found.fired)} alerts", place, "not sent: add --route"


RULE_COLUMNS = ("Rule", "About", "Fires at", "Fired")


def as_text(found: Qa) -> str:
    """The sweep for a terminal."""
    header = [
        ("SPEC", found.spec),
        ("evidence", f"{found.sealed.files} files, sha256 {found.sealed.sha256}"),
        ("schemas", f"{found.schemas.verdict}: {found.schemas.checked} examined, {found.schemas.found} faults"),
    ]
    partial = [field_row(field) for field in found.population.fields if field.said < field.records]
    return "".join(
        (
            fields(header),
            *(["\n", text_table(FAULTS, fault_rows(found))] if found.schemas.errors else []),
            f"\nFields that are not always populated ({len(partial)} of {len(found.population.fields)})\n",
            text_table(FIELDS, partial) if partial else "none\n",
            "\n",
            text_table(COSTS, cost_rows(found.costs)),
            f"\nAlerts over {played(found)}\n",
            text_table(FIRED, fired_rows(found)),
            "\n",
            text_table(SENT, sent_rows(found)),
            f"\n{verdict(found)}\n",
        )
    )


def as_markdown(found: Qa) -> str:
    """The sweep as it is filed."""
    missing, schemas = list(missing_rows(found)), found.schemas
    playback = f"## Alert playback\n\nOver {played(found)}.\n"
    more = len(found.population.missing) - len(missing)
    examples = markdown_table(("Record", "Field", "How"), missing) + (f"\nand {more} more\n" if more > 0 else "")
    return "\n".join(
        (
            f"# Telemetry QA of {markdown(found.spec)}\n",
            f"- evidence: {found.sealed.files} files, sha256 {found.sealed.sha256}",
            f"- {MADE}: {moment(found.generated)}",
            f"- result: {markdown(verdict(found))}\n",
            f"## Schemas\n\n{schemas.checked} records examined, {schemas.found} faults: {schemas.verdict}.\n",
            markdown_table(FAULTS, fault_rows(found)),
            f"## Fields\n\n{markdown_table(FIELDS, map(field_row, found.population.fields))}",
            examples if missing else "Every field says something.\n",
            f"## Costs\n\n{markdown_table(COSTS, cost_rows(found.costs))}",
            f"{playback}\n{markdown_table(RULE_COLUMNS, rule_rows(found))}",
            markdown_table(FIRED, fired_rows(found)),
            f"## Alert routing\n\n{markdown_table(SENT, sent_rows(found))}",
        )
    )


def as_document(found: Qa) -> dict[str, Any]:
    """The sweep as one JSON document."""
    return {
        "schema": SCHEMA,
        "spec": found.spec,
        MADE: moment(found.generated),
        "evidence": plain(found.sealed),
        "trusted": not found.faults,
        "faults": list(found.faults),
        "schemas": plain(found.schemas),
        "fields": plain(found.population.fields),
        "missing": plain(found.population.missing),
        "costs": {
            "agrees": found.costs.agrees,
            "lines": plain(found.costs.lines),
            "total": plain(found.costs.total),
            "archived": list(found.costs.archived),
        },
        "weeks": found.weeks,
        "runs": found.runs,
        "alerts": [{"id": fired.id, **plain(fired.alert)} for fired in found.fired],
        "routing": {"places": list(found.routing.places), "sent": plain(found.routing.sent)},
    }
