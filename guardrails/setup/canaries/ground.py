"""The ground violations are planted in: a SPEC with everything that is asked for, as the repository is configured."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from guardrails.config.settings import CONFIG_FILE, DocumentRule, Settings, TrackerSettings
from guardrails.layouts.tracker import header_key, role_of, roles

CanaryHook = Literal["pre-commit", "pre-push", "commit-msg"]
SPECS = ("SPEC-CANARY-1", "SPEC-CANARY-2")
BRANCH = "canary/thread"
STAMP, TIME = "20250601T093000Z-c0ffee01", "2025-06-01T09:30:00Z"


class SymbolicLink(NamedTuple):
    """A symbolic link in place of a file."""

    target: str


Content = bytes | SymbolicLink | None
"""What a path becomes; None removes it."""
Files = Mapping[str, Content]
NOTHING: Files = MappingProxyType({})


class Plant(NamedTuple):
    """One violation. `before` is committed without hooks (and pushed so, with `pushed`). `files` is what the hook
    judges: the commit at pre-commit, what is pushed at pre-push. `loose` and `inside` (the git directory) are written
    afterwards and not committed, then `commands` are given to git."""

    files: Files = NOTHING
    before: tuple[Files, ...] = ()
    pushed: bool = False
    loose: Files = NOTHING
    inside: Files = NOTHING
    commands: tuple[tuple[str, ...], ...] = ()
    message: str = "canary"
    variables: Mapping[str, str] = MappingProxyType({})


class Canary(NamedTuple):
    """A violation of one rule, and the hook that must stop it. `plant` gives a reason where this repository is
    configured so that there is no such violation. Findings of `also` say as much."""

    rule: str
    hook: CanaryHook
    plant: Callable[[Ground], Plant | str]
    also: tuple[str, ...] = ()


class Ground(NamedTuple):
    """What planting needs to know of a repository: its settings, its tracker, and its configuration as a tree."""

    settings: Settings
    tracker_text: bytes
    config: Mapping[str, Any] | None

    @property
    def tracker(self) -> str:
        return self.settings.layout.tracker

    @property
    def spec(self) -> str:
        return SPECS[0]

    @property
    def folder(self) -> str:
        return f"{self.settings.layout.docs}/{self.spec}"

    @property
    def prd(self) -> str:
        return f"{self.folder}/PRD.md"

    @property
    def log(self) -> str:
        return f"{self.folder}/evidence/canary.log"

    def evidence(self, below: str) -> str:
        return f"{self.settings.layout.evidence}/{below}"

    def files(self) -> Files:
        """The sound ground itself."""
        documents = {f"{self.folder}/{each.name}": self.document(each) for each in self.settings.documents}
        here = {self.prd: b"# Canary\n\nWhat is wanted.\n", self.log: b"passed\n"}
        return {**documents, **here, self.tracker: self.rows(self.row())}

    def document(self, document: DocumentRule) -> bytes:
        """A document with all that it must have."""
        parts = [f"# {document.name}"]
        for section in document.sections:
            if section.heading:
                parts.append(f"## {section.heading}\n\nSaid.")
            if section.columns:
                parts.append(_table(section.columns, [self._cells(section.columns, {})]))
        return ("\n\n".join(parts) + "\n").encode()

    def status(self, role: str) -> str | None:
        """A configured status that counts as this one."""
        return next(
            (found.name for found in roles(self.settings.tracker.statuses).values() if found.role == role), None
        )

    def columns(self) -> tuple[str, ...]:
        """Every column a rule looks at, and every one that is configured."""
        own = TrackerSettings().columns
        known = {header_key(name) for name in own} | {role_of(header_key(name)) for name in own}
        extra = [
            name
            for name in self.settings.tracker.columns
            if header_key(name) not in known and role_of(header_key(name)) not in known - {None}
        ]
        return (*own, *extra)

    def row(self, **cells: str) -> dict[str, str]:
        """A sound row in the backlog, cells by what they mean (`task`, `status`, `owner`, ...)."""
        status = self.status("backlog") or self.settings.tracker.statuses[0]
        usual = {
            "order": "1", "task": self.spec, "title": "a canary", "status": status, "owner": "canary",
            "prd": self.prd, "branch": BRANCH, "pr": "", "validated": "2025-06-01", "evidence": self.log, "notes": "-",
        }  # fmt: skip
        return {**usual, **cells}

    def rows(self, *rows: Mapping[str, str], below: str = "") -> bytes:
        """The repository's tracker with a table of these rows at its end."""
        table = _table(self.columns(), [self._cells(self.columns(), row) for row in rows])
        start = self.tracker_text.rstrip(b"\n") or b"# Tracker"
        return start + f"\n\n## Canary\n\n{table}\n{below}".encode()

    def _cells(self, columns: tuple[str, ...], row: Mapping[str, str]) -> list[str]:
        usual = row or self.row(task="C1")
        return [usual.get(role_of(header_key(name)) or "", "x") or "" for name in columns]

    def configured(self, **changes: Any) -> Files:
        """The configuration with some sections changed. JSON is YAML, too."""
        tree: dict[str, Any] = {"version": 1, **(self.config or {})}
        for name, value in changes.items():
            old = tree.get(name)
            tree[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        return {CONFIG_FILE: json.dumps(tree, indent=2).encode()}

    def waivers(self, rule: str, path: str, expires: str) -> Files:
        """The configuration with one waiver more."""
        row = {"rule": rule, "path": path, "reason": "planted by speckit doctor --canary", "expires": expires}
        return self.configured(waivers=[*(self.config or {}).get("waivers", []), row])


def _table(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [list(columns), ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def rendered(value: Any) -> bytes:
    """A JSON file."""
    return json.dumps(value, indent=2).encode() + b"\n"
