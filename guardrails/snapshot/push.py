"""What a push sends: the refs that git names to a pre-push hook → the states that arrive, each with its base."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from guardrails.core.result import Source
from guardrails.errors import GuardrailError
from guardrails.git.repo import Repo, is_null_id, to_text
from guardrails.git.tags import Peeled, peeled
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.index import Commit, Loose

NAMED = 20
"""Refs to one state that are named; the rest are counted."""

_OBJECT_ID = r"[0-9a-f]{40,64}"


class PushedRef(NamedTuple):
    """One line of a pre-push hook's input: `<local ref> <local id> <remote ref> <remote id>`."""

    local_ref: str
    local_id: str
    remote_ref: str
    remote_id: str


class _Arriving(NamedTuple):
    """A ref, the object at the end of its tags, and the commit its remote ref is at; None where that is not known."""

    ref: str
    found: Peeled
    base: str | None


def parse_ref(line: str) -> PushedRef:
    """One line of pre-push input. Raises GuardrailError when it is not one.

    The local ref is what the user typed and may hold spaces (`HEAD^{/fix it}`); the other parts cannot.
    """
    parts = line.rsplit(" ", 3)
    if len(parts) != 4 or not all(re.fullmatch(_OBJECT_ID, part) for part in (parts[1], parts[3])):
        raise GuardrailError(
            "standard input is not what git writes to a pre-push hook",
            "expected '<local ref> <local id> <remote ref> <remote id>'; or name a range with --source BASE..TIP",
        )
    return PushedRef(*parts)


def arriving(repo: Repo, refs: Sequence[PushedRef], remote: str | None) -> list[Snapshot]:
    """One snapshot for each state that arrives, however many refs will name it; deletions send nothing.

    A ref that the remote has not begins where another one to the same commit does, else where it left the remotes.
    """
    pushed = [_follow(repo, ref) for ref in refs if not is_null_id(ref.local_id)]
    known = {each.found.id: each.base for each in reversed(pushed) if each.base is not None}
    groups: dict[tuple[str, str | None], list[_Arriving]] = {}
    for each in pushed:
        groups.setdefault((each.found.id, each.base or known.get(each.found.id)), []).append(each)
    tips = remote_tips(repo, remote) if groups else ()
    return [_state(repo, group, base, tips, remote) for (_, base), group in groups.items()]


def _follow(repo: Repo, ref: PushedRef) -> _Arriving:
    found = peeled(repo, ref.local_id) or Peeled(repo.resolve(ref.local_id), "commit")
    has = not is_null_id(ref.remote_id) and repo.succeeds("cat-file", "-e", ref.remote_id + "^{commit}")
    return _Arriving(ref.local_ref, found, ref.remote_id if has and found.kind == "commit" else None)


def _state(repo: Repo, group: list[_Arriving], base: str | None, tips: tuple[str, ...], remote: str | None) -> Snapshot:
    found = group[0].found
    tags = tuple(dict.fromkeys(tag for each in group for tag in each.found.tags))
    source = Source("push", _names([each.ref for each in group]))
    if found.kind in ("blob", "tree"):
        return Loose(repo, found.id, found.kind, source, tags)
    start = base or _fork_point(repo, found.id)
    excludes = without_twins(start if base or remote is None else None, tips)
    return Commit(repo, found.id, Commit(repo, start) if start else None, source, excludes, tags)


def _names(refs: list[str]) -> str:
    distinct = list(dict.fromkeys(refs))
    more = len(distinct) - NAMED
    return ", ".join(distinct[:NAMED]) + (f" and {more} more" if more > 0 else "")


def without_twins(base: str | None, tips: tuple[str, ...]) -> tuple[str, ...]:
    """What the remote that is pushed to has already."""
    return tuple(dict.fromkeys(((base,) if base else ()) + tips))


def remote_tips(repo: Repo, remote: str | None) -> tuple[str, ...]:
    """The commits that a remote is known to have. Where it is not known which one, what any remote has."""
    out = to_text(repo.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/remotes"))
    start = "refs/remotes/" + (remote + "/" if remote is not None else "")
    rows = (line.partition(" ") for line in out.splitlines())
    return tuple(dict.fromkeys(object_id for object_id, _, ref in rows if ref.startswith(start)))


def _fork_point(repo: Repo, tip: str) -> str | None:
    """Where a new branch left what the remotes have: the parent of its first commit they lack.

    None when that commit is a root; the tip itself when the remotes lack nothing.
    """
    lacking = repo.run("rev-list", "--topo-order", "--parents", tip, "--not", "--remotes").decode("ascii").splitlines()
    if not lacking:
        return tip
    return next(iter(lacking[-1].split()[1:]), None)
