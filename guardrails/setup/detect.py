"""What a repository has of what speckit judges. Pure over a list of paths, which `detect` asks git for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from guardrails.config.layout import Layout
from guardrails.core.paths import within
from guardrails.git.repo import Repo, to_text
from guardrails.layouts.evidence_names import evidence_name

KINDS = frozenset({"commands", "consensus", "costs", "runs", "archive"})
"""Directories an evidence root holds; two of them, or one holding a SPEC, make a directory named `evidence` one."""

MANAGER_FILES = {
    ".pre-commit-config.yaml": "pre-commit",
    "prek.toml": "prek",
    ".prek.toml": "prek",
    "lefthook.yml": "lefthook",
    "lefthook.yaml": "lefthook",
    "lefthook.toml": "lefthook",
    "lefthook.json": "lefthook",
    "lefthook.jsonc": "lefthook",
    ".lefthook.yml": "lefthook",
    ".lefthook.yaml": "lefthook",
    ".lefthook.toml": "lefthook",
    ".lefthook.json": "lefthook",
    ".lefthook.jsonc": "lefthook",
}


class StageEvidence(NamedTuple):
    """Evidence of one stage of one SPEC."""

    spec: str
    stage: str


class Detected(NamedTuple):
    """`layout` is what was found, defaults where nothing was; the other fields say which of it is really there."""

    layout: Layout
    tracker: bool
    specs: tuple[str, ...]
    evidence: bool
    other_evidence: tuple[str, ...]
    stages: tuple[StageEvidence, ...]
    managers: tuple[tuple[str, str], ...]
    """(file, manager) of each hook manager's configuration"""


def detect_layout(repo: Repo, layout: Layout | None = None) -> Detected:
    """What the tracked and the untracked, not ignored files of a repository amount to.

    `layout` is where things lie by configuration; without one they are searched for.
    """
    out = repo.run("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    paths = sorted({to_text(path) for path in out.split(b"\0") if path})
    return describe(paths, layout or search(paths))


def search(paths: Sequence[str]) -> Layout:
    """Where the tracker, the documents and the evidence seem to lie; the usual places where nothing was found."""
    default = Layout()
    roots = _evidence_roots(paths, default)
    documents = [path for path in paths if not any(within(path, root) for root in roots)]
    return default._replace(
        docs=_docs(documents, default) or default.docs,
        tracker=_tracker(paths, default) or default.tracker,
        evidence=roots[0] if roots else default.evidence,
    )


def describe(paths: Sequence[str], layout: Layout) -> Detected:
    """What `paths` (relative to the root) hold under a layout."""
    others = [root for root in _evidence_roots(paths, layout) if root != layout.evidence]
    return Detected(
        layout,
        layout.tracker in paths,
        _specs(paths, layout),
        any(within(path, layout.evidence) for path in paths),
        tuple(others),
        _stages(paths, layout),
        _managers(paths),
    )


def _managers(paths: Sequence[str]) -> tuple[tuple[str, str], ...]:
    found = [(path, MANAGER_FILES[path]) for path in paths if path in MANAGER_FILES]
    husky = any(path.startswith(".husky/") for path in paths)
    return (*found, (".husky", "husky")) if husky else tuple(found)


def _tracker(paths: Sequence[str], default: Layout) -> str | None:
    """`SPEC.md` where it usually is, else the one nearest to the root."""
    if default.tracker in paths:
        return default.tracker
    named = [path for path in paths if path.endswith("/" + default.tracker)]
    return min(named, key=lambda path: (path.count("/"), path), default=None)


def _docs(paths: Sequence[str], default: Layout) -> str | None:
    """The directory with the most SPEC directories; the usual one wins a draw."""
    found = Counter(parent for parent, _ in set(_spec_directories(paths, default)))
    return max(sorted(found), key=lambda parent: (found[parent], parent == default.docs), default=None)


def _spec_directories(paths: Iterable[str], layout: Layout) -> Iterable[tuple[str, str]]:
    """(parent, name) of each directory that holds a Markdown file and is named after a SPEC."""
    for path in paths:
        parts = path.split("/")
        if len(parts) >= 3 and path.endswith(".md") and layout.id_of(parts[-2]):
            yield "/".join(parts[:-2]), parts[-2]


def _specs(paths: Sequence[str], layout: Layout) -> tuple[str, ...]:
    names = {name for parent, name in _spec_directories(paths, layout) if parent == layout.docs}
    return tuple(sorted(filter(None, map(layout.id_of, names))))


def _evidence_roots(paths: Sequence[str], default: Layout) -> list[str]:
    """Directories that hold evidence, the usual one first, then by number of files."""
    counts: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    for path in paths:
        for root, kind, sure in _candidates(path, default):
            counts[root] += 1
            kinds.setdefault(root, set()).add(kind)
            if sure:
                kinds[root].add("sure")
    found = [root for root in counts if len(kinds[root]) > 1]
    return sorted(found, key=lambda root: (root != default.evidence, -counts[root], root))


def _candidates(path: str, layout: Layout) -> Iterable[tuple[str, str, bool]]:
    """(root, kind, whether a SPEC lies below) for each place in `path` that reads like `evidence/<kind>/…`."""
    parts = path.split("/")
    for index in range(1, len(parts) - 1):
        if parts[index - 1] == "evidence" and parts[index] in KINDS:
            root = "/".join(parts[:index])
            sure = index + 2 < len(parts) and layout.id_of(parts[index + 1]) is not None
            yield root, parts[index], sure or parts[-1].endswith("_cost_summary.json")


def _stages(paths: Iterable[str], layout: Layout) -> tuple[StageEvidence, ...]:
    names = (evidence_name(layout, path) for path in paths)
    return tuple(sorted({StageEvidence(name.spec, name.stage) for name in names if name and name.spec and name.stage}))
