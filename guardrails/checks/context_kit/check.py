"""Judge the context kits of SPECs: each is what its sources make now, and nobody edited it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from guardrails.checks.context_kit.build import FOLDER, FORM, README, ContextKit, archive_name, build_kit, stamp_of
from guardrails.checks.context_kit.sources import sources_of
from guardrails.checks.lint.document_rules import KIT_ARCHIVE, KIT_EDITED, KIT_STALE
from guardrails.core.finding import Checked, Finding, Observation, Rule
from guardrails.core.markdown import decode, parse_markdown, plain
from guardrails.errors import GuardrailError
from guardrails.layouts.own import Directory, survey
from guardrails.snapshot.context import CheckContext

# What is wrong with a kit that was made: compared with what its sources make now.


KitProblem = Literal["stale", "edited", "archive"]


class KitFault(NamedTuple):
    """One thing that is wrong, and in which of the kit's two files."""

    problem: KitProblem
    file: str
    message: str


def faults(spec: str, readme: bytes, archive: bytes | None, made: ContextKit) -> Iterator[KitFault]:
    """Everything that is wrong with the kit of a SPEC. `made` is what it would be now."""
    stamp = stamp_of(readme)
    if stamp is None:
        yield KitFault("edited", "README.md", "it has no stamp of a context kit")
        return
    if not stamp.whole:
        yield KitFault("edited", "README.md", "it was edited: its digest is not that of its text")
    yield from _archive(spec, archive, made, current=readme == made.readme, said=stamp.version)
    if stamp.spec != spec:
        yield KitFault("edited", "README.md", f"it is the kit of {stamp.spec}")
    elif stamp.form != FORM:
        yield KitFault("stale", "README.md", f"it has form {stamp.form}, and kits are made in form {FORM} now")
    elif readme != made.readme and stamp.whole:
        changed = list(_changed(_rows(readme), dict(made.rows)))
        if changed:
            yield KitFault("stale", "README.md", f"it is older than its sources: {', '.join(changed)}")
        else:
            yield KitFault("edited", "README.md", "it says something else than its sources give")


def _archive(spec: str, archive: bytes | None, made: ContextKit, *, current: bool, said: str) -> Iterator[KitFault]:
    from hashlib import sha256

    name = archive_name(spec)
    if archive is None:
        yield KitFault("archive", name, "it is missing, or not a regular file")
    elif current and archive != made.archive:
        yield KitFault("archive", name, "it does not hold what README.md says")
    elif not current and sha256(archive).hexdigest()[:12] != said.partition("-")[2]:
        yield KitFault("archive", name, "it is not the one that README.md names")


def _rows(readme: bytes) -> dict[str, str]:
    """The sources that a README names: path to digest."""
    text = decode(readme)
    if isinstance(text, int):
        return {}
    for table in reversed(parse_markdown(text).tables):
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


RULES: dict[KitProblem, Rule] = {"stale": KIT_STALE, "edited": KIT_EDITED, "archive": KIT_ARCHIVE}


def check(context: CheckContext) -> Iterator[Observation]:
    """Everything about the kits alone. One that an argument names must be there."""
    directories = survey(context.snapshot, context.settings).directories
    seen = list(judge(context, directories))
    yield from seen
    if context.scope.spec is not None and not seen:
        docs = context.settings.layout.docs
        message = f"{context.scope.spec} has no context kit"
        hint = f"speckit context {context.scope.spec}"
        yield KIT_ARCHIVE.at(docs, message, hint=hint, spec=context.scope.spec)


def judge(context: CheckContext, directories: Sequence[Directory]) -> Iterator[Observation]:
    """Findings about the kit of each SPEC directory that has one, or of the one that was asked for."""
    for directory in directories:
        if context.scope.spec in (None, directory.spec):
            yield from _kit(context, directory)


def _kit(context: CheckContext, directory: Directory) -> Iterator[Observation]:
    folder, snapshot = f"{directory.path}/{FOLDER}", context.snapshot
    files = {entry.path: entry.kind for entry in directory.files}
    readme_path, archive_path = f"{folder}/{README}", f"{folder}/{archive_name(directory.spec)}"
    readme = snapshot.read(readme_path) if files.get(readme_path) == "file" else None
    archive = snapshot.read(archive_path) if files.get(archive_path) == "file" else None
    if archive_path not in files and (readme is None or stamp_of(readme) is None):
        return  # a folder of that name, and nothing of ours in it
    yield Checked(readme_path)
    if readme is None:
        yield _found(KIT_ARCHIVE, readme_path, "the kit has no README.md that can be read", directory.spec)
        return
    try:
        made = build_kit(sources_of(snapshot, directory.path), directory.spec)
    except GuardrailError as error:
        message = f"it cannot be compared with its sources: {error.message}"
        yield KIT_STALE.at(readme_path, message, hint=error.hint, spec=directory.spec)
        return
    for fault in faults(directory.spec, readme, archive, made):
        yield _found(RULES[fault.problem], f"{folder}/{fault.file}", fault.message, directory.spec)


def _found(rule: Rule, path: str, message: str, spec: str) -> Finding:
    if rule is KIT_EDITED:
        hint = f"put your words into the SPEC's documents, remove this file, then run 'speckit context {spec}'"
    else:
        hint = f"speckit context {spec}"
    return rule.at(path, message, hint=hint, spec=spec)
