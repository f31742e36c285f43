"""A real Postgres server of the test's own: Debian's programs, a directory of its own, a user that is not root."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_NOBODY = "nobody"

PASSWORD = "se%40cret"  # apart from the address: as one they would look like somebody's password


def programs() -> str:
    """The directory of initdb and postgres. Skips the test where they are not installed."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda each: int(each.split("/")[4]))
    if found:
        return os.path.dirname(found[-1])
    there = shutil.which("initdb")
    if there is None:
        pytest.skip("Postgres is not installed")
    return os.path.dirname(os.path.realpath(there))


@contextmanager
def server() -> Iterator[str]:
    """The address of a database on a server that lives as long as the block."""
    place, folder = programs(), tempfile.mkdtemp(prefix="speckit-postgres-")
    data = os.path.join(folder, "data")
    if os.geteuid() == 0:
        os.chmod(folder, 0o755)
        os.chown(folder, pwd.getpwnam(_NOBODY).pw_uid, -1)
    try:
        _run(f"{place}/initdb", "-D", data, "-U", "speckit", "--auth=trust", "--no-sync", "-E", "UTF8")
        port = _free_port()
        process = subprocess.Popen(
            _as_nobody(f"{place}/postgres", "-D", data, "-p", str(port), "-k", folder, "-c", "fsync=off"),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _run(f"{place}/pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "20", tries=60)
            _run(f"{place}/createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "speckit", "runs")
            yield f"postgresql://speckit:{PASSWORD}@127.0.0.1:{port}/runs"
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_nobody(*command: str) -> list[str]:
    """Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", "--reuid", _NOBODY, "--regid", "nogroup", "--clear-groups", *command]


def _run(*command: str, tries: int = 1) -> None:
    import time

    for left in range(tries, 0, -1):
        done = subprocess.run(_as_nobody(*command), cwd="/", capture_output=True, check=False)
        if done.returncode == 0:
            return
        if left > 1:
            time.sleep(0.25)
    raise AssertionError(f"{command[0]}: {done.stderr.decode()} {done.stdout.decode()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
