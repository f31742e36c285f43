"""What is wrong with a kit that was made: compared with what its sources make now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from guardrails.kit.build import FORM, Kit, archive_name, stamp_of
from guardrails.markdown import decode, parse, plain

Problem = Literal["stale", "edited", "archive"]


class Fault(NamedTuple):
    """One thing that is wrong, and in which of the kit's two files."""

    problem: Problem
    file: str
    message: str


def faults(spec: str, readme: bytes, archive: bytes | None, made: Kit) -> Iterator[Fault]:
    """Everything that is wrong with the kit of a SPEC. `made` is what it would be now."""
    stamp = stamp_of(readme)
    if stamp is None:
        yield Fault("edited", "README.md", "it has no stamp of a context kit")
        return
    if not stamp.whole:
        yield Fault("edited", "README.md", "it was edited: its digest is not that of its text")
    yield from _archive(spec, archive, made, current=readme == made.readme, said=stamp.version)
    if stamp.spec != spec:
        yield Fault("edited", "README.md", f"it is the kit of {stamp.spec}")
    elif stamp.form != FORM:
        yield Fault("stale", "README.md", f"it has form {stamp.form}, and kits are made in form {FORM} now")
    elif readme != made.readme and stamp.whole:
        changed = list(_changed(_rows(readme), dict(made.rows)))
        if changed:
            yield Fault("stale", "README.md", f"it is older than its sources: {', '.join(changed)}")
        else:
            yield Fault("edited", "README.md", "it says something else than its sources give")


def _archive(spec: str, archive: bytes | None, made: Kit, *, current: bool, said: str) -> Iterator[Fault]:
    from hashlib import sha256

    name = archive_name(spec)
    if archive is None:
        yield Fault("archive", name, "it is missing, or not a regular file")
    elif current and archive != made.archive:
        yield Fault("archive", name, "it does not hold what README.md says")
    elif not current and sha256(archive).hexdigest()[:12] != said.partition("-")[2]:
        yield Fault("archive", name, "it is not the one that README.md names")


def _rows(readme: bytes) -> dict[str, str]:
    """The sources that a README names: path to digest."""
    text = decode(readme)
    if isinstance(text, int):
        return {}
    for table in reversed(parse(text).tables):
        if [plain(cell.text) for cell in table.header.cells] == ["Path", "SHA-256"]:
            return {row.cells[0].text: row.cells[1].text for row in table.rows if len(row.cells) == 2}
    return {}


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for path in dict.fromkeys((*before, *now)):
        if path not in now:
            yield f"{path} is gone"
        elif path not in before:
            yield f"{path} is new"
        elif before[path] != now[path]:
            yield f"{path} changed"
