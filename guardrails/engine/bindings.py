"""Which checks a pre-commit configuration runs, and at which git hooks: what a change to it may take away."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from guardrails.config.yaml import YamlPath, parse_yaml
from guardrails.engine.registry import CHECKS
from guardrails.errors import GuardrailError

HOOKS_FILE = ".pre-commit-config.yaml"

SHIPPED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "speckit-validate": ("validate", ("pre-commit",)),
    "speckit-lint": ("lint", ("pre-commit",)),
    "speckit-footprint": ("footprint", ("pre-commit", "pre-push")),
    "speckit-secrets": ("secrets", ("pre-commit",)),
    "speckit-consensus": ("consensus check", ("pre-push",)),
    "speckit-clean-tree": ("clean-tree", ("pre-push", "manual")),
    "speckit-guard": ("guard --hook pre-commit", ("pre-commit",)),
    "speckit-guard-push": ("guard --hook pre-push", ("pre-push",)),
}
"""What each hook of `.pre-commit-hooks.yaml` runs, and at which hooks of git."""
_OLD_NAMES = {"commit": "pre-commit", "push": "pre-push", "merge-commit": "pre-merge-commit"}
_ALL = ("pre-commit", "pre-push", "commit-msg")
_PROGRAMS = ("speckit", "speckit-guardrails", "guardrails")
_WEAKER = ("--exit-zero", "--if-any", "--policy", "--config", "--spec", "--ignore", "--select")
"""Options that make less of what a check finds, or have it look at less."""


class Binding(NamedTuple):
    """A check that runs at a hook of git. `weakened` are the options that make less of it."""

    stage: str
    check: str
    weakened: frozenset[str]
    key: YamlPath


class Bindings(NamedTuple):
    """What a hook configuration runs, and the kinds of hook that it installs (None: pre-commit's default)."""

    bound: tuple[Binding, ...]
    installed: frozenset[str] | None = None

    def least(self, stage: str, check: str) -> Binding | None:
        """The binding of a check that is weakened least."""
        found = [each for each in self.bound if (each.stage, each.check) == (stage, check)]
        return min(found, key=lambda each: len(each.weakened)) if found else None


def bindings(data: bytes | None) -> Bindings:
    """What the bytes of a hook configuration bind; nothing where there is none, or none that can be read."""
    try:
        tree = parse_yaml(data, HOOKS_FILE).value if data is not None else {}
    except GuardrailError:
        tree = {}
    if not isinstance(tree, dict):
        return Bindings(())
    skipped = _texts(_mapping(tree.get("ci")).get("skip"))
    bound = tuple(
        binding
        for at, repo in enumerate(_list(tree.get("repos")))
        for place, hook in enumerate(_list(_mapping(repo).get("hooks")))
        for binding in _bound(_mapping(hook), ("repos", at, "hooks", place), _texts(tree.get("default_stages")))
        if _mapping(hook).get("id") not in skipped
    )
    kinds = tree.get("default_install_hook_types")
    return Bindings(bound, None if kinds is None else frozenset(_texts(kinds)))


def _bound(hook: Mapping[str, Any], key: YamlPath, default_stages: Sequence[str]) -> Iterator[Binding]:
    shipped = SHIPPED.get(str(hook.get("id")))
    words = _words(hook, shipped)
    if not words:
        return
    stages = _texts(hook.get("stages")) or (shipped[1] if shipped else ()) or default_stages or _ALL
    weakened = _weakened(words)
    if hook.get("always_run") is False and (hook.get("files") or hook.get("exclude")):
        weakened |= {"always_run: false"}
    for stage in dict.fromkeys(_OLD_NAMES.get(stage, stage) for stage in stages):
        for check in _checks(words):
            yield Binding(stage, check, weakened, key)


def _words(hook: Mapping[str, Any], shipped: tuple[str, tuple[str, ...]] | None) -> list[str]:
    """The words of a hook's command after the name of the program; none where it runs another."""
    entry = hook.get("entry")
    try:
        words = shlex.split(entry) if isinstance(entry, str) else []
    except ValueError:
        words = []
    if not words and shipped:
        words = ["speckit", *shipped[0].split(" ")]
    words += _texts(hook.get("args"))
    start = next((at for at, word in enumerate(words) if word.rpartition("/")[2] in _PROGRAMS), None)
    return [] if start is None else words[start + 1 :]


def _weakened(words: Sequence[str]) -> frozenset[str]:
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    return frozenset(options.intersection(_WEAKER))


def _checks(words: Sequence[str]) -> Iterator[str]:
    plain = [word for word in words if not word.startswith("-")]
    if plain[:1] == ["guard"]:
        hook = _value(words, "--hook")
        yield from (check.name for check in CHECKS if hook is None or hook in check.hooks)
        return
    yield from (check.name for check in CHECKS if plain[: len(check.name.split(" "))] == check.name.split(" "))


def _value(words: Sequence[str], option: str) -> str | None:
    for word, after in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else after
    return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [each for each in _list(value) if isinstance(each, str)]
