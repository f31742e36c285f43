from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.examples import examples
from tests.sandbox import Sandbox

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None, max_examples=examples(100))
settings.load_profile("untimed")

CORPUS = Path(__file__).parent.parent.parent / "shared" / "corpus"


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """An empty repository with no commit."""
    home, root = tmp_path / "home", tmp_path / "repo"
    home.mkdir()
    root.mkdir()
    made = Sandbox(root, home)
    made.git("init", "-q", "-b", "main")
    return made


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real evidence kept beside the checkout; not part of the project."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real evidence is not beside this checkout")
    return CORPUS
