"""`speckit doctor --canary`: plant one known violation for each rule, and require the installed hooks to reject it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from guardrails.errors import GuardrailError
from guardrails.git import Repo
from guardrails.programs import Ran
from guardrails.settings import Settings
from guardrails.setup.canaries import CANARIES, REASONS
from guardrails.setup.canaries.ground import SPECS, Canary, Files, Ground, Plant
from guardrails.setup.diagnosis import Row
from guardrails.setup.scratch import BRANCH, Scratch, gates, scratch_of
from guardrails.snapshot.worktree import Worktree
from guardrails.yamlfile import parse

Ending = Literal["rejected", "passed", "unnamed", "unknown", "late", "unplanted"]
_FOUND = r": ({rules}) (?!warning:|note:)"
_HINT = "run 'speckit doctor' to see what git calls there, and 'speckit explain {}' for the rule"


class Outcome(NamedTuple):
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


def examine(repo: Repo, settings: Settings, canaries: Sequence[Canary]) -> Iterator[Outcome]:
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
    return Ground(settings, text, parse(config, ".speckit.yaml").value if config is not None else None)


class _Garden:
    """The clone with the ground in it."""

    def __init__(self, scratch: Scratch, ground: Ground, base: str) -> None:
        self._scratch, self._ground, self._base = scratch, ground, base
        self._gates: dict[str, Gate] = {}
        self._moved = False

    def outcome(self, canary: Canary) -> Outcome:
        plant = canary.plant(self._ground)
        if isinstance(plant, str):
            return Outcome(canary, "unplanted", plant)
        gate = self._gate(canary.hook)
        ran = self._attempt(canary.hook, plant)
        return self._judged(canary, ran, gate)._replace(open=gate.open)

    def _judged(self, canary: Canary, ran: Ran, gate: Gate) -> Outcome:
        if ran.problem:
            return Outcome(canary, "unknown", f"the hook did not end ({ran.problem})")
        named = self._names(canary, ran, gate)
        if ran.exit_code == 0:
            if canary.hook == "commit-msg" and not self._has(canary.hook):
                later = self._push()
                if later.exit_code and self._names(canary, later, self._gate("pre-push")):
                    return Outcome(canary, "late", "no hook judges messages at the commit; the push is stopped")
            return Outcome(canary, "passed", f"{canary.hook} let it through")
        if not named:
            return Outcome(canary, "unnamed", f"{canary.hook} stopped it, but not for {canary.rule}: {_last(ran)}")
        return Outcome(canary, "rejected", "")

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


def _blind(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, int]]:
    """The hooks that let several violations through and stopped none, each with how many: one cause, one line."""
    for hook in dict.fromkeys(outcome.canary.hook for outcome in outcomes):
        endings = [each.ending for each in outcomes if each.canary.hook == hook and each.ending != "unplanted"]
        if len(endings) > 1 and set(endings) == {"passed"}:
            yield hook, len(endings)


def rows(outcomes: Sequence[Outcome], whole: bool) -> Iterator[Row]:
    """The report: hooks whose no says little, what was let through or could not be planted, then the count."""
    for hook in dict.fromkeys(outcome.canary.hook for outcome in outcomes if not outcome.open):
        message = "stops sound ground, too: only the rule it names shows that it saw a violation"
        yield Row("warn", hook, message, "mend what the repository has, then run this again")
    blind = list(_blind(outcomes))
    for deaf, count in blind:
        yield Row("fail", deaf, f"let all {count} violations through", "run 'speckit doctor': is it speckit's?")
    hidden = {hook for hook, _ in blind}
    for outcome in outcomes:
        if outcome.canary.hook in hidden and outcome.ending == "passed":
            continue
        rule, hint = outcome.canary.rule, _HINT.format(outcome.canary.rule)
        if outcome.ending in ("passed", "unnamed"):
            yield Row("fail", rule, outcome.said, hint)
        elif outcome.ending == "unknown":
            yield Row("unknown", rule, outcome.said, hint)
        elif outcome.ending == "late":
            yield Row("warn", rule, outcome.said, "speckit install --hook commit-msg")
        elif outcome.ending == "unplanted":
            yield Row("warn", rule, f"not planted: {outcome.said}", "nothing to do, if this is meant")
    rejected = [outcome for outcome in outcomes if outcome.ending in ("rejected", "late")]
    planted = [outcome for outcome in outcomes if outcome.ending != "unplanted"]
    message = f"{len(planted)} violations were planted, {len(rejected)} were rejected"
    yield Row("ok" if len(rejected) == len(planted) and planted else "fail", "canary", message)
    if whole:
        yield from (Row("ok", rule, f"not planted: {reason}") for rule, reason in REASONS.items())
