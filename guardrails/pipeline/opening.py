"""What is examined before the agents of a stage are asked: one row for each thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.names import Session
from guardrails.evidence.store import Written
from guardrails.pipeline import packet, stage_checks, stage_readiness, tools
from guardrails.pipeline.baseline import TreeState
from guardrails.pipeline.examined import Examined
from guardrails.pipeline.hiding import Hiding
from guardrails.pipeline.notes import Notes, Recorder
from guardrails.pipeline.stages import Ready
from guardrails.pipeline.tree_changes import Change, judge_tree, own_files
from guardrails.pipeline.world import World
from guardrails.printable import printable
from guardrails.snapshot.worktree import Worktree

Rows = tuple[Examined, ...]
_LISTED = 20


class Hand(NamedTuple):
    """What the parts of one stage's guardrail share."""

    world: World
    session: Session
    notes: Notes
    recorder: Recorder
    hiding: Hiding
    tree: Worktree


def hand(world: World, session: Session) -> Hand:
    notes = Notes(world.repo, session)
    recorder = Recorder(world.repo.root, notes)
    return Hand(world, session, notes, recorder, Hiding(world), Worktree(world.repo))


def guarded(name: str, part: Callable[[], Rows]) -> Rows:
    """The rows of a part. What it cannot do is a failure of its own, never nothing."""
    try:
        return part()
    except Undecidable as error:
        return (Examined(name, "failed", printable(error.message), error.hint, "undecided"),)
    except GuardrailError as error:
        return (Examined(name, "failed", printable(error.message), error.hint, "usage"),)
    except OSError as error:
        said = f"{error.filename or name}: {error.strerror}"
        return (Examined(name, "failed", printable(said), "make it readable and try again", "undecided"),)


def before(at: Hand, ready: Ready, start: TreeState, own: Sequence[Written]) -> Rows:
    """Everything but the policy layer."""
    world, rules = at.world, ready.rules
    parts: list[tuple[str, Callable[[], Rows]]] = [
        ("clean-tree", lambda: (clean_tree(at, start, own),)),
        ("documents", lambda: (_documents(at, ready),)),
        ("tools", lambda: (tools.tools(world, ready),)),
        ("checks", lambda: stage_checks.run_checks(world, at.tree, rules, ready.checks)),
        ("verdicts", lambda: verdicts(at, ready.verdicts, lenient=world.allow_degraded and rules.name != "unlock")),
    ]
    if world.plan.readiness:
        parts.append(("readiness", lambda: stage_readiness.readiness(world)))
    if rules.hooks:
        parts.append(("hooks", lambda: (tools.hooks(world),)))
    if rules.lock:
        parts.append(("lock", lambda: (tools.lock(world),)))
    return tuple(row for name, part in parts for row in guarded(name, part))


def _documents(at: Hand, ready: Ready) -> Examined:
    found = packet.documents_of(at.world, at.tree, ready.rules)
    return packet.prerequisites(at.world, ready.rules, found)


def verdicts(at: Hand, stages: Sequence[str], *, lenient: bool) -> Rows:
    """The verdicts of other stages, recomputed."""
    return tuple(stage_checks.verdict_of(at.world, at.tree, stage, lenient=lenient) for stage in stages)


def clean_tree(at: Hand, start: TreeState, own: Sequence[Written], name: str = "clean-tree") -> Examined:
    """Whether the tree is what it was at the start of the run, and was clean then, apart from the run's own files."""
    from guardrails.pipeline.stage_record import allows_dirty

    judged = judge_tree(at.world, start, own_files(own, at.notes.written))
    found = (*judged.dirty, *judged.changes)
    if not found:
        return Examined(name, "passed", "nothing but what the run recorded" if own else "nothing uncommitted")
    message = _listed(found)
    if allows_dirty(at.world):
        said = f"overridden by SPEC_OPS_ALLOW_DIRTY: {message}"
        return Examined(name, "skipped", said, "unset SPEC_OPS_ALLOW_DIRTY", "dirty-tree", (f"{name}: {said}",))
    hint = found[0].hint or "commit it, or begin a new run"
    return Examined(name, "failed", message, hint, "dirty-tree")


def _listed(found: Sequence[Change]) -> str:
    listed = [f"{printable(change.path)}: {change.message}" for change in found[:_LISTED]]
    more = [f"and {len(found) - _LISTED} more"] if len(found) > _LISTED else []
    return "; ".join([*listed, *more])
