from __future__ import annotations

import pytest

from tests.hooks.bench import Bench
from tests.sandbox import Sandbox


@pytest.fixture
def bench(sandbox: Sandbox) -> Bench:
    """A repository without hooks, and a stand-in for speckit on PATH."""
    return Bench(sandbox)
