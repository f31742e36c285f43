"""Hook frameworks in front of real checks: the checkout as a hook repository, and a project that uses it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox import Ran, Sandbox, clean_environment

CHECKOUT = Path(__file__).parent.parent.parent


def require(program: str) -> None:
    """Skip the test where a framework is not installed."""
    if not shutil.which(program, path=search_path()):
        pytest.skip(f"{program} is not installed")


def search_path() -> str:
    return os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]


def run(sandbox: Sandbox, *command: str) -> Ran:
    """A command at the root of the sandbox."""
    done = subprocess.run(
        command, cwd=sandbox.root, env=sandbox.environment, capture_output=True, timeout=600, stdin=subprocess.DEVNULL
    )
    return Ran(done)


class HookRepository:
    """This checkout as it stands, uncommitted changes too, committed into a repository of its own."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "speckit"
        home = directory / "home"
        home.mkdir(parents=True)
        self.environment = clean_environment(home)
        for name in self._files():
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target)
        self._git("init", "-q", "-b", "main")
        self._git("add", "-A")
        self._git("commit", "-q", "-m", "checkout")
        self.revision = self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, env=self.environment, check=True, capture_output=True)
        return done.stdout.decode()

    @staticmethod
    def _files() -> list[str]:
        """What git has or would take; everything but caches where the checkout is not a repository (an sdist)."""
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True)
        names = listed.stdout.decode().split("\0")[:-1]
        if listed.returncode or not names:
            found = (path for path in CHECKOUT.rglob("*") if "__pycache__" not in path.parts)
            names = [str(path.relative_to(CHECKOUT)) for path in found]
        return [name for name in names if (CHECKOUT / name).is_file()]

    def configuration(self, *hooks: str) -> str:
        """A `.pre-commit-config.yaml` that uses these hooks at this revision."""
        items = "".join(f"  - id: {hook}\n" for hook in hooks)
        return (
            "default_install_hook_types: [pre-commit, pre-push]\n"
            f"repos:\n- repo: {self.root}\n  rev: {self.revision}\n  hooks:\n{items}"
        )
