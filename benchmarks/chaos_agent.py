"""An agent that notes when it begins and when it has answered: `chaos_agent.py NAME PAUSE`. $CHAOS_LEDGER is where it
notes. Run as a script, with nothing imported that it can do without."""

import os
import sys
import time


def main() -> None:
    name, pause = sys.argv[1], float(sys.argv[2])
    prompt = sys.stdin.buffer.read()
    stage = next(line[7:] for line in prompt.split(b"\n") if line.startswith(b"Stage: ")).decode()
    _note(f"began {name} {stage}")
    time.sleep(pause)
    answer = b'{"stage": "%b", "consensus": {"agreements": ["it can be done"], "conflicts": []}}\n' % stage.encode()
    os.write(1, answer)
    _note(f"answered {name} {stage}")


def _note(line: str) -> None:
    ledger = os.environ.get("CHAOS_LEDGER")
    if ledger:
        handle = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, (line + "\n").encode())
        os.close(handle)


if __name__ == "__main__":
    main()
