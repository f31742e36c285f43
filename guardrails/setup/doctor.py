"""`speckit doctor`: whether the guardrails can do their work here. Looks, changes nothing."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from functools import partial

from guardrails import __version__
from guardrails.config.settings import CONFIG_FILE, Settings
from guardrails.core.text import plural
from guardrails.errors import GuardrailError
from guardrails.git.repo import OLDEST_GIT, Repo, git_version
from guardrails.setup import attributes
from guardrails.setup.detect import detect_layout
from guardrails.setup.diagnosis import DoctorContext, DoctorRow, row_of
from guardrails.setup.hook_checks import hook_rows
from guardrails.snapshot.worktree import Worktree

LIBRARIES = (
    "cattrs",
    "click",
    "detect-secrets",
    "GitPython",
    "jsonschema",
    "jsonschema-rs",
    "markdown-it-py",
    "orjson",
    "PyYAML",
    "rich",
)


def examine(repo: Repo, load: Callable[[], Settings]) -> Iterator[DoctorRow]:
    """Every row, in reading order. `load` reads the configuration and may raise GuardrailError."""
    yield from _guarded("git", partial(git_rows, repo))
    yield from program_rows()
    try:
        found = detect_layout(repo)
    except GuardrailError as error:
        yield row_of("repository", error)
        return
    settings, rows = configuration(load)
    yield from rows
    patient = DoctorContext(repo, Worktree(repo), detect_layout(repo, settings.layout) if settings else found, settings)
    for subject, section in (
        ("content", content_rows),
        ("evidence", evidence_rows),
        ("secrets", secret_rows),
        ("hooks", hook_rows),
    ):
        yield from _guarded(subject, partial(section, patient))


def exit_code(rows: list[DoctorRow]) -> int:
    """1 when anything fails, else 3 when anything cannot be known."""
    levels = {row.level for row in rows}
    return 1 if "fail" in levels else 3 if "unknown" in levels else 0


def _guarded(subject: str, section: Callable[[], Iterator[DoctorRow]]) -> Iterator[DoctorRow]:
    try:
        yield from section()
    except GuardrailError as error:
        yield row_of(subject, error)


def git_rows(repo: Repo) -> Iterator[DoctorRow]:
    """The git binary, and whether it has the history that ranges are made of."""
    text, new_enough = git_version(repo)
    if new_enough is None:
        yield DoctorRow("unknown", "git", f"'{text}' is not a version", "run 'git version'")
    elif new_enough:
        yield DoctorRow("ok", "git", text)
    else:
        yield DoctorRow("fail", "git", f"{text} is older than {'.'.join(map(str, OLDEST_GIT))}", "install a newer git")
    if repo.run("rev-parse", "--is-shallow-repository").strip() == b"true":
        hint = "git fetch --unshallow (in CI: fetch-depth: 0)"
        yield DoctorRow("warn", "history", "this clone is shallow: ranges that reach beyond it cannot be judged", hint)


def program_rows() -> Iterator[DoctorRow]:
    """speckit itself, the Python under it and its libraries."""
    path = shutil.which("speckit")
    yield DoctorRow("ok", "python", platform.python_version())
    if path:
        yield DoctorRow("ok", "speckit", f"{__version__}; on PATH: {path}")
    else:
        hint = "pipx install speckit-guardrails, or add its directory to PATH"
        yield DoctorRow("warn", "speckit", f"{__version__}; not on PATH, where hooks of frameworks look for it", hint)
    versions = [(name, _version(name)) for name in LIBRARIES]
    missing = [name for name, version in versions if version is None]
    if missing:
        yield DoctorRow("fail", "libraries", f"missing: {', '.join(missing)}", "install speckit-guardrails again")
    else:
        yield DoctorRow("ok", "libraries", ", ".join(f"{name} {version}" for name, version in versions))


def _version(library: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(library)
    except PackageNotFoundError:
        return None


def configuration(load: Callable[[], Settings]) -> tuple[Settings | None, list[DoctorRow]]:
    """The settings that hold in the working tree, None when they cannot be read."""
    try:
        settings = load()
    except GuardrailError as error:
        return None, [row_of("configuration", error)]
    if settings.config_path is None:
        return settings, [DoctorRow("warn", "configuration", f"no {CONFIG_FILE}: the defaults hold", "speckit init")]
    return settings, [DoctorRow("ok", "configuration", settings.config_path)]


def content_rows(patient: DoctorContext) -> Iterator[DoctorRow]:
    """Whether there is anything to judge, and what switches judging off."""
    found, layout = patient.found, patient.found.layout
    have = [
        name
        for name, there in (
            (layout.tracker, found.tracker),
            (layout.docs, found.specs),
            (layout.evidence, found.evidence),
        )
        if there
    ]
    if have:
        yield DoctorRow("ok", "content", "there is something to judge in " + ", ".join(have))
    else:
        message = f"nothing to judge: no {layout.tracker}, no SPEC in {layout.docs}, nothing in {layout.evidence}"
        yield DoctorRow("warn", "content", message, f"if they lie elsewhere, say so in {CONFIG_FILE}")
    if patient.settings and patient.settings.overrides.allow_dirty:
        yield DoctorRow(
            "warn", "override", "SPEC_OPS_ALLOW_DIRTY is set: a dirty tree passes", "unset SPEC_OPS_ALLOW_DIRTY"
        )


def evidence_rows(patient: DoctorContext) -> Iterator[DoctorRow]:
    """Whether git leaves the bytes of evidence alone, in every checkout."""
    root = patient.found.layout.evidence
    if attributes.converted(patient.repo, root):
        message = f"git may convert line endings in {root}, and its digests are of bytes"
        hint = f"add to {attributes.FILE_NAME}: {attributes.line_for(root)}   (speckit init does)"
        yield DoctorRow("fail" if patient.found.evidence else "warn", "evidence", message, hint)
    elif count := attributes.checked_out_converted(patient.repo, root):
        message = f"{plural(count, 'file')} in {root} were checked out with other line endings than git has"
        yield DoctorRow("fail", "evidence", message, f"delete {root}, then: git checkout -- {root}")
    else:
        yield DoctorRow("ok", "evidence", f"git converts no line endings in {root}")


def secret_rows(patient: DoctorContext) -> Iterator[DoctorRow]:
    """Which secret variables are set here. Only their names are shown."""
    names = patient.settings.secrets.variables if patient.settings else ()
    present = [name for name in names if patient.repo.environment.get(name)]
    absent = [name for name in names if name not in present]
    if present:
        yield DoctorRow("ok", "secrets", f"set here, so their values are looked for: {', '.join(present)}")
    if absent:
        message = f"not set here, so their values cannot be looked for: {', '.join(absent)}"
        yield DoctorRow("warn", "secrets", message, "export them where you commit, if this machine should know them")
