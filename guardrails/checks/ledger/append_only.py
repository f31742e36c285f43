"""Evidence is append-only by path: what a ledger of the base names is the same file, or lies in a verified archive.

A completed run never grows. Of a run that goes on, only its own synthesis, verdict, telemetry, costs and summary may
change; what its agents answered stays. The states are compared, not the commits between them: what was changed and
brought back on the way is the same evidence again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal, NamedTuple

from guardrails.checks.ledger.archive_manifest import Archive
from guardrails.checks.ledger.archives import PackedEvidence, archives_of
from guardrails.checks.ledger.entries import digest
from guardrails.checks.ledger.files import RESOLUTION, Digests, OutsideSessions
from guardrails.checks.ledger.rules import (
    ARCHIVE_DAMAGED,
    EVIDENCE_REPLACED,
    LEDGER_REWRITTEN,
    RUN_REMOVED,
    SIGNATURE_BAD,
)
from guardrails.checks.ledger.runs import (
    EvidenceInventory,
    RunEvidence,
    evidence_inventory,
    evidence_location,
    same_blob,
)
from guardrails.checks.presence import COMPARED
from guardrails.config.layout import Layout
from guardrails.core.finding import Checked, Finding, Observation, Rule
from guardrails.core.limits import REPLACED_EVIDENCE, at_most
from guardrails.core.strict_json import JsonFlaw, parse_json
from guardrails.core.timestamps import parse_time
from guardrails.layouts.evidence_names import evidence_name, session_name
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.context import CheckContext
from guardrails.snapshot.index import Commit

COMPLETED = "completed"
"""The outcome of a run that nobody can resume."""
_SESSIONS = ("commands", "consensus")
_GOES_ON = ("synthesis", "verdict", "attestation", "consensus_telemetry")
"""Kinds of a session's files in `consensus` that are written again when a run goes on. Its files in `commands` are the
telemetry of its stages."""

_FileState = Literal["same", "changed", "gone"]


class BaseEvidence(NamedTuple):
    """A state that evidence is compared with, and what lay there."""

    snapshot: Snapshot
    layout: Layout
    inventory: EvidenceInventory


def base_evidence(context: CheckContext, now: EvidenceInventory) -> tuple[BaseEvidence, ...]:
    """Every state a change is compared with, and its evidence; none where there is nothing to compare with."""
    layout = context.settings_of_base.layout
    return tuple(
        BaseEvidence(base, layout, evidence_inventory(base, layout, context.scope.spec, now))
        for base in _bases(context.snapshot)
    )


def _bases(snapshot: Snapshot) -> list[Snapshot]:
    """A range is compared with where it left its base: what the base got since then, this side never had. After merges
    in both directions there are several such places, and each counts. A push replaces what the remote has, so that it
    is compared with that."""
    base = snapshot.base if snapshot.source.kind in COMPARED else None
    if base is None:
        return []
    if snapshot.source.kind != "range" or not isinstance(base, Commit) or not isinstance(snapshot, Commit):
        return [base]
    out = snapshot.repo.run("merge-base", "--all", base.revision, snapshot.revision, ok=(0, 1))
    forks = out.decode("ascii").split()
    return [base if fork == base.revision else Commit(snapshot.repo, fork) for fork in forks] or [base]


def beginnings(bases: tuple[BaseEvidence, ...], now: EvidenceInventory) -> frozenset[tuple[str, int]]:
    """The ledgers of runs that could go on and are gone: an archive that holds one has to begin with their bytes."""
    found = set()
    for base in bases:
        for run in base.inventory.runs:
            if run.chain is not None and run.ledger not in now.files and not _is_completed(run):
                found.add((run.ledger, run.chain.sound))
    return frozenset(found)


def judge(
    context: CheckContext,
    now: EvidenceInventory,
    digests: Digests,
    packed: PackedEvidence,
    bases: tuple[BaseEvidence, ...],
) -> Iterator[Observation]:
    """What became of the evidence of every base."""
    for base in bases:
        comparison = _Comparison(context, now, digests, packed, base)
        yield from map(Checked, comparison.fixed)
        yield from comparison.ledgers()
        listed, more = at_most(comparison.replaced(), REPLACED_EVIDENCE)
        yield from listed
        if more:
            message = f"{more} more files of evidence are not those of {base.snapshot.describe()}, and are not listed"
            yield EVIDENCE_REPLACED.at(base.layout.evidence, message, hint=EVIDENCE_REPLACED.fix)
        if context.scope.run is None:
            yield from comparison.archives()


def _is_completed(run: RunEvidence) -> bool:
    """Whether a run has reached its end and its seal fits: then all of it stays as it is."""
    document = run.summary.document if run.summary else None
    seal = document.get("seal") if document else None
    sealed = run.chain is not None and isinstance(seal, dict) and seal.get("head") == run.chain.head
    return sealed and document is not None and document.get("outcome") == COMPLETED


class _Comparison:
    """The evidence of one base beside that of now."""

    def __init__(
        self,
        context: CheckContext,
        now: EvidenceInventory,
        digests: Digests,
        packed: PackedEvidence,
        base: BaseEvidence,
    ) -> None:
        self._snapshot, self._base, self._layout = context.snapshot, base.snapshot, base.layout
        self._before, self._now, self._packed = base.inventory, now, packed
        self._digests, self._base_digests = digests, Digests(base.snapshot)
        self._listed: dict[str, set[str]] = {}
        for path, entry in (pair for run in now.runs for pair in run.entries.items()):
            self._listed.setdefault(path, set()).add(entry.sha256)
        self._runs = [
            run
            for run in self._before.runs
            if context.scope.run in (None, run.name) and run.chain is not None and run.chain.entries
        ]
        self._entries = {run.ledger: run.entries for run in self._runs}
        self._one_run = context.scope.run is not None
        self._outside = OutsideSessions(self._layout, now)

    def ledgers(self) -> Iterator[Observation]:
        """Each run's own files: ledger, summary, signature."""
        for run in self._runs:
            yield Checked(run.ledger)
            yield from self._ledger(run)
            yield from self._stripped(run)

    def _ledger(self, run: RunEvidence) -> Iterator[Finding]:
        state = self._state(run.ledger)
        where = self._base.describe()
        if state == "gone":
            if run.ledger not in self._packed.paths:
                yield _at(RUN_REMOVED, run.ledger, f"is in {where}, and in no archive that holds it", run.spec)
            elif not self._is_packed(run):
                yield _at(LEDGER_REWRITTEN, run.ledger, f"the archive holds another ledger than {where}", run.spec)
        elif state == "changed":
            old, new = self._base.read(run.ledger) or b"", self._snapshot.read(run.ledger) or b""
            sound = old[: run.chain.sound] if run.chain else old
            if not new.startswith(sound):
                yield _at(LEDGER_REWRITTEN, run.ledger, f"does not begin with its bytes in {where}", run.spec)
            elif _is_completed(run):
                message = f"has other lines than in {where}, where the run was completed"
                yield _at(LEDGER_REWRITTEN, run.ledger, message, run.spec)

    def _is_packed(self, run: RunEvidence) -> bool:
        """Whether an archive has the ledger of the base, or one that went on from there."""
        data = self._base.read(run.ledger) or b""
        if (run.ledger, digest(data)) in self._packed.files:
            return True
        sound = run.chain.sound if run.chain else 0
        went_on = self._packed.beginnings.get((run.ledger, sound)) == digest(data[:sound])
        return went_on and not _is_completed(run)

    def _stripped(self, run: RunEvidence) -> Iterator[Finding]:
        """A signature of the same ledger that is gone: with it goes who sealed it."""
        path = run.signature_path
        if run.signed and self._state(path) == "gone" and self._state(run.ledger) == "same":
            message = f"it was signed in {self._base.describe()}, and is not any more"
            yield _at(SIGNATURE_BAD, path, message, run.spec)

    def replaced(self) -> Iterator[Finding]:
        """Files of runs, of sessions outside runs, and those that the runs of a SPEC share."""
        self._digests.of(path for path in self.fixed if self._may_differ(path))
        for path, run in sorted(self.fixed.items()):
            yield from self._file(path, run)
        yield from self._shared()

    def _may_differ(self, path: str) -> bool:
        return path in self._now.files and not same_blob(self._now.files[path], self._before.files.get(path))

    @cached_property
    def fixed(self) -> dict[str, RunEvidence | None]:
        """The paths that are compared, each with the run that wrote it; None for a session outside runs."""
        found: dict[str, RunEvidence | None] = {}
        sessions = {(run.spec, name) for run in self._before.runs for name in run.sessions}
        for path in self._before.files if not self._one_run else ():
            where, name = evidence_location(self._layout, path), session_name(path)
            if where and name and where.kind in _SESSIONS and (where.spec, name) not in sessions:
                found[path] = None
        for run in self._runs:
            found.update({path: run for path in self._entries[run.ledger] if self._is_own(run, path)})
            if _is_completed(run):
                found.update(dict.fromkeys((run.summary_path, run.signature_path), run))
        return {path: run for path, run in found.items() if path in self._before.files}

    def _is_own(self, run: RunEvidence, path: str) -> bool:
        """Whether a file is evidence of the run's SPEC: a ledger that names anything else binds nothing."""
        where = evidence_location(self._layout, path)
        return where is not None and where.spec == run.spec and where.kind in _SESSIONS

    def _file(self, path: str, run: RunEvidence | None) -> Iterator[Finding]:
        completed = run is not None and _is_completed(run)
        state = self._state(path, run)
        spec = self._spec(path, run)
        if state == "changed" and (completed or not self._may_change(path)) and not self._is_edited(path):
            message = f"is another file than in {self._base.describe()}"
            yield _at(EVIDENCE_REPLACED, path, message, spec)
        elif state == "gone" and not self._is_held(path, run, completed) and not self._is_missed(path, run):
            yield _at(EVIDENCE_REPLACED, path, f"is in {self._base.describe()}, and not here", spec)

    def _is_edited(self, path: str) -> bool:
        """Whether a finding says already that it is not what its ledger lists."""
        found = self._digests.of([path]).get(path)
        return path in self._listed and (found is None or found.sha256 not in self._listed[path])

    def _spec(self, path: str, run: RunEvidence | None) -> str | None:
        where = evidence_location(self._layout, path)
        return run.spec if run else where.spec if where else None

    def _state(self, path: str, run: RunEvidence | None = None) -> _FileState:
        """What became of a file. One that was edited in the base, and is again what its ledger lists, is the same."""
        was, here = self._before.files.get(path), self._now.files.get(path)
        if was is None or same_blob(was, here):
            return "same"
        if here is None:
            return "gone"
        found = self._digests.of([path]).get(path)
        if found is None or found.sha256 is None:
            return "changed"
        entry = self._entries[run.ledger].get(path) if run else None
        if entry is not None and found.sha256 == entry.sha256:
            return "same"
        return "same" if found.sha256 == self._was(path) else "changed"

    def _was(self, path: str) -> str | None:
        found = self._base_digests.of([path]).get(path)
        return found.sha256 if found else None

    def _is_held(self, path: str, run: RunEvidence | None, completed: bool) -> bool:
        """Whether a verified archive has the file, or what it became while its run went on."""
        if not completed and self._may_change(path):
            return path in self._packed.paths
        entry = self._entries[run.ledger].get(path) if run else None
        if entry is not None and (path, entry.sha256) in self._packed.files:
            return True
        was = self._was(path)
        return was is not None and (path, was) in self._packed.files

    def _is_missed(self, path: str, run: RunEvidence | None) -> bool:
        """Whether a finding says already that it is gone: its ledger still lists it, or the whole run went with it."""
        if run is None:
            return False
        if path in self._listed or path in (run.summary_path, run.signature_path):
            return True
        return self._state(run.ledger) == "gone" and run.ledger not in self._packed.paths

    def _may_change(self, path: str) -> bool:
        """Whether a file may be written again by a run, or a session, that goes on."""
        where, name = evidence_location(self._layout, path), evidence_name(self._layout, path)
        if path.endswith(RESOLUTION):
            return False
        if where is not None and where.kind == "commands":
            return True
        return name is not None and (name.kind in _GOES_ON or self._is_answered_at_last(path))

    def _is_answered_at_last(self, path: str) -> bool:
        """Whether an agent that had given no answer was asked again."""
        before, after = _record(self._base.read(path)), _record(self._snapshot.read(path))
        earlier, later = before.get("attempt"), after.get("attempt")
        asked_again = isinstance(earlier, int) and isinstance(later, int) and later > earlier
        return before.get("status") == "error" and (asked_again or path not in self._now.files)

    def _shared(self) -> Iterator[Finding]:
        """A cost summary changes with a run or a session of its SPEC, and by nothing else."""
        latest = {path: run for run in self._runs for path in self._entries[run.ledger] if not session_name(path)}
        for path, run in sorted(latest.items()):
            if not path.startswith(f"{self._layout.evidence}/costs/") or self._has_grown(run.spec):
                continue
            state = self._state(path)
            if state == "changed" and (path not in self._listed or self._outside.came_after(run)):
                message = f"is another file than in {self._base.describe()}, and no stage of {run.spec} was run since"
                yield _at(EVIDENCE_REPLACED, path, message, run.spec)
            elif state == "gone" and path not in self._listed:
                yield _at(EVIDENCE_REPLACED, path, f"is in {self._base.describe()}, and not here", run.spec)

    def _has_grown(self, spec: str) -> bool:
        """Whether a run or a session of a SPEC is new, or a run went on."""
        new = (path for path in self._now.files if path not in self._before.files)
        places = (where for path in new if (where := evidence_location(self._layout, path)))
        if any(where.spec == spec and where.kind in (*_SESSIONS, "runs") for where in places):
            return True
        return any(self._state(run.ledger) == "changed" for run in self._runs if run.spec == spec)

    def archives(self) -> Iterator[Finding]:
        """What was packed away stays packed, or is back where it lay; and what manifests say of it stays."""
        rows = {row.path: row for _, row in archives_of(self._now)}
        for manifest, row in archives_of(self._before):
            lost = [member for member in row.members if (member.path, member.sha256) not in self._packed.files]
            here = self._digests.of(member.path for member in lost)
            lost = [each for each in lost if each.path not in here or here[each.path].sha256 != each.sha256]
            if lost and (row.path not in rows or row.members != rows[row.path].members):
                message = f"{len(lost)} files that it holds in {self._base.describe()} are nowhere now"
                yield _at(RUN_REMOVED, row.path, message, manifest.spec)
            elif row.path in rows and _is_retold(row, rows[row.path]):
                message = f"its row in the manifest is not that of {self._base.describe()}"
                yield _at(ARCHIVE_DAMAGED, row.path, message, manifest.spec)


def _is_retold(old: Archive, new: Archive) -> bool:
    """Whether a row says something else of an archive that nobody has packed again."""
    finished = new._replace(removed_at=old.removed_at, bytes_after=old.bytes_after) if old.removed_at is None else new
    made, again = parse_time(old.created_at), parse_time(new.created_at)
    return finished != old and not (made is not None and again is not None and again > made)


def _record(data: bytes | None) -> dict[str, Any]:
    try:
        value = parse_json(data or b"")
    except JsonFlaw:
        return {}
    return value if isinstance(value, dict) else {}


def _at(rule: Rule, path: str, message: str, spec: str | None) -> Finding:
    return rule.at(path, message, hint=rule.fix, spec=spec)
