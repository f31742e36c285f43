"""What became of the runs the base already had: a sealed ledger only ever grows, or is packed away whole."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.archives import Archive
from guardrails.chain import digest
from guardrails.checks.ledger import COMPARED
from guardrails.checks.ledger_runs import Run, Shelf, shelf
from guardrails.finding import Finding
from guardrails.rules.ledger import LEDGER_REWRITTEN, RUN_REMOVED, SIGNATURE_BAD
from guardrails.snapshot import Snapshot
from guardrails.snapshot.trees import Commit
from guardrails.subject import Subject


def judge(subject: Subject, now: Shelf) -> Iterator[Finding]:
    """Runs of the base whose sealed ledger was rewritten or is gone."""
    snapshot, scope = subject.snapshot, subject.scope
    base = _base(snapshot) if snapshot.source.kind in COMPARED else None
    if base is None:
        return
    before = shelf(base, subject.settings.layout, scope.spec)
    packed = {
        member.path: row
        for manifest in now.manifests.values()
        if not isinstance(manifest, str)
        for row in manifest.archives
        for member in row.members
    }
    for run in before.runs:
        if scope.run in (None, run.name) and _is_sealed(run):
            yield from _compare(run, base, snapshot, packed.get(run.ledger))
            yield from _stripped(run, base, snapshot)


def _base(snapshot: Snapshot) -> Snapshot | None:
    """What it is compared with. A range is compared with where it left its base: what the base got since then, this
    side never had. A push replaces what the remote has, so that it is compared with that."""
    base = snapshot.base
    if snapshot.source.kind != "range" or not isinstance(base, Commit) or not isinstance(snapshot, Commit):
        return base
    fork = snapshot.repo.run("merge-base", base.revision, snapshot.revision, ok=(0, 1)).decode("ascii").strip()
    return Commit(snapshot.repo, fork) if fork and fork != base.revision else base


def _is_sealed(run: Run) -> bool:
    """Whether the base had it sealed. What was under way may have gone on in any way since."""
    document = run.summary.document if run.summary else None
    seal = document.get("seal") if document else None
    return run.chain is not None and isinstance(seal, dict) and seal.get("head") == run.chain.head


def _compare(run: Run, base: Snapshot, snapshot: Snapshot, row: Archive | None) -> Iterator[Finding]:
    was, now = base.entry(run.ledger), snapshot.entry(run.ledger)
    if was is None or (now is not None and now.id is not None and now.id == was.id):
        return
    old = base.read(run.ledger) or b""
    new = snapshot.read(run.ledger)
    if new is not None:
        if not new.startswith(old):
            message = f"does not begin with its bytes in {base.describe()}"
            yield LEDGER_REWRITTEN.at(run.ledger, message, hint=LEDGER_REWRITTEN.fix, spec=run.spec)
    elif row is None:
        message = f"is in {base.describe()}, and in no archive"
        yield RUN_REMOVED.at(run.ledger, message, hint=RUN_REMOVED.fix, spec=run.spec)
    elif all((member.path, member.sha256) != (run.ledger, digest(old)) for member in row.members):
        message = f"the archive holds another ledger than {base.describe()}"
        yield LEDGER_REWRITTEN.at(run.ledger, message, hint=LEDGER_REWRITTEN.fix, spec=run.spec)


def _stripped(run: Run, base: Snapshot, snapshot: Snapshot) -> Iterator[Finding]:
    """A signature of the same ledger that is gone: with it goes who sealed it."""
    if run.signed and not snapshot.exists(run.signature_path) and snapshot.read(run.ledger) == base.read(run.ledger):
        message = f"it was signed in {base.describe()}, and is not any more"
        yield SIGNATURE_BAD.at(run.signature_path, message, hint=SIGNATURE_BAD.fix, spec=run.spec)
