"""The house keeps its shape: imports point one way, judging stays pure, hooks start fast, files stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.records import plan_telemetry, telemetry_path
from tests.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "guardrails"

# Lowest first. A module imports from its own layer and those below it, never from above. Names are below
# `guardrails`; `x.*` stands for everything in the package x.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("", "errors"),
    ("core.*",),
    ("config.*",),
    ("git.*",),
    ("snapshot.*",),
    ("layouts.*", "secrets.*"),
    ("consensus.*",),
    ("checks.*",),
    ("engine.*",),
    ("agents.*",),
    ("evidence.*",),
    ("services.*",),
    ("reports.*", "setup.*"),
    ("runs.*",),
    ("cli.*",),
    ("__main__",),
)

# Judging is pure: it reads through a snapshot, is given its settings, and yields. The layers keep effects and reporters
# out of its reach; these it could reach.
ACTS = ("click", "rich", "logging", "subprocess", "socket", "urllib.request", "http", "requests", "tempfile", "shutil")
NOT_FOR_JUDGES = (*ACTS, "guardrails.config.loader", "guardrails.snapshot.sources")
FORBIDDEN_CALLS = {"print", "open", "input", "exec", "eval", "__import__"}
# The message under judgement at commit-msg is in no snapshot: git names a file of its own.
ALLOWED_CALLS = {"guardrails.checks.secrets.check": {"open"}}
# All that a verdict may rest on besides the modules of guardrails.consensus.
VALUES = {
    f"guardrails.{name}"
    for name in ("config.settings", "config.layout", "errors", "core.timestamps", "core.strict_json")
}

# Git on the hot path; what a configuration names; what must outlive us, and the agent it turns into.
STARTERS = {
    **dict.fromkeys(
        ("guardrails.git.repo", "guardrails.core.programs", "guardrails.agents.lifecycle"), "subprocess.Popen"
    ),
    "guardrails.agents.supervisor": "os.execve",
}


class Import(NamedTuple):
    """One imported module or name, and whether it is imported when its module is."""

    target: str
    at_start: bool


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@cache
def imports(name: str) -> frozenset[Import]:
    """What a module imports for use at run time; imports for type checkers only are left out."""
    return frozenset(_imports(ast.parse(MODULES[name].read_text(encoding="utf-8")), at_start=True))


def _imports(node: ast.AST, *, at_start: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, at_start) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (Import(_target(child, alias.name), at_start) for alias in child.names)
        else:
            inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from _imports(child, at_start=at_start and not inside)


def _target(statement: ast.ImportFrom, name: str) -> str:
    assert statement.level == 0, "imports are absolute here"
    whole = f"{statement.module}.{name}"
    return whole if whole in MODULES else str(statement.module)


def layer(name: str) -> int:
    """The number of a module's layer."""
    short = name.removeprefix("guardrails").removeprefix(".")
    for number, patterns in enumerate(LAYERS):
        if any(fnmatch(short, pattern) or short == pattern.removesuffix(".*") for pattern in patterns):
            return number
    raise AssertionError(f"{name} has no place in LAYERS: say where it belongs")


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name: str) -> None:
    above = {each.target for each in imports(name) if each.target in MODULES and layer(each.target) > layer(name)}
    assert not above, f"{name} imports from a layer above it"


def test_no_module_needs_itself_to_be_imported() -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' -> '.join((*path, name))}"
        if name not in done:
            for each in sorted(imports(name)):
                if each.at_start and each.target in MODULES and each.target != "guardrails":
                    visit(each.target, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


def below(*packages: str) -> list[str]:
    """The modules in some packages."""
    return [name for name in MODULES if any(name == package or name.startswith(package + ".") for package in packages)]


def reached(*names: str) -> set[str]:
    """These modules and all that they import, one through the other."""
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += [each.target for each in imports(name) if each.target in MODULES and each.target not in found]
    return found


JUDGES = sorted(reached(*below("guardrails.checks")) & {*below("guardrails.checks", "guardrails.consensus")})


@pytest.mark.parametrize("name", JUDGES)
def test_a_judge_neither_acts_nor_prints(name: str) -> None:
    assert not [each.target for each in imports(name) if each.target.startswith(NOT_FOR_JUDGES)]
    assert not calls(name) & FORBIDDEN_CALLS - ALLOWED_CALLS.get(name, set())


def calls(name: str) -> set[str]:
    """Every function a module calls, as it is written there."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_the_verdict_is_computed_from_values_alone() -> None:
    needed = reached("guardrails.consensus.verdict") - {*below("guardrails.consensus")}
    assert needed <= VALUES


@pytest.mark.parametrize("name", below("guardrails.reports.formats"))
def test_a_reporter_knows_no_check_and_no_command_line(name: str) -> None:
    unwanted = ("guardrails.checks", "guardrails.cli", "guardrails.engine", "click")
    assert not [each.target for each in imports(name) if each.target.startswith(unwanted)]


@pytest.mark.parametrize(
    "name", [name for name in MODULES if not name.startswith(("guardrails.cli", "guardrails.__main__"))]
)
def test_nothing_but_the_command_line_knows_the_command_line(name: str) -> None:
    assert not [each.target for each in imports(name) if each.target.startswith(("guardrails.cli", "click"))]


@pytest.mark.parametrize("name", MODULES)
def test_programs_are_started_in_four_places(name: str) -> None:
    starts = {
        call for call in calls(name) if call.startswith(("subprocess.", "os.system", "os.popen", "os.exec", "os.spawn"))
    }
    assert starts == ({STARTERS[name]} if name in STARTERS else set())


@pytest.mark.parametrize("name", MODULES)
def test_one_module_loads_gitpython_and_only_when_it_asks(name: str) -> None:
    found = {each for each in imports(name) if each.target == "git" or each.target.startswith("git.")}
    assert not found or name == "guardrails.snapshot.commits"
    assert not any(each.at_start for each in found)


@pytest.mark.parametrize("name", MODULES)
def test_the_journal_is_known_in_one_place_and_loaded_only_by_what_runs_a_spec(name: str) -> None:
    journal = "guardrails.runs.workflow"
    libraries = {each.target.partition(".")[0] for each in imports(name)}
    assert name == journal or not libraries & {"dbos", "sqlalchemy"}
    assert not [each for each in imports(name) if each.target == journal and each.at_start]


class Hot(NamedTuple):
    """What a command may load: it runs at every commit. `heavy` are costly parts of the standard library."""

    command: str
    libraries: set[str]
    heavy: set[str]


HOT = (
    Hot("clean-tree", {"click"}, set()),
    Hot("footprint", {"click"}, set()),
    # orjson brings dataclasses, jsonschema_rs the others.
    Hot("validate", {"click", "orjson", "jsonschema_rs"}, {"dataclasses", "email", "socket", "urllib"}),
    Hot("validate FILE", {"click", "orjson", "jsonschema_rs"}, {"dataclasses", "email", "socket", "urllib"}),
    Hot("evidence verify --if-any", {"click", "orjson"}, {"dataclasses"}),
)
HEAVY = {
    *("argparse", "asyncio", "concurrent", "ctypes", "dataclasses", "difflib", "email", "html", "http", "logging"),
    *("multiprocessing", "pathlib", "pprint", "shutil", "socket", "sqlite3", "ssl", "tempfile", "traceback"),
    *("unittest", "urllib", "xml", "zipfile"),
}
NEVER_THERE = {"org"}
"""`copy` tries to import what only Jython has; the attempt is listed all the same."""


def loaded(sandbox: Sandbox, *arguments: str) -> set[str]:
    """The modules a python process loads beyond those it loads to do nothing."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=sandbox.root,
        env=sandbox.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize("hot", HOT, ids=lambda hot: hot.command)
def test_a_hook_loads_only_what_it_uses(hot: Hot, sandbox: Sandbox) -> None:
    file = telemetry_path("plan")
    sandbox.write(file, plan_telemetry())
    sandbox.commit()
    words = hot.command.replace("FILE", file).split()
    extra = loaded(sandbox, "-m", "guardrails", *words) - loaded(sandbox, "-c", "pass")
    tops = {name.partition(".")[0] for name in extra} - NEVER_THERE
    assert "guardrails" in tops, "the measurement itself works"
    assert {name for name in tops if not _is_standard(name)} <= hot.libraries | {"guardrails"}
    assert extra & HEAVY <= hot.heavy


def _is_standard(top: str) -> bool:
    return top in sys.stdlib_module_names or top.startswith("_")
