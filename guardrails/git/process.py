"""Talking to a running process: all it says, and what it is fed, without either side waiting for the other."""

import subprocess
import threading
from contextlib import suppress
from typing import IO

WIDE = 1 << 20
"""Bytes that a pipe may hold where the system lets anybody have so many."""


def read_all(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """Both outputs of a process to its end; somebody else feeds it. Megabytes come in one read: `communicate` takes
    them in bites."""
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[bytes] = []
    listening = threading.Thread(target=lambda stream: said.append(stream.read()), args=(process.stderr,), daemon=True)
    listening.start()
    out = process.stdout.read()
    listening.join()
    process.stdout.close()
    process.stderr.close()
    process.wait()
    return out, said[0] if said else b""


def feed(process: subprocess.Popen[bytes], request: bytes) -> None:
    """Write and close; a process that stopped reading is no error here."""
    assert process.stdin is not None
    try:
        process.stdin.write(request)
        process.stdin.close()
    except (BrokenPipeError, ValueError):
        pass  # the reader stopped early and closed the process


def widen(stream: IO[bytes]) -> None:
    """Let the writer of a pipe get ahead of its reader, as far as this system allows."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, WIDE)
