from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests import examples
from tests.sandbox import Sandbox

CORPUS = Path(__file__).parent.parent.parent / "shared" / "corpus"
CHUNK = 32
"""Tests that a worker is given at a time."""
NOT_RUN = pytest.StashKey[int]()

# A process that a shell or a CI runner starts in the background ignores these, and so would all that it starts. With a
# handler in its place a signal is still ignored here, and children begin with what is usual.
for _name in ("SIGINT", "SIGQUIT"):
    if (_number := getattr(signal, _name, None)) is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda _signal, _frame: None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are processors: a third of the time a test waits, for git or for an agent."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return available + 1


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the tests of the second tier, too")


def pytest_configure(config: pytest.Config) -> None:
    examples.whole = bool(config.getoption("all"))
    # How long an example takes says more of the machine than of the code.
    settings.register_profile("untimed", deadline=None, max_examples=examples.examples(100))
    settings.load_profile("untimed")
    # Tests of one folder take long together: a worker that was given hundreds of them would end long after the others.
    if getattr(config.option, "maxschedchunk", 0) is None:
        config.option.maxschedchunk = CHUNK


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the second tier out, unless it is asked for or a test is named. Property tests belong to both: in the
    second tier they try more inputs."""
    if config.getoption("all"):
        for item in items:
            if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
                item.add_marker("tier2")
    elif "tier2" not in config.getoption("markexpr") and not any("::" in argument for argument in config.args):
        kept = [item for item in items if item.get_closest_marker("tier2") is None]
        config.stash[NOT_RUN] = len(items) - len(kept)
        items[:] = kept


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells the process that reports how many tests it left out."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["not_run"] = session.config.stash.get(NOT_RUN, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[NOT_RUN] = getattr(node, "workeroutput", {}).get("not_run", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(NOT_RUN, 0):
        terminalreporter.write_line(f"{count} tests of the second tier not run; pytest --all runs them")


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `git init` makes. Thousands of tests begin with a copy of it."""
    place = tmp_path_factory.mktemp("empty")
    home, root = place / "home", place / "repo"
    home.mkdir()
    root.mkdir()
    Sandbox(root, home).git("init", "-q", "-b", "main")
    return root


@pytest.fixture
def sandbox(tmp_path: Path, empty_repository: Path) -> Sandbox:
    """An empty repository with no commit."""
    home, root = tmp_path / "home", tmp_path / "repo"
    home.mkdir()
    root.mkdir()
    shutil.copytree(empty_repository, root, dirs_exist_ok=True, symlinks=True)
    return Sandbox(root, home)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real evidence kept beside the checkout; not part of the project."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real evidence is not beside this checkout")
    return CORPUS
