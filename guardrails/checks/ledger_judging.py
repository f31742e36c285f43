"""`evidence verify`: the evidence of each run is what the run wrote.

Ledgers hold together and are sealed, files are those that are listed, no file was added under a run's name, sealed
ledgers of the base were not rewritten, archives are intact. All of it is integrity: whoever can write everything can
compute everything anew, and only signatures say who did.
"""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.checks import ledger_archives, ledger_files, ledger_history, ledger_seal, ledger_stale
from guardrails.checks.ledger_runs import Run, Shelf, shelf
from guardrails.finding import Checked, Finding, Observation
from guardrails.rules.ledger import EVIDENCE_MISSING, LEFT_OUT
from guardrails.snapshot.sparse import Sparse, completed
from guardrails.snapshot.worktree import Worktree
from guardrails.subject import Subject


def check(subject: Subject) -> Iterator[Observation]:
    """Every finding about the runs and archives of the snapshot, or of the SPEC or run that was named."""
    if isinstance(subject.snapshot, Worktree):  # also where single files were left out, without a sparse checkout
        subject = subject._replace(snapshot=completed(subject.snapshot))
    found = shelf(subject.snapshot, subject.settings.layout, subject.scope.spec)
    yield from _left_out(subject, found)
    yield from judge(subject, found)
    if not _chosen(subject, found):
        yield from _named_in_vain(subject, found)


def _left_out(subject: Subject, found: Shelf) -> Iterator[Finding]:
    """That some of what is judged is not where it would be looked for."""
    snapshot = subject.snapshot
    count = sum(path in snapshot.left for path in found.files) if isinstance(snapshot, Sparse) else 0
    if count:
        message = f"{count} {'file is' if count == 1 else 'files are'} not checked out (sparse); read from the index"
        yield LEFT_OUT.at(subject.settings.layout.evidence, message, hint=LEFT_OUT.fix, spec=subject.scope.spec)


def _chosen(subject: Subject, found: Shelf) -> list[Run]:
    return [run for run in found.runs if subject.scope.run in (None, run.name)]


def judge(subject: Subject, found: Shelf) -> Iterator[Observation]:
    """The findings about what there is."""
    layout, scope, chosen = subject.settings.layout, subject.scope, _chosen(subject, found)
    required = subject.settings.evidence.signature == "required"
    for run in chosen:
        yield Checked(run.ledger if run.chain is not None else run.summary_path)
        if (run.chain is None or run.summary is None) and ledger_archives.unfinished(found, run):
            continue
        yield from ledger_seal.judge(run, required)
    yield from ledger_files.judge(subject.snapshot, layout, found, chosen)
    yield from ledger_stale.judge(subject.snapshot, layout, found, chosen)
    yield from ledger_archives.judge(subject.snapshot, layout, found, scope.run)
    yield from ledger_history.judge(subject, found)


def _named_in_vain(subject: Subject, found: Shelf) -> Iterator[Finding]:
    """What an argument names must be there: a run in the tree or in an archive, a SPEC with either."""
    scope, root = subject.scope, subject.settings.layout.evidence
    rows = [row for manifest in found.manifests.values() if not isinstance(manifest, str) for row in manifest.archives]
    where = subject.snapshot.describe()
    if scope.run is not None and not any(row.run == scope.run for row in rows):
        message = f"there is no run {scope.run} in {where}"
        yield EVIDENCE_MISSING.at(
            f"{root}/runs", message, hint="check the name, or run 'speckit runs'", spec=scope.spec
        )
    elif scope.run is None and scope.spec is not None and not found.manifests:
        message = f"{scope.spec} has no run and no archive in {where}"
        yield EVIDENCE_MISSING.at(f"{root}/runs", message, hint="check the spelling", spec=scope.spec)
