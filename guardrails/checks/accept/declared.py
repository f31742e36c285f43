"""What a SPEC's `acceptance.yaml` declares, as values that know where they are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from guardrails.checks.accept.rules import UNUSABLE
from guardrails.config.layout import ACCEPTANCE, STAGES, Layout
from guardrails.core.finding import Finding
from guardrails.core.paths import is_plain
from guardrails.errors import GuardrailError
from guardrails.layouts.own import Directory
from guardrails.snapshot.base import Snapshot

FILE = ACCEPTANCE
FROM_AGENTS = ("synthesis", "outputs", "each output")
"""What `in` may name besides a document."""


class Bounds(NamedTuple):
    """A count within bounds; None where there is none."""

    least: int | None = None
    most: int | None = None

    def hold(self, number: int) -> bool:
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)

    def __str__(self) -> str:
        if self.least is not None and self.most is not None:
            return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
        return f"at least {self.least}" if self.most is None else f"at most {self.most}"


class Criterion(NamedTuple):
    """One thing that must hold. `stages` are those it is about: one, or all that are declared for `overall`."""

    id: str
    kind: str
    says: str
    stages: tuple[str, ...]
    line: int
    column: int
    where: str = ""
    under: str | None = None
    columns: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    rows: Bounds | None = None
    items: Bounds | None = None
    times: Bounds | None = None
    group_by: str | None = None
    groups: Bounds | None = None
    covers_field: str | None = None
    covers: tuple[str, ...] = ()
    measurable: bool = False
    any_of: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    evidence: str | None = None
    tag: str | None = None
    max_usd: float | None = None
    min_agreement: float | None = None


class Declared(NamedTuple):
    """One file: its criteria by stage, in the order of the stages, and those of the whole."""

    path: str
    spec: str
    folder: str
    stages: tuple[tuple[str, tuple[Criterion, ...]], ...]
    overall: tuple[Criterion, ...]


def declared(snapshot: Snapshot, layout: Layout, directory: Directory) -> Declared | list[Finding] | None:
    """The declaration in a SPEC's directory, None when it has none, or what makes it unusable."""
    path = f"{directory.path}/{FILE}"
    if not snapshot.exists(path):
        return None
    data = snapshot.read(path)
    if data is None:
        return [_unusable(path, "it cannot be read: not a regular file, or too large", 1, 1, directory.spec)]
    from guardrails.config.yaml import parse_yaml
    from guardrails.core.schema import faults

    try:
        parsed = parse_yaml(data, path)
    except GuardrailError as error:
        line, column = _place(error.message, path)
        return [
            _unusable(path, error.message.removeprefix(f"{path}:").lstrip("0123456789: "), line, column, directory.spec)
        ]
    flaws = [(fault.key, fault.message) for fault in faults("acceptance", parsed.value)]
    flaws = flaws or list(_faults(parsed.value, layout, directory.spec))
    if flaws:
        places = ((*parsed.where(key), message) for key, message in flaws)
        return [_unusable(path, message, line, column, directory.spec) for line, column, message in places]
    tree = parsed.value
    named = tuple(stage for stage in STAGES if stage in tree.get("stages", {}))

    def criteria(rows: Sequence[Any], stages: tuple[str, ...], *key: str | int) -> tuple[Criterion, ...]:
        return tuple(_criterion(row, stages, *parsed.where((*key, at))) for at, row in enumerate(rows))

    stages = tuple((stage, criteria(tree["stages"][stage], (stage,), "stages", stage)) for stage in named)
    overall = criteria(tree.get("overall", ()), named or STAGES, "overall")
    return Declared(path, directory.spec, directory.path, stages, overall)


def _place(message: str, path: str) -> tuple[int, int]:
    """The line and column in an error about a file."""
    numbers = message.removeprefix(f"{path}:").split(":")[:2]
    line, column = (int(text) if text.isdecimal() and len(text) < 10 else 1 for text in [*numbers, "", ""][:2])
    return line, column


def _unusable(path: str, message: str, line: int, column: int, spec: str) -> Finding:
    hint = "'speckit accept --example' prints a whole one"
    return UNUSABLE.at(path, message, line=line, column=column, hint=hint, spec=spec)


def _faults(tree: Mapping[str, Any], layout: Layout, spec: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What the schema cannot say."""
    if layout.id_of(tree["spec"]) != spec:
        yield ("spec",), f"the file is of '{tree['spec'][:80]}', but it lies in the directory of {spec}"
    seen: set[str] = set()
    for key, row in _rows(tree):
        if row["id"] in seen:
            yield (*key, "id"), f"the id '{row['id']}' is given twice"
        seen.add(row["id"])
        where = row.get("in")
        if where is not None and where not in FROM_AGENTS and not (is_plain(where) and where.lower().endswith(".md")):
            yield (
                (*key, "in"),
                f"'{where[:80]}' is no Markdown document of the SPEC, nor one of {', '.join(FROM_AGENTS)}",
            )
        if "evidence" in row and not is_plain(row["evidence"].rstrip("/")):
            yield (*key, "evidence"), f"'{row['evidence'][:80]}' is not a plain path"
        for name in ("rows", "items", "count", "groups"):
            bounds = row.get(name, {})
            if bounds.get("min", 0) > bounds.get("max", bounds.get("min", 0)):
                yield (*key, name), f"{name}: min is above max, so nothing can meet it"


def _rows(tree: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    for stage, rows in tree.get("stages", {}).items():
        yield from ((("stages", stage, at), row) for at, row in enumerate(rows))
    yield from ((("overall", at), row) for at, row in enumerate(tree.get("overall", ())))


def _criterion(row: Mapping[str, Any], stages: tuple[str, ...], line: int, column: int) -> Criterion:
    bounds = {name: _bounds(row.get(name)) for name in ("rows", "items", "count", "groups")}
    covers = row.get("covers", {})
    return Criterion(
        row["id"],
        row["kind"],
        row["says"],
        stages,
        line,
        column,
        where=row.get("in", ""),
        under=row.get("under"),
        columns=tuple(row.get("columns", ())),
        fields=tuple(row.get("fields", ())),
        rows=bounds["rows"],
        items=bounds["items"],
        times=bounds["count"],
        group_by=row.get("group_by"),
        groups=bounds["groups"],
        covers_field=covers.get("field"),
        covers=tuple(covers.get("values", ())),
        measurable=row.get("measurable", False),
        any_of=tuple(row.get("any_of", ())),
        agents=tuple(row.get("agents", ())),
        evidence=row.get("evidence"),
        tag=row.get("tag"),
        max_usd=row.get("max_usd"),
        min_agreement=row.get("min_agreement"),
    )


def _bounds(given: Mapping[str, int] | None) -> Bounds | None:
    return None if given is None else Bounds(given.get("min"), given.get("max"))
