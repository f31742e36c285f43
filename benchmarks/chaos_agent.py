"""An agent that notes when it begins and when it has answered: `chaos_agent.py NAME PAUSE`. $CHAOS_LEDGER is where it
notes. Run as a script, with nothing imported that it can do without."""

import os
import re
import sys
import time


def main() -> None:
    name, pause = sys.argv[1], float(sys.argv[2])
    prompt = sys.stdin.buffer.read()
    stage = next(line[7:] for line in prompt.split(b"\n") if line.startswith(b"Stage: ")).decode()
    statements = re.findall(rb"^(s[0-9]+): ", prompt, re.MULTILINE)
    what = f"{stage} ballot" if statements else stage
    _note(f"began {name} {what}")
    time.sleep(pause)
    os.write(1, _ballot(statements) if statements else _ANSWER % stage.encode())
    _note(f"answered {name} {what}")


_ANSWER = b"""{"stage": "%b", "decision": {"proceed": true, "because": "it can be done"},
 "consensus": {"agreements": [{"text": "it can be done", "kind": "decision"}], "conflicts": []}}
"""


def _ballot(statements: list[bytes]) -> bytes:
    votes = (b'{"id": "%b", "vote": "agree", "because": ""}' % each for each in statements)
    return b'{"ballot": [%b]}\n' % b", ".join(votes)


def _note(line: str) -> None:
    ledger = os.environ.get("CHAOS_LEDGER")
    if ledger:
        handle = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, (line + "\n").encode())
        os.close(handle)


if __name__ == "__main__":
    main()
