"""The house keeps its shape: imports point one way, judging stays pure, hooks start fast."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from guardrails.config import Settings
from guardrails.engine.registry import CHECKS, SECTIONS, Check
from tests.records import plan_telemetry, telemetry_path
from tests.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "guardrails"

# Lowest first; packages on one line don't import each other. A module imports from its own package and those below it.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("core",),
    ("config",),
    ("git",),
    ("snapshot",),
    ("layouts", "secrets"),
    ("consensus",),
    ("checks",),
    ("engine",),
    ("agents",),
    ("evidence",),
    ("services",),
    ("reports", "setup"),
    ("runs",),
    ("cli",),
    ("__main__",),
)

# Parts of one idea that are kept apart all the same, each with its reason.
SEAMS = {
    "checks.accept.texts": "criteria about text, pure over pages; the others read records",
    "services.memory.store": "the database; who writes forwards to a server, too",
    "agents.replay": "an agent that is built in, beside those that are programs",
    "checks.ledger.append_only": "what a change does to the evidence of its base",
    "checks.ledger.seal": "what one ledger says of itself, beside what it says of other files",
    "checks.ledger.signatures": "starts a program, and is loaded only where something is signed",
    "checks.secrets.additions": "what a change adds is asked of git; the check only judges it",
    "checks.transitions.report": "loaded where the tracker changed: it reads Markdown",
    "checks.validate.semantics": "what a schema cannot say, beside what it says",
    "cli.consensus_run": "asks agents, and loads all that takes; a push only checks",
    "cli.run_display": "what is shown of a run while it goes on; the command only starts and ends it",
    "engine.approval": "loaded where approvers are named: it starts what verifies signatures",
    "engine.policy": "loaded where the configuration or its hooks changed: it reads YAML and the settings of runs",
    "engine.bindings": "reads the file of a hook manager; what it is compared by is the configuration's",
    "evidence.tarball": "the bytes of one archive, beside which runs are packed",
    "reports.formats.json": "one module for each format",
    "reports.formats.svg": "a chart is geometry, the page around it a template",
    "reports.load": "reads records; what puts them together reads none",
    "services.probes.mcp": "one module for each transport",
    "snapshot.conversion": "loaded where a checkout converts files; most convert none",
    "snapshot.commits": "loads GitPython, where a range is judged",
}

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
    for name in (
        "config.settings",
        "config.layout",
        "errors",
        "core.timestamps",
        "core.strict_json",
        "core.text",
        "core.limits",
    )
}

# Git on the hot path; what a configuration names; what must outlive us, and the agent it turns into.
STARTERS = {
    "guardrails.agents.lifecycle": "subprocess.Popen",
    "guardrails.agents.supervisor": "os.execve",
    "guardrails.core.programs": "subprocess.Popen",
    "guardrails.git.repo": "subprocess.Popen",
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
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


@cache
def imports(name: str) -> frozenset[Import]:
    """What a module imports for use at run time; imports for type checkers only are left out."""
    return frozenset(_imports(tree(name), at_start=True))


def offenders(offences: Callable[[str], Collection[str]], names: Iterable[str] = MODULES) -> dict[str, list[str]]:
    """The modules that offend, each with its offences."""
    return {name: sorted(found) for name in names if (found := offences(name))}


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


def package(name: str) -> str:
    """The package a module is in, or the module itself where it is in none: `guardrails.git.repo` is in `git`."""
    return name.split(".")[1]


def layer(name: str) -> int:
    """The number of a module's layer."""
    for number, packages in enumerate(LAYERS):
        if package(name) in packages:
            return number
    raise AssertionError(f"{name} has no place in LAYERS: say where it belongs")


def test_imports_point_one_way() -> None:
    def above(name: str) -> set[str]:
        def allowed(other: str) -> bool:
            return layer(other) < layer(name) or package(other) == package(name)

        return {other for other in _own(name) if not allowed(other)}

    assert offenders(above, [name for name in MODULES if name != "guardrails"]) == {}, "they import from above"


def test_a_module_that_one_sibling_imports_is_part_of_it() -> None:
    importers: dict[str, set[str]] = {}
    for name in MODULES:
        for other in _own(name):
            importers.setdefault(other, set()).add(name)
    parts = {
        name.removeprefix("guardrails.")
        for name, users in importers.items()
        if len(users) == 1 and {name.rpartition(".")[0]} == {user.rpartition(".")[0] for user in users}
    }
    assert {name for name in parts if not _is_command(f"guardrails.{name}")} == {*SEAMS}


def test_a_public_class_name_has_one_meaning() -> None:
    homes: dict[str, list[str]] = {}
    for name in MODULES:
        for node in tree(name).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(name)
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def _is_command(name: str) -> bool:
    """Whether a module is a command of its own: the command line loads it by name, whoever imports it besides."""
    functions = {node.name for node in tree(name).body if isinstance(node, ast.FunctionDef)}
    return package(name) == "cli" and "command" in functions


def circles(needed: Callable[[str], Iterable[str]]) -> list[list[str]]:
    """The largest groups of modules in which each needs all the others, directly or through one another."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for each in needed(name):
            if each not in order:
                visit(each)
                lowest[name] = min(lowest[name], lowest[each])
            elif each in stack:
                lowest[name] = min(lowest[name], order[each])
        if lowest[name] == order[name]:
            start = stack.index(name)
            group = sorted(stack[start:])
            del stack[start:]
            if len(group) > 1 or name in needed(name):
                found.append(group)

    for name in MODULES:
        if name not in order:
            visit(name)
    return found


def test_circles_are_found() -> None:
    first, second, third, fourth = [*MODULES][:4]
    needs = {first: [second], second: [third], third: [second], fourth: [fourth]}
    assert circles(lambda name: needs.get(name, [])) == [sorted([second, third]), [fourth]]


def test_no_module_needs_itself_not_even_when_it_is_called() -> None:
    assert circles(lambda name: sorted(_own(name))) == []


def _own(name: str) -> set[str]:
    """The modules of this project that one imports, at any time: when it is imported itself, or when it is called."""
    return {each.target for each in imports(name) if each.target in MODULES and each.target != "guardrails"}


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


def test_a_judge_neither_acts_nor_prints() -> None:
    def acts(name: str) -> set[str]:
        loaded = {each.target for each in imports(name) if each.target.startswith(NOT_FOR_JUDGES)}
        return loaded | calls(name) & FORBIDDEN_CALLS - ALLOWED_CALLS.get(name, set())

    assert JUDGES
    assert offenders(acts, JUDGES) == {}


@cache
def calls(name: str) -> set[str]:
    """Every function a module calls, as it is written there."""
    return {ast.unparse(node.func) for node in ast.walk(tree(name)) if isinstance(node, ast.Call)}


def test_the_verdict_is_computed_from_values_alone() -> None:
    needed = reached("guardrails.consensus.verdict") - {*below("guardrails.consensus")}
    assert needed <= VALUES


def importing(*prefixes: str) -> Callable[[str], set[str]]:
    """What a module imports whose name begins so."""
    return lambda name: {each.target for each in imports(name) if each.target.startswith(prefixes)}


def test_a_reporter_knows_no_check_and_no_command_line() -> None:
    unwanted = ("guardrails.checks", "guardrails.cli", "guardrails.engine", "click")
    assert offenders(importing(*unwanted), below("guardrails.reports.formats")) == {}


def test_nothing_but_the_command_line_knows_the_command_line() -> None:
    others = [name for name in MODULES if not name.startswith(("guardrails.cli", "guardrails.__main__"))]
    assert offenders(importing("guardrails.cli", "click"), others) == {}


def test_programs_are_started_in_four_places() -> None:
    starting = ("subprocess.", "os.system", "os.popen", "os.exec", "os.spawn")
    starts = offenders(lambda name: {call for call in calls(name) if call.startswith(starting)})
    assert starts == {name: [call] for name, call in STARTERS.items()}


def test_one_module_loads_gitpython_and_only_when_it_asks() -> None:
    def loads(name: str) -> set[str]:
        found = {each for each in imports(name) if each.target.partition(".")[0] == "git"}
        return {each.target for each in found if each.at_start or name != "guardrails.snapshot.commits"}

    assert offenders(loads) == {}


def test_the_journal_is_known_in_one_place_and_loaded_only_by_what_runs_a_spec() -> None:
    journal = "guardrails.runs.workflow"

    def knows(name: str) -> set[str]:
        known = {each.target for each in imports(name) if each.target == journal and each.at_start}
        if name != journal:
            known |= {each.target for each in imports(name) if each.target.partition(".")[0] in ("dbos", "sqlalchemy")}
        return known

    assert offenders(knows) == {}


def public_names() -> dict[str, set[str]]:
    """What each package offers to those outside it."""
    found = {}
    for name in MODULES:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "public":
                found[name] = {word for each in node.keywords for word in ast.literal_eval(each.value).split()}
    return found


def test_packages_have_the_public_names_they_list() -> None:
    listed = public_names()
    assert "Finding" in listed["guardrails.core"]
    assert [f"{name}.{each}" for name, names in listed.items() for each in names if not _is_there(name, each)] == []


def _is_there(package_name: str, name: str) -> bool:
    return getattr(import_module(package_name), name, None) is not None


def test_the_product_imports_from_modules() -> None:
    listed = public_names()

    def borrowed(name: str) -> set[str]:
        froms = [node for node in ast.walk(tree(name)) if isinstance(node, ast.ImportFrom) and node.module in listed]
        return {alias.name for node in froms for alias in node.names if alias.name in listed[str(node.module)]}

    assert offenders(borrowed) == {}, "packages list names for others: inside, a name comes from its module"


class Hot(NamedTuple):
    """What a command may load: it runs at every commit. `heavy` are costly parts of the standard library."""

    command: str
    libraries: set[str]
    heavy: set[str]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_says_which_settings_it_judges_by(check: Check) -> None:
    """A change of other settings does not have it judge twice, so what it does not say would judge by one side only."""
    used = {field for name in _judging(check.module) for field in _settings_read(name)}
    assert used <= {*check.reads}, f"add to its `reads` in guardrails/engine/registry.py: {used - {*check.reads}}"


def test_every_section_of_the_settings_is_one_that_a_check_may_judge_by() -> None:
    assert set(SECTIONS) == {*Settings._fields} - {"policy", "waivers", "config_path"}


def _judging(name: str) -> set[str]:
    """A module and everything it imports that is handed settings."""
    waiting, found = [name], set()
    while waiting:
        name = waiting.pop()
        if name in found or package(name) not in ("checks", "consensus", "layouts"):
            continue
        found.add(name)
        waiting += [each.target for each in imports(name) if each.target in MODULES]
    return found


def _settings_read(name: str) -> Iterator[str]:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).rpartition(".")[2] in ("settings", "_settings"):
            field = "stages" if node.attr == "roster" else node.attr
            yield from [field] if field in SECTIONS else []


HOT = (
    Hot("clean-tree", {"click"}, set()),
    Hot("footprint", {"click"}, set()),
    # orjson brings dataclasses, jsonschema_rs the others.
    Hot("validate", {"click", "orjson", "jsonschema_rs"}, {"dataclasses", "email", "socket", "urllib"}),
    Hot("validate FILE", {"click", "orjson", "jsonschema_rs"}, {"dataclasses", "email", "socket", "urllib"}),
    Hot("evidence verify --if-any", {"click", "orjson"}, {"dataclasses"}),
    Hot("consensus check --if-any", {"click", "orjson", "jsonschema_rs"}, {"dataclasses", "email", "socket", "urllib"}),
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
    assert not [name for name in extra if name.startswith("guardrails.runs")], "a hook judges; it runs no SPEC"


def test_explaining_a_rule_loads_nothing_that_reads_a_repository(sandbox: Sandbox) -> None:
    names = loaded(sandbox, "-m", "guardrails", "explain", "TRK006")
    assert "guardrails.engine.registry" in names, "the measurement itself works"
    readers = ("guardrails.snapshot", "guardrails.git", "guardrails.config.settings", "subprocess")
    assert not [name for name in names if name.startswith(readers)]


def test_a_configuration_is_checked_without_a_reader_of_json(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", "evidence:\n  keep_runs: 2\n")
    sandbox.commit()
    names = loaded(sandbox, "-m", "guardrails", "clean-tree")
    assert "guardrails.config.loader" in names, "the measurement itself works"
    assert "jsonschema_rs" in names
    assert "orjson" not in names


def _is_standard(top: str) -> bool:
    return top in sys.stdlib_module_names or top.startswith("_")
