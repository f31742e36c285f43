"""Which evidence files a report has to read: by their names, before anything is opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from guardrails.config.layout import Layout
from guardrails.consensus.load import ANSWERS, WITNESSES, ConsensusFile
from guardrails.core.paths import within
from guardrails.core.timestamps import parse_stamp
from guardrails.layouts.evidence_names import evidence_name
from guardrails.snapshot.base import Entry, Snapshot

CONSENSUS = ANSWERS | WITNESSES
_SINGLE = frozenset(("cost_summary", "run_summary"))
LONGEST_SESSION = timedelta(days=1)
"""How long before the newest name of a stage another may lie and still hold what was recorded last."""


class Reach(NamedTuple):
    """How much of the evidence is read: of one SPEC or all, only what may be the latest of each stage, or only
    sessions whose name is not older than `since`. A name without a time is always read."""

    spec: str | None = None
    latest: bool = False
    since: datetime | None = None


class EvidenceFiles(NamedTuple):
    """Evidence to read, by what is done with it, and every SPEC whose evidence was seen."""

    telemetry: list[ConsensusFile]
    consensus: list[ConsensusFile]
    single: list[ConsensusFile]
    """cost summaries and run summaries"""
    specs: frozenset[str]


def listed(snapshot: Snapshot, layout: Layout) -> list[Entry]:
    """Every entry where evidence or documents lie."""
    entries = snapshot.entries(layout.docs)
    return entries if within(layout.evidence, layout.docs) else entries + snapshot.entries(layout.evidence)


def choose(entries: Iterable[Entry], layout: Layout, reach: Reach) -> EvidenceFiles:
    """The evidence within reach."""
    files = EvidenceFiles([], [], [], frozenset())
    seen = set()
    for entry in entries:
        name = evidence_name(layout, entry.path)
        if name is None or name.spec is None or reach.spec not in (None, name.spec):
            continue
        seen.add(name.spec)
        found = ConsensusFile(entry, name)
        if name.kind == "telemetry":
            files.telemetry.append(found)
        elif name.kind in CONSENSUS and name.stage:
            files.consensus.append(found)
        elif name.kind in _SINGLE:
            files.single.append(found)
    telemetry, consensus = (list(_within_reach(part, reach)) for part in (files.telemetry, files.consensus))
    return EvidenceFiles(telemetry, consensus, files.single, frozenset(seen))


def call_files(files: EvidenceFiles, reach: Reach) -> Iterator[ConsensusFile]:
    """Metrics and event lines to read. Where only the latest is wanted, metrics are left where event lines of the
    same session tell the same."""
    told = {_session(each) for each in files.consensus if each.name.kind == "consensus_telemetry" and reach.latest}
    for each in files.consensus:
        if each.name.kind == "consensus_telemetry" or (
            each.name.kind == "agent_metrics" and _session(each) not in told
        ):
            yield each


def _session(each: ConsensusFile) -> tuple[str | None, str | None, str | None]:
    return each.name.spec, each.name.stage, each.name.stamp


def _within_reach(found: list[ConsensusFile], reach: Reach) -> Iterator[ConsensusFile]:
    if not reach.latest and reach.since is None:
        yield from found
        return
    moments = [_moment(each.name.stamp) for each in found]
    newest: dict[tuple[str | None, str | None], datetime] = {}
    for each, moment in zip(found, moments, strict=True):
        key = (each.name.spec, each.name.stage)
        if moment is not None and (key not in newest or moment > newest[key]):
            newest[key] = moment
    for each, moment in zip(found, moments, strict=True):
        if moment is None or each.name.kind == "resolution":
            yield each
        elif reach.latest:
            if moment >= newest[each.name.spec, each.name.stage] - LONGEST_SESSION:
                yield each
        elif reach.since is None or moment >= reach.since - LONGEST_SESSION:
            yield each


@lru_cache(maxsize=4096)
def _moment(stamp: str | None) -> datetime | None:
    found = parse_stamp(stamp)
    return found.when if found else None
