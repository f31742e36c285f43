"""The part of `speckit doctor` about hooks: for each one, what runs when git calls it, and whether that is speckit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import NamedTuple

from guardrails.config.yaml import parse_yaml
from guardrails.errors import GuardrailError, Undecidable
from guardrails.setup import precommit
from guardrails.setup.diagnosis import DoctorContext, DoctorRow, Level
from guardrails.setup.hook_files import (
    FRAMEWORKS,
    NAMES,
    HookFile,
    HooksDirectory,
    InstalledHook,
    baked_command,
    locate,
    observe,
    runs_speckit,
)
from guardrails.setup.init import mentions_speckit


class Configured(NamedTuple):
    """What hook managers' files say. `stages`: where pre-commit's configuration runs speckit."""

    exists: bool
    stages: list[str]
    types: list[str]
    others: dict[str, bool]
    """manager → whether its file names speckit"""


def hook_rows(patient: DoctorContext) -> Iterator[DoctorRow]:
    """The hooks directory, each hook in it, and what the managers' files ask for."""
    directory = locate(patient.repo)
    yield from _directory_rows(directory)
    configured, broken = _configured(patient)
    yield from broken
    for name in NAMES:
        try:
            found = observe(directory.path, name)
        except GuardrailError as error:
            yield DoctorRow("fail", name, error.message, error.hint)
            continue
        yield _hook_row(found, configured)
    yield from _manager_rows(configured)


def _directory_rows(directory: HooksDirectory) -> Iterator[DoctorRow]:
    if directory.outside:
        hint = "git config --show-origin core.hooksPath"
        yield DoctorRow("warn", "hooks", f"{directory.outside}; other repositories may share it", hint)
    elif os.path.lexists(directory.path) and not os.path.isdir(directory.path):
        yield DoctorRow("fail", "hooks", f"{directory.path} is not a directory", "git config --unset core.hooksPath")
    elif not _is_writable(directory.path):
        yield DoctorRow(
            "warn", "hooks", f"{directory.path} cannot be written to", "'speckit install' needs to write there"
        )
    else:
        yield DoctorRow("ok", "hooks", directory.path)


def _configured(patient: DoctorContext) -> tuple[Configured, list[DoctorRow]]:
    others: dict[str, bool] = {}
    for path, manager in patient.found.managers:
        others[manager] = others.get(manager, False) or mentions_speckit(patient.tree, path)
    try:
        parsed = _parsed_configuration(patient)
    except GuardrailError as error:
        return Configured(True, [], [], others), [DoctorRow("fail", "pre-commit", error.message, error.hint)]
    if not isinstance(parsed, dict):
        return Configured(False, [], [], others), []
    types = parsed.get(precommit.TYPES_KEY, ["pre-commit"])
    return Configured(True, precommit.stages_of(parsed), types if isinstance(types, list) else [], others), []


def _hook_row(found: InstalledHook, configured: Configured) -> DoctorRow:
    name, hook = found.name, found.hook
    if hook is None:
        return _absent(name, configured)
    if not hook.executable:
        return DoctorRow(
            "fail", name, "the hook is not executable, so git does not run it", f"chmod +x the {name} hook"
        )
    if hook.maker == "speckit":
        return _native(name, hook, "native")
    if hook.maker in FRAMEWORKS:
        return _framework(found, hook, configured)
    if hook.maker in ("lefthook", "husky"):
        return _manager(found, hook, configured)
    if runs_speckit(hook.content):
        return DoctorRow("ok", name, "a hook of your own, which names speckit")
    return _without(name, "a hook of your own, which does not name speckit")


def _absent(name: str, configured: Configured) -> DoctorRow:
    level: Level = "warn" if name == "commit-msg" else "fail"
    if name in configured.stages:
        return DoctorRow(
            level, name, "configured for pre-commit, but not installed", f"pre-commit install --hook-type {name}"
        )
    return DoctorRow(level, name, "not installed", f"speckit install --hook {name}")


def _without(name: str, message: str, hint: str | None = None) -> DoctorRow:
    level: Level = "warn" if name == "commit-msg" else "fail"
    return DoctorRow(level, name, message, hint or f"speckit install --hook {name}")


def _native(name: str, hook: HookFile, how: str) -> DoctorRow:
    baked = baked_command(hook.content)
    if (baked and os.access(baked, os.X_OK)) or shutil.which("speckit"):
        return DoctorRow("ok", name, how)
    return DoctorRow("fail", name, f"{how}, but it cannot find speckit", f"speckit install --hook {name}")


def _framework(found: InstalledHook, hook: HookFile, configured: Configured) -> DoctorRow:
    name, legacy = found.name, found.legacy
    if legacy is not None and legacy.maker == "speckit" and legacy.executable:
        return _native(name, legacy, f"native, run first by {hook.maker}")
    if name in configured.stages or configured.others.get("prek"):
        if name == "pre-push":
            message = f"through {hook.maker}, which hands over the first pushed ref only"
            return DoctorRow("warn", name, message, "'speckit install --hook pre-push' judges every ref")
        return DoctorRow("ok", name, f"through {hook.maker}")
    return _without(name, f"{hook.maker} is installed, but runs no speckit hook here")


def _manager(found: InstalledHook, hook: HookFile, configured: Configured) -> DoctorRow:
    if configured.others.get(hook.maker):
        return DoctorRow("ok", found.name, f"through {hook.maker}, whose configuration names speckit")
    hint = "'speckit init' prints the lines to add"
    if found.old is not None and found.old.maker == "speckit":
        return _without(found.name, f"{hook.maker} has moved speckit's hook away and does not run it", hint)
    return _without(found.name, f"{hook.maker} is installed, but its configuration does not name speckit", hint)


def _manager_rows(configured: Configured) -> Iterator[DoctorRow]:
    missing = [stage for stage in configured.stages if stage in NAMES and stage not in configured.types]
    if missing:
        stages, types = ", ".join(missing), ", ".join([*map(str, configured.types), *missing])
        message = f"{precommit.FILE_NAME} has speckit hooks at {stages}, which 'pre-commit install' leaves out"
        yield DoctorRow("fail", "pre-commit", message, f"'speckit init' adds {precommit.TYPES_KEY}: [{types}]")
    if configured.exists and not (shutil.which("pre-commit") or shutil.which("prek")):
        message = f"there is a {precommit.FILE_NAME}, but neither pre-commit nor prek is on PATH"
        yield DoctorRow("warn", "pre-commit", message, "pipx install pre-commit")
    for manager in ("lefthook", "prek"):
        if manager in configured.others and not shutil.which(manager):
            yield DoctorRow("warn", manager, "configured here, but not on PATH", f"install {manager}")


def _parsed_configuration(patient: DoctorContext) -> object:
    """`.pre-commit-config.yaml` as parsed, None when there is none. Raises GuardrailError when it is broken."""
    name = precommit.FILE_NAME
    if not patient.tree.exists(name):
        return None
    data = patient.tree.read(name)
    if data is None:
        raise Undecidable(f"{name} is not a regular file", "look into it yourself")
    parsed: object = parse_yaml(data, name).value
    return parsed


def _is_writable(path: str) -> bool:
    """Whether a file could be written to a directory, which may not exist yet."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)
