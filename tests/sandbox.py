"""A real git repository in a temporary directory, cut off from the user's configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests import forking

SPECKIT = [sys.executable, "-m", "guardrails"]
TIMEOUT = 120
"""Seconds after which a command is ended."""
EVIDENCE = "docs/SPEC-OPS-004-integrated-coder-hooks/evidence"


def clean_environment(home: Path, **extra: str) -> dict[str, str]:
    """The environment of a user with no git configuration and no hook around them, whose Python keeps bytecode."""
    dropped = ("GIT_", "PRE_COMMIT", "SPEC_OPS_", "SPECKIT_", "SPEC_KIT_", "HAL_", "PREK", "PYTHONDONTWRITE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    kept.update(
        HOME=str(home),
        XDG_CONFIG_HOME=str(home / ".config"),
        XDG_CACHE_HOME=str(home / ".cache"),
        GIT_CONFIG_NOSYSTEM="1",
        GIT_CONFIG_GLOBAL=str(home / ".gitconfig"),
        GIT_AUTHOR_NAME="Dev",
        GIT_AUTHOR_EMAIL="dev@example.invalid",
        GIT_COMMITTER_NAME="Dev",
        GIT_COMMITTER_EMAIL="dev@example.invalid",
        PATH=str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"],
        PYTHONPATH=str(Path(__file__).parent.parent),
        NO_COLOR="1",
    )
    kept.update(extra)
    return kept


@cache
def parent() -> forking.Parent:
    """The process that runs the commands of this session; it is started when it is first needed."""
    return forking.Parent()


class Ran:
    """A finished process: `code`, `out`, `err`, and `document` for `--format json`."""

    def __init__(self, process: subprocess.CompletedProcess[bytes]) -> None:
        self.code = process.returncode
        self.out = process.stdout.decode("utf-8")
        self.err = process.stderr.decode("utf-8", "replace")

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def rules(self) -> list[str]:
        """The rule codes of the findings, errors only."""
        return [finding["rule"] for finding in self.document["findings"] if finding["severity"] == "error"]

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


class Sandbox:
    """One repository. `root` is its working tree."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        self.environment = clean_environment(home)

    def git(self, *arguments: str, check: bool = True, **extra: str) -> Ran:
        ran = Ran(
            subprocess.run(["git", *arguments], cwd=self.root, env={**self.environment, **extra}, capture_output=True)
        )
        assert ran.code == 0 or not check, ran
        return ran

    def write(self, path: str, content: str | bytes | dict[str, Any] | list[Any]) -> Path:
        """Write a file (JSON for a dict or list), making its directories."""
        if isinstance(content, (dict, list)):
            content = json.dumps(content, indent=2) + "\n"
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return target

    def add(self, *paths: str) -> None:
        self.git("add", "-f", *(paths or ("-A",)))

    def commit(self, message: str = "change") -> str:
        """Stage everything, commit without hooks, and return the commit id."""
        self.git("add", "-A")
        self.git("commit", "-q", "--no-verify", "--allow-empty", "-m", message)
        return self._head()

    def _head(self) -> str:
        """The commit that was just made: git has written it to a file, mostly, and need not be started for it."""
        try:
            said = (self.root / ".git" / "HEAD").read_text().removeprefix("ref: ").strip()
            return said if len(said) in (40, 64) else (self.root / ".git" / said).read_text().strip()
        except OSError:
            return self.git("rev-parse", "HEAD").out.strip()

    def speckit(
        self, *arguments: str, cwd: Path | None = None, stdin: bytes = b"", process: bool = False, **extra: str
    ) -> Ran:
        """Run the command: in a child of a process that has it loaded, or with `process` in a Python of its own."""
        environment, place = {**self.environment, **extra}, str(cwd or self.root)
        if forking.possible and not process and parent().suits(environment):
            return Ran(parent().run(arguments, place, environment, stdin, TIMEOUT))
        return Ran(
            subprocess.run(
                [*SPECKIT, *arguments], cwd=place, env=environment, input=stdin, capture_output=True, timeout=TIMEOUT
            )
        )

    def judge(self, check: str, *arguments: str, **extra: str) -> Ran:
        """Run one check with `--format json`."""
        return self.speckit(*check.split(), "--format", "json", *arguments, **extra)
