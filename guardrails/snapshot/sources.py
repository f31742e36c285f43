"""What `--source` names → the snapshots to judge: one, or one for each ref of a push.

A push is resolved in this order: the lines git writes to a pre-push hook's standard input (every ref;
deletions are skipped), PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF, the merge base with the remote's default branch.
"""

import os
import re
import sys
from collections.abc import Sequence
from typing import NamedTuple

from guardrails.config.settings import CONFIG_FILE, Settings
from guardrails.core.limits import PUSHED_REFS, enumerated
from guardrails.core.result import Source
from guardrails.errors import GuardrailError, Undecidable
from guardrails.git.repo import Repo, is_null_id, to_text
from guardrails.git.tags import TaggedObject, peel_tags
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.checkout import working_tree
from guardrails.snapshot.context import CHANGES
from guardrails.snapshot.index import Commit, Index, LooseObject, Tree

STDIN_PATIENCE = 5.0
"""Seconds to wait for git to write the pushed refs: a pipe nobody writes to must not hang a push for ever."""


def resolve(repo: Repo, text: str, pushed_to: Sequence[str] = ()) -> list[Snapshot]:
    """The snapshots that `text` names: worktree, index, push, hook, a revision, BASE..TIP or BASE...TIP.

    `pushed_to` is what git passes to a pre-push hook: the remote's name and its address.
    An empty list means there is nothing to judge (a push that only deletes).
    Raises GuardrailError when the text or a revision in it names nothing.
    """
    if text == "worktree":
        return [working_tree(repo)]
    if text == "hook":
        text = "push" if _at_push(repo) else "index"
    if text == "index":
        return [Index(repo, _from_ref(repo))]
    if text == "push":
        return _pushed(repo, _destination(repo, pushed_to))
    if ".." in text:
        return [_range(repo, text)]
    return [Commit(repo, repo.resolve(text), source=Source("commit", text))]


def _range(repo: Repo, text: str) -> Snapshot:
    separator = "..." if "..." in text else ".."
    start, _, end = text.partition(separator)
    if is_null_id(start):  # what CI calls the state before the first push of a branch
        return Commit(repo, repo.resolve(end or "HEAD"), source=Source("range", text))
    base, tip = repo.resolve(start or "HEAD"), repo.resolve(end or "HEAD")
    if separator == "...":
        base = merge_base(repo, base, tip) or base
    return Commit(repo, tip, Commit(repo, base), Source("range", text), (base,))


SIGNERS = ("allowed_signers", ".allowed_signers", ".gitsigners", ".github/allowed_signers", ".speckit/allowed_signers")
"""Where repositories keep whose signatures count."""
MOST_TIPS = 100
"""Tips of a remote that are looked at for what was merged from them."""
POLICY_FILES = (CONFIG_FILE, ".pre-commit-config.yaml", *SIGNERS)
"""What says how a change is judged, wherever a configuration names nothing else."""


def policy_files(settings: Settings) -> tuple[str, ...]:
    """What says how a change is judged, with the files of signers that a configuration names."""
    named = (settings.evidence.allowed_signers, settings.policy.approvers)
    return tuple(dict.fromkeys((*POLICY_FILES, *filter(None, named))))


def policy_bases(snapshot: Snapshot, settings: Settings) -> list[Snapshot]:
    """What a change to how it is judged is compared with, its base first; empty for a change that leaves that alone.

    A range is compared with where it left its base: what the base got since then, this side never had. A push replaces
    what the remote has, so that it is compared with that. What was merged is no change of this side's: the heads that
    are being merged, and what else the remote has of a push, follow the base, and where one of them has it all, nothing
    is left to judge. `settings` are those of the snapshot: where the base's are others, its configuration differs.
    """
    files = policy_files(settings)
    base = snapshot.base if snapshot.source.kind in CHANGES else None
    if base is None or (isinstance(snapshot, Tree) and not snapshot.changed(files)):
        return []
    if not isinstance(base, Commit):
        return [base]
    repo = base.repo
    if isinstance(snapshot, Index):
        merged = repo.merge_heads()
    elif isinstance(snapshot, Commit) and snapshot.source.kind == "range":
        base = Commit(repo, merge_base(repo, base.revision, snapshot.revision) or base.revision)
        merged = ()
    elif isinstance(snapshot, Commit):
        merged = tuple(tip for tip in snapshot.excludes[:MOST_TIPS] if is_ancestor(repo, tip, snapshot.revision))
    else:
        merged = ()
    bases: list[Snapshot] = [base, *(Commit(repo, commit) for commit in merged if commit != base.revision)]
    return bases if all(_policy_differs(snapshot, each, files) for each in bases) else []


def _policy_differs(snapshot: Snapshot, base: Snapshot, files: Sequence[str]) -> bool:
    """Whether a snapshot is not judged as a base is. What is neither index nor commit is taken to differ."""
    if isinstance(snapshot, Index) and isinstance(base, Commit):
        return Index(base.repo, base.revision).changed(files)
    return not isinstance(snapshot, Commit) or Commit(snapshot.repo, snapshot.revision, base).changed(files)


def is_ancestor(repo: Repo, commit: str, of: str) -> bool:
    """Whether the history of a commit holds another."""
    return repo.succeeds("merge-base", "--is-ancestor", commit, of)


def merge_base(repo: Repo, one: str, other: str) -> str | None:
    """The best common ancestor of two commits, or None when their histories are unrelated."""
    return repo.run("merge-base", one, other, ok=(0, 1)).decode("ascii").strip() or None


def _at_push(repo: Repo) -> bool:
    """Whether a hook framework runs us for a push. It names the remote only then."""
    return any(repo.environment.get(name) for name in ("PRE_COMMIT_REMOTE_NAME", "PRE_COMMIT_REMOTE_URL"))


def _refs(repo: Repo) -> tuple[str, str] | None:
    """The range a hook framework was given, from its environment."""
    start, end = (repo.environment.get(f"PRE_COMMIT_{name}_REF", "") for name in ("FROM", "TO"))
    return None if not start or not end or is_null_id(start) else (start, end)


def _from_ref(repo: Repo) -> str | None:
    """In CI a framework judges a checked-out range: then the index is compared with where the range begins."""
    refs = _refs(repo)
    return repo.resolve(refs[0]) if refs else None


def _destination(repo: Repo, pushed_to: Sequence[str]) -> str | None:
    """The remote that is pushed to, or the address in its place; None when that is not known."""
    told = (repo.environment.get("PRE_COMMIT_REMOTE_NAME", ""), repo.environment.get("PRE_COMMIT_REMOTE_URL", ""))
    name, *rest = (told if told[0] else pushed_to) or ("",)
    if not name or len(rest) != 1:
        return None
    # Without a name git says the address twice. Anything else may be a file name.
    return name if name == rest[0] or repo.succeeds("config", "--get-all", f"remote.{name}.url") else None


def _pushed(repo: Repo, remote: str | None) -> list[Snapshot]:

    lines = _hook_input(repo)
    if lines:
        return arriving(repo, [parse_ref(line) for line in lines], remote)
    named = _refs(repo)
    if named:
        base, tip = repo.resolve(named[0]), repo.resolve(named[1])
        source = Source("push", f"{named[0]}..{named[1]}")
        return [Commit(repo, tip, Commit(repo, base), source, (base,), _tags(repo, named[1], tip))]
    branch = repo.environment.get("PRE_COMMIT_LOCAL_BRANCH") or "HEAD"
    tip = repo.resolve(branch)
    start = _default_branch(repo, tip)
    excludes = without_twins(start if remote is None else None, remote_tips(repo, remote))
    return [_against(repo, tip, start, Source("push", branch), excludes, _tags(repo, branch, tip))]


def _tags(repo: Repo, name: str, tip: str) -> tuple[str, ...]:
    """The tag objects between what was named and its commit."""
    if name in (tip, "HEAD"):
        return ()
    from guardrails.git.tags import peel_tags

    object_id = to_text(repo.run("rev-parse", "--verify", "--quiet", "--end-of-options", name)).strip()
    found = peel_tags(repo, object_id) if object_id != tip else None
    return found.tags if found else ()


def _against(
    repo: Repo, tip: str, base: str | None, source: Source, excludes: tuple[str, ...], tags: tuple[str, ...]
) -> Snapshot:
    return Commit(repo, tip, Commit(repo, base) if base else None, source, excludes, tags)


def _default_branch(repo: Repo, tip: str) -> str | None:
    """The merge base with the remote's default branch; None when no remote is known."""
    for name in ("refs/remotes/origin/HEAD", "@{upstream}", "refs/remotes/origin/main", "refs/remotes/origin/master"):
        if repo.succeeds("rev-parse", "--verify", "--quiet", name + "^{commit}"):
            return merge_base(repo, repo.resolve(name), tip)
    return None


def _hook_input(repo: Repo) -> list[str]:
    """The lines of standard input, when git wrote some. A framework has eaten them, and a terminal has none."""
    stream = sys.stdin
    if stream is None or repo.environment.get("PRE_COMMIT") or stream.isatty():
        return []
    if os.name == "posix":
        import select

        if not select.select([stream], [], [], STDIN_PATIENCE)[0]:
            raise Undecidable(
                f"nothing came over standard input in {STDIN_PATIENCE:g} s, so what is pushed is not known",
                "name it with --source BASE..TIP, or close standard input (</dev/null)",
            )
    text = stream.buffer.read().decode("utf-8", "surrogateescape")
    return [line for line in text.split("\n") if line]


# What a push sends: the refs that git names to a pre-push hook → the states that arrive, each with its base.

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
    found: TaggedObject
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
    found = peel_tags(repo, ref.local_id) or TaggedObject(repo.resolve(ref.local_id), "commit")
    has = not is_null_id(ref.remote_id) and repo.succeeds("cat-file", "-e", ref.remote_id + "^{commit}")
    return _Arriving(ref.local_ref, found, ref.remote_id if has and found.kind == "commit" else None)


def _state(repo: Repo, group: list[_Arriving], base: str | None, tips: tuple[str, ...], remote: str | None) -> Snapshot:
    found = group[0].found
    tags = tuple(dict.fromkeys(tag for each in group for tag in each.found.tags))
    source = Source("push", enumerated(tuple(dict.fromkeys(each.ref for each in group)), PUSHED_REFS))
    if found.kind in ("blob", "tree"):
        return LooseObject(repo, found.id, found.kind, source, tags)
    start = base or _fork_point(repo, found.id)
    excludes = without_twins(start if base or remote is None else None, tips)
    return Commit(repo, found.id, Commit(repo, start) if start else None, source, excludes, tags)


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
