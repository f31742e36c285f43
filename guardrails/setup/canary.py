"""`speckit doctor --canary`: plant one known violation for each rule, and require the installed hooks to reject it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Literal, NamedTuple

from guardrails.config.settings import CONFIG_FILE, Settings
from guardrails.config.yaml import parse_yaml
from guardrails.core.programs import Ran, run_program
from guardrails.errors import GuardrailError, Undecidable
from guardrails.evidence.lock import held
from guardrails.git.repo import LOCAL_VARIABLES, Repo, executable, to_bytes
from guardrails.setup import precommit
from guardrails.setup.canaries.consensus import CONSENSUS
from guardrails.setup.canaries.documents import CONFIGURATION, DOCUMENTS, FOOTPRINT, KITS, SECRETS, TREE
from guardrails.setup.canaries.evidence import COSTS, LEDGERS, RECORDS, REVIEWS
from guardrails.setup.canaries.ground import SPECS, Canary, Content, Files, Ground, Plant, SymbolicLink
from guardrails.setup.canaries.policy import POLICY
from guardrails.setup.canaries.tracker import TRACKER, TRANSITIONS
from guardrails.setup.detect import MANAGER_FILES
from guardrails.setup.diagnosis import DoctorRow
from guardrails.setup.hook_files import locate
from guardrails.snapshot.worktree import Worktree

# One known violation for every rule that a hook can judge, and a reason for every rule that none can.


CANARIES: tuple[Canary, ...] = (
    *TRACKER, *DOCUMENTS, *KITS, *REVIEWS, *RECORDS, *COSTS, *FOOTPRINT, *CONFIGURATION, *POLICY, *SECRETS,
    *TRANSITIONS, *TREE, *CONSENSUS, *LEDGERS,
)  # fmt: skip

REASONS: dict[str, str] = {
    "ACC001": "acceptance is judged in CI and by 'speckit accept', at no hook",
    "ACC002": "acceptance is judged in CI and by 'speckit accept', at no hook",
    "ACC003": "acceptance is judged in CI and by 'speckit accept', at no hook",
    "ACC004": "acceptance is judged in CI and by 'speckit accept', at no hook",
    "CLN007": "a hook manager must have hidden changes already; CLN002 is planted, and either rule may stop it",
    "LED023": "a program or a file outside of the repository must be missing",
    "DOC006": "only a SPEC that an argument names can be missing, and hooks name none",
}
"""Rules of severity error without a canary, and why."""


# A scratch clone of a repository, with its hooks and its configuration, and a remote of its own to push to.
#
# It lies in a temporary folder that is removed afterwards. The repository itself is read and never written: objects are
# borrowed from it, and what is pushed goes to the scratch remote.


BRANCH = "speckit-canary"
PATIENCE = 300.0
"""Seconds that a commit or a push with its hooks may take."""
_PREFIX, _OWNER = "speckit-canary-", "owner.lock"
_SETTLED = 60.0
"""Seconds after which a folder without a lock was not made just now."""
_REMOVALS, _PAUSE = 20, 0.1
"""How often a scratch folder is removed until it is gone, and the seconds in between."""
_OURS = frozenset(("GIT_NO_REPLACE_OBJECTS", "GIT_OPTIONAL_LOCKS", "GIT_LITERAL_PATHSPECS", "GIT_NO_LAZY_FETCH"))
_SETTINGS = {
    "user.name": "canary", "user.email": "canary@example.invalid", "commit.gpgsign": "false", "gc.auto": "0",
    "core.autocrlf": "false", "merge.conflictStyle": "merge", "advice.detachedHead": "false",
}  # fmt: skip


class Scratch(NamedTuple):
    """`root` is the clone, `remote` the bare repository it pushes to, `kept` what cleaning leaves in the clone."""

    root: str
    remote: str
    environment: Mapping[str, str]
    kept: tuple[str, ...] = ()

    def git(self, *arguments: str, variables: Mapping[str, str] | None = None) -> Ran:
        """Run git in the clone, hooks and all."""
        return run_program((executable(), *arguments), self.root, {**self.environment, **(variables or {})}, PATIENCE)

    def must(self, *arguments: str) -> bytes:
        """As `git`, for what has to work. Raises Undecidable when it does not."""
        ran = self.git(*arguments)
        if not ran.succeeded:
            said = (ran.err or ran.out).decode("utf-8", "replace").strip().splitlines() or [str(ran.problem)]
            raise Undecidable(f"the scratch clone cannot be used: git {arguments[0]}: {said[-1]}", "see 'git fsck'")
        return ran.out

    def write(self, files: Files) -> None:
        """Write files, links and removals into the clone."""
        for path, content in files.items():
            _put(os.path.join(to_bytes(self.root), to_bytes(path)), content)

    def stage(self, files: Files) -> None:
        """Write files and add them to the index."""
        self.write(files)
        there = [path for path, content in files.items() if content is not None]
        gone = [path for path, content in files.items() if content is None]
        if there:
            self.must("add", "-f", "--", *there)
        if gone:
            self.must("rm", "-q", "-f", "--ignore-unmatch", "--", *gone)

    def commit(self, files: Files) -> str:
        """Commit files without hooks."""
        self.stage(files)
        self.must("commit", "-q", "--no-verify", "--allow-empty", "-m", "ground")
        return self.must("rev-parse", "HEAD").decode("ascii").strip()

    def publish(self, commit: str) -> None:
        """The remote has a commit, and the clone knows."""
        self.must("push", "-q", "-f", "--no-verify", "origin", f"{commit}:refs/heads/{BRANCH}")
        self.must("update-ref", f"refs/remotes/origin/{BRANCH}", commit)

    def restore(self, commit: str) -> None:
        """The clone as it was at a commit."""
        for name in ("rebase-merge", "MERGE_HEAD"):
            _put(os.path.join(to_bytes(self.root), b".git", name.encode()), None)
        self.must("checkout", "-q", "-f", "-B", BRANCH, commit)
        keep = [word for path in self.kept for word in ("-e", "/" + path)]
        self.must("clean", "-ffdqx", *keep)
        self.git("update-ref", "-d", f"refs/heads/{BRANCH}-other")


def _put(path: bytes, content: Content) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
    if content is None:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if isinstance(content, SymbolicLink):
        os.symlink(content.target, path)
        return
    with open(path, "wb") as stream:
        stream.write(content)


def gates(repo: Repo) -> Files:
    """The files of the working tree that say what hooks do, committed or not: they are what is tried."""
    tree = Worktree(repo)
    return {name: data for name in (CONFIG_FILE, *MANAGER_FILES) if (data := tree.read(name)) is not None}


@contextmanager
def scratch_of(repo: Repo) -> Iterator[Scratch]:
    """A scratch clone for as long as the block lasts."""
    _sweep(tempfile.gettempdir(), time.time() - _SETTLED)
    place = os.path.realpath(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with held(os.path.join(place, _OWNER)):
            yield _made(repo, place)
    finally:
        _remove(place)


def _remove(place: str) -> None:
    """Remove a scratch folder. A git that outlived a killed canary may still write there for a moment."""
    for _ in range(_REMOVALS):
        shutil.rmtree(place, ignore_errors=True)
        if not os.path.lexists(place):
            return
        time.sleep(_PAUSE)


def _sweep(temporary: str, before: float) -> None:
    """Remove what a killed canary left behind: our own folders whose lock nobody holds any more."""
    mine = os.geteuid() if hasattr(os, "geteuid") else None
    with suppress(OSError), os.scandir(temporary) as items:
        for item in items:
            if not item.name.startswith(_PREFIX) or not item.is_dir(follow_symlinks=False):
                continue
            about, owner = item.stat(follow_symlinks=False), os.path.join(item.path, _OWNER)
            if mine in (None, about.st_uid) and about.st_mtime < before and os.path.isfile(owner):
                with held(owner) as free:
                    stale = free
                if stale:
                    _remove(item.path)


def _made(repo: Repo, place: str) -> Scratch:
    root, remote = os.path.join(place, "clone"), os.path.join(place, "remote.git")
    environment = _environment(repo)
    outside = Scratch(place, remote, environment)
    outside.must("clone", "-q", "--bare", "--shared", "--template=", repo.root, remote)
    outside.must("clone", "-q", "--shared", "--template=", remote, root)
    scratch = Scratch(root, remote, environment)
    for name, value in _SETTINGS.items():
        scratch.must("config", name, value)
    scratch.must("checkout", "-q", "--orphan" if repo.head() is None else "-B", BRANCH)
    tree = Worktree(repo)
    kept = _hooks(repo, scratch)
    return scratch._replace(kept=kept, environment={**environment, **_skipped(tree)})


def _environment(repo: Repo) -> dict[str, str]:
    """The user's own environment: what it switches off is switched off for real commits, too."""
    dropped = LOCAL_VARIABLES | _OURS
    kept = {name: value for name, value in repo.environment.items() if name not in dropped}
    return {name: value for name, value in kept.items() if not name.startswith(("PRE_COMMIT", "GIT_CONFIG_KEY"))}


def _hooks(repo: Repo, scratch: Scratch) -> tuple[str, ...]:
    """Put the hooks where git looks for them in the clone. A directory in the working tree keeps its place."""
    source = locate(repo)
    own = os.path.join(scratch.root, ".git", "hooks")
    if source.shared:
        below = os.path.relpath(source.path, os.path.realpath(repo.root))
        own = os.path.join(scratch.root, below)
        scratch.must("config", "core.hooksPath", below.replace(os.sep, "/"))
    if not os.path.isdir(source.path):
        return ()
    try:
        shutil.copytree(source.path, own, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise GuardrailError(f"{source.path}: the hooks cannot be copied", "make them readable") from error
    return (os.path.relpath(own, scratch.root).replace(os.sep, "/"),) if source.shared else ()


def _skipped(tree: Worktree) -> dict[str, str]:
    """Hooks of a framework that are not speckit's are left out: they would only take time."""
    data = tree.read(precommit.FILE_NAME)
    if data is None:
        return {}
    try:
        others = precommit.others_of(parse_yaml(data, precommit.FILE_NAME).value)
    except GuardrailError:
        return {}
    return {"SKIP": ",".join(others)} if others else {}


Ending = Literal["rejected", "passed", "unnamed", "unknown", "late", "unplanted"]
_FOUND = r": ({rules}) (?!warning:|note:)"
_HINT = "run 'speckit doctor' to see what git calls there, and 'speckit explain {}' for the rule"


class CanaryOutcome(NamedTuple):
    """What became of one canary. `unnamed`: rejected, but not for this rule; `late`: by a later hook. `open`: the
    hook lets sound ground through, so that its no is about the violation."""

    canary: Canary
    ending: Ending
    said: str
    open: bool = True


class Gate(NamedTuple):
    """What a hook says of sound ground: its lines, and whether it lets it through."""

    lines: frozenset[str]
    open: bool


def chosen(rules: Sequence[str]) -> tuple[Canary, ...]:
    """The canaries of some rules, all when none are named. Raises GuardrailError for a rule that has none."""
    for rule in rules:
        if not any(canary.rule == rule for canary in CANARIES):
            reason = REASONS.get(rule, "it is no rule of severity error")
            raise GuardrailError(f"{rule} has no canary: {reason}", "'speckit rules' lists the rules")
    return tuple(canary for canary in CANARIES if not rules or canary.rule in rules)


def examine_canary(repo: Repo, settings: Settings, canaries: Sequence[Canary]) -> Iterator[CanaryOutcome]:
    """Plant each canary in a scratch clone and see what the hooks make of it. The clone is gone afterwards."""
    layout = settings.layout
    if not all(layout.is_spec_id(spec) for spec in SPECS):
        raise GuardrailError(f"layout.spec_id does not allow {SPECS[0]}, which is what is planted", "allow it")
    with scratch_of(repo) as scratch:
        ground = _ground(Worktree(repo), settings)
        base = scratch.commit({**gates(repo), **ground.files()})
        scratch.publish(base)
        garden = _Garden(scratch, ground, base)
        for canary in canaries:
            yield garden.outcome(canary)


def _ground(tree: Worktree, settings: Settings) -> Ground:
    text = tree.read(settings.layout.tracker) or b""
    config = tree.read(settings.config_path) if settings.config_path == ".speckit.yaml" else None
    return Ground(settings, text, parse_yaml(config, ".speckit.yaml").value if config is not None else None)


class _Garden:
    """The clone with the ground in it."""

    def __init__(self, scratch: Scratch, ground: Ground, base: str) -> None:
        self._scratch, self._ground, self._base = scratch, ground, base
        self._gates: dict[str, Gate] = {}
        self._moved = False

    def outcome(self, canary: Canary) -> CanaryOutcome:
        plant = canary.plant(self._ground)
        if isinstance(plant, str):
            return CanaryOutcome(canary, "unplanted", plant)
        gate = self._gate(canary.hook)
        ran = self._attempt(canary.hook, plant)
        return self._judged(canary, ran, gate)._replace(open=gate.open)

    def _judged(self, canary: Canary, ran: Ran, gate: Gate) -> CanaryOutcome:
        if ran.problem:
            return CanaryOutcome(canary, "unknown", f"the hook did not end ({ran.problem})")
        named = self._names(canary, ran, gate)
        if ran.exit_code == 0:
            if canary.hook == "commit-msg" and not self._has(canary.hook):
                later = self._push()
                if later.exit_code and self._names(canary, later, self._gate("pre-push")):
                    return CanaryOutcome(canary, "late", "no hook judges messages at the commit; the push is stopped")
            return CanaryOutcome(canary, "passed", f"{canary.hook} let it through")
        if not named:
            return CanaryOutcome(
                canary, "unnamed", f"{canary.hook} stopped it, but not for {canary.rule}: {_last(ran)}"
            )
        return CanaryOutcome(canary, "rejected", "")

    def _names(self, canary: Canary, ran: Ran, gate: Gate) -> bool:
        """Whether what a hook printed names the rule in a line that sound ground does not get."""
        pattern = re.compile(_FOUND.format(rules="|".join((canary.rule, *canary.also))))
        return any(pattern.search(line) for line in _lines(ran) - gate.lines)

    def _gate(self, hook: str) -> Gate:
        if hook not in self._gates:
            ran = self._attempt(hook, Plant({"canary.txt": b"sound\n"}))
            self._gates[hook] = Gate(_lines(ran), ran.exit_code == 0)
        return self._gates[hook]

    def _attempt(self, hook: str, plant: Plant) -> Ran:
        """Plant, and do what makes git call the hook."""
        scratch = self._scratch
        scratch.restore(self._base)
        if self._moved:
            scratch.publish(self._base)
        self._moved = plant.pushed
        for files in plant.before:
            commit = scratch.commit(files)
            if plant.pushed:
                scratch.publish(commit)
        scratch.stage(plant.files)
        if hook != "pre-push":
            return scratch.git("commit", "-q", "-m", plant.message, variables=plant.variables)
        scratch.must("commit", "-q", "--no-verify", "-m", plant.message)
        self._unsettle(plant.loose, plant.inside, plant.commands)
        return self._push()

    def _unsettle(self, loose: Files, inside: Files, commands: Sequence[Sequence[str]]) -> None:
        """Leave the working tree as it should not be. Some of these commands end in a conflict: that is meant."""
        modules = [command for command in commands if command[0] == "init"]
        for command in modules:
            self._scratch.git(*command)
        self._scratch.write(loose)
        self._scratch.write({f".git/{path}": content for path, content in inside.items()})
        for command in commands:
            if command not in modules:
                self._scratch.git(*command)

    def _push(self) -> Ran:
        ran = self._scratch.git("push", "-q", "origin", BRANCH)
        self._moved = self._moved or ran.exit_code == 0
        return ran

    def _has(self, hook: str) -> bool:
        named = self._scratch.must("rev-parse", "--git-path", f"hooks/{hook}").decode("utf-8", "surrogateescape")
        return os.path.exists(os.path.join(self._scratch.root, named.rstrip("\n")))


def _lines(ran: Ran) -> frozenset[str]:
    text = (ran.out + b"\n" + ran.err).decode("utf-8", "replace")
    return frozenset(re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in text.splitlines())


def _last(ran: Ran) -> str:
    lines = (ran.err or ran.out).decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"


def _blind(outcomes: Sequence[CanaryOutcome]) -> Iterator[tuple[str, int]]:
    """The hooks that let several violations through and stopped none, each with how many: one cause, one line."""
    for hook in dict.fromkeys(outcome.canary.hook for outcome in outcomes):
        endings = [each.ending for each in outcomes if each.canary.hook == hook and each.ending != "unplanted"]
        if len(endings) > 1 and set(endings) == {"passed"}:
            yield hook, len(endings)


def rows(outcomes: Sequence[CanaryOutcome], whole: bool) -> Iterator[DoctorRow]:
    """The report: hooks whose no says little, what was let through or could not be planted, then the count."""
    for hook in dict.fromkeys(outcome.canary.hook for outcome in outcomes if not outcome.open):
        message = "stops sound ground, too: only the rule it names shows that it saw a violation"
        yield DoctorRow("warn", hook, message, "mend what the repository has, then run this again")
    blind = list(_blind(outcomes))
    for deaf, count in blind:
        yield DoctorRow("fail", deaf, f"let all {count} violations through", "run 'speckit doctor': is it speckit's?")
    hidden = {hook for hook, _ in blind}
    for outcome in outcomes:
        if outcome.canary.hook in hidden and outcome.ending == "passed":
            continue
        rule, hint = outcome.canary.rule, _HINT.format(outcome.canary.rule)
        if outcome.ending in ("passed", "unnamed"):
            yield DoctorRow("fail", rule, outcome.said, hint)
        elif outcome.ending == "unknown":
            yield DoctorRow("unknown", rule, outcome.said, hint)
        elif outcome.ending == "late":
            yield DoctorRow("warn", rule, outcome.said, "speckit install --hook commit-msg")
        elif outcome.ending == "unplanted":
            yield DoctorRow("warn", rule, f"not planted: {outcome.said}", "nothing to do, if this is meant")
    rejected = [outcome for outcome in outcomes if outcome.ending in ("rejected", "late")]
    planted = [outcome for outcome in outcomes if outcome.ending != "unplanted"]
    message = f"{len(planted)} violations were planted, {len(rejected)} were rejected"
    yield DoctorRow("ok" if len(rejected) == len(planted) and planted else "fail", "canary", message)
    if whole:
        yield from (DoctorRow("ok", rule, f"not planted: {reason}") for rule, reason in REASONS.items())
