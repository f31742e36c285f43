"""A repository whose hooks call a stand-in that writes down how it was called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.sandbox import Ran, Sandbox

HOOKS = Path(__file__).parent.parent.parent / "hooks"
STAND_IN = """#!/bin/sh
if [ "$1" != guard ]; then
    exec "{python}" -c 'import sys; sys.argv[0] = "{self}"; from guardrails.cli.main import main; main()' "$@"
fi
{{ printf 'called'; for word in "$@"; do printf ' <%s>' "$word"; done; printf '\\n'; }} >> {log}
case "$*" in *pre-push*) sed 's/^/ref /' >> {log};; esac
exit {code}
"""


class Bench:
    """A repository, and a stand-in for speckit on PATH: it notes calls of `guard`, and is real for all else."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.log = sandbox.root.parent / "log"
        self.bin = sandbox.root.parent / "bin"
        self.bin.mkdir()
        self.answer(0)
        sandbox.environment["PATH"] = f"{self.bin}:{sandbox.environment['PATH']}"
        self.directory = sandbox.root / ".git" / "hooks"

    def shipped(self) -> Bench:
        """With the shipped hooks as they stand."""
        for name in ("pre-commit", "pre-push", "commit-msg"):
            self.put(name, (HOOKS / name).read_text(encoding="utf-8"))
        return self

    def answer(self, code: int) -> None:
        """From now on speckit exits with `code`."""
        path = self.bin / "speckit"
        self.write(path, STAND_IN.format(python=sys.executable, self=path, log=self.log, code=code))

    def put(self, name: str, text: str) -> None:
        self.write(self.directory / name, text)

    @staticmethod
    def write(path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    @property
    def lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []

    def speckit(self, *arguments: str) -> Ran:
        """Run the stand-in, so that what it installs calls it again."""
        sandbox = self.sandbox
        command = [str(self.bin / "speckit"), *arguments]
        return Ran(subprocess.run(command, cwd=sandbox.root, env=sandbox.environment, capture_output=True))

    def commit(self, *arguments: str) -> Ran:
        return self.sandbox.git("commit", "-q", "--allow-empty", "-m", "x", *arguments, check=False)

    def remote(self) -> None:
        """Two branches and a bare repository to push them to."""
        self.sandbox.commit()
        self.sandbox.git("branch", "other")
        self.sandbox.git("init", "-q", "--bare", "../remote")
        self.sandbox.git("remote", "add", "origin", "../remote")

    def push(self, *arguments: str) -> Ran:
        return self.sandbox.git("push", "-q", "origin", *arguments, check=False)
