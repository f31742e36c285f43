from __future__ import annotations

import pytest

from tests.hooks.bench import Bench
from tests.hooks.frameworks import HookRepository
from tests.sandbox import Sandbox


@pytest.fixture
def bench(sandbox: Sandbox) -> Bench:
    """A repository without hooks, and a stand-in for speckit on PATH."""
    return Bench(sandbox)


@pytest.fixture(scope="session")
def hook_repository(tmp_path_factory: pytest.TempPathFactory) -> HookRepository:
    """This checkout as frameworks install it: made once, and its environments with it."""
    return HookRepository(tmp_path_factory.mktemp("hooks"))
