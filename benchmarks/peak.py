"""Run one command and print its exit code and peak memory in bytes, as JSON. Started as a script, with nothing imported
that it can do without: what it holds itself is charged to the command.

`largest` is what the system reports for the largest process of the command (wait4). A command may use several
processes at once: `together` adds up the peaks of those that live at the same time, looked up in /proc while they run.
"""

import json
import os
import sys
import time

PAUSE = 0.001
"""Seconds between two looks."""


def main() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    streams = [(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)]
    child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=streams)
    together, done = 0, 0
    while not done:
        together = max(together, sum(map(_high_water, _family(child))))
        time.sleep(PAUSE)
        done, status, usage = os.wait4(child, os.WNOHANG)
    largest = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    code = os.waitstatus_to_exitcode(status)
    print(json.dumps({"code": code, "largest": largest, "together": together and max(together, largest)}))


def _family(process: int) -> list[int]:
    """A process and all below it that live now."""
    found = [process]
    for each in found:
        try:
            for thread in os.listdir(f"/proc/{each}/task"):
                with open(f"/proc/{each}/task/{thread}/children") as stream:
                    found += map(int, stream.read().split())
        except OSError:
            continue  # it has ended, or this is not Linux
    return found


def _high_water(process: int) -> int:
    """The most bytes that a process held in memory so far; 0 when it has ended."""
    try:
        with open(f"/proc/{process}/status") as stream:
            return next((int(line.split()[1]) * 1024 for line in stream if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0


if __name__ == "__main__":
    main()
