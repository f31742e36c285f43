"""What is done where the system offers less than Linux does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.pages import ROOT

WITHOUT = """
import os, signal, subprocess, sys, threading
sys.path.insert(0, {root!r})
for name in {names!r}.split():
    if hasattr(os, name):
        delattr(os, name)
"""
WINDOWS = "O_NOFOLLOW O_NONBLOCK O_CLOEXEC fork waitid killpg pidfd_open setsid WNOHANG execve"


def python(code: str, names: str) -> str:
    code = WITHOUT.format(root=str(ROOT), names=names) + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_that_windows_lacks_is_needed_to_be_imported() -> None:
    code = (
        "import guardrails.git.repo\n"
        "sys.platform = 'win32'; sys.modules['fcntl'] = None; del signal.SIGKILL\n"
        "import guardrails.agents.calls, guardrails.agents.supervisor\n"
        "print('imported')"
    )
    assert python(code, WINDOWS) == "imported"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such processes")
@pytest.mark.parametrize(("ending", "seen"), [("os._exit(7)", "(7, None)"), ("os.kill(os.getpid(), 9)", "(None, 9)")])
@pytest.mark.parametrize("names", ["pidfd_open", "pidfd_open waitid"], ids=["older Linux", "macOS"])
def test_a_child_that_ended_is_seen_without_the_calls_of_newer_systems(names: str, ending: str, seen: str) -> None:
    code = (
        "import time\n"
        "from guardrails.agents.process import child_status, ends_within, fork\n"
        "def work():\n"
        "    time.sleep(0.3)\n"
        f"    {ending}\n"
        "pid = fork('child', work)\n"
        "print(ends_within(pid, 0.01), ends_within(pid, 30), child_status(pid), child_status(pid))"
    )
    assert python(code, names) == f"False True {seen} {seen}"
