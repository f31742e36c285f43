"""An agent for tests: `agent.py MODE LEDGER [SECONDS [once]]`. The ledger says when it started, or began to vote, and
when it had answered.

It waits before it answers; with `once` only at the first call of its ledger. Asked for its ballot, it agrees with every
statement, in whatever way its mode says it.
"""

import json
import os
import re
import signal
import sys
import time

MODE, LEDGER = sys.argv[1], sys.argv[2]
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
PROMPT = os.read(0, 1 << 16)  # a ballot is short; what is longer is left unread, as some agents do
STATEMENTS = re.findall(rb"^(s[0-9]+): ", PROMPT, re.MULTILINE)
ANSWER = {
    "work": ["one"],
    "decision": {"proceed": True, "because": "it can be done"},
    "consensus": {"agreements": ["all"], "conflicts": []},
}
if STATEMENTS:
    ANSWER = {"ballot": [{"id": each.decode(), "vote": "agree", "because": ""} for each in STATEMENTS]}


def note(word: str) -> None:
    handle = os.open(LEDGER, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{word} {os.getpid()}\n".encode())
    os.close(handle)


def child(seconds: int, session: bool = False) -> None:
    """Start a process that outlives this one, and note it."""
    import subprocess  # most modes start none, and agents are started by the thousand

    code = f"import time; time.sleep({seconds})"
    made = subprocess.Popen([sys.executable, "-S", "-c", code], start_new_session=session)
    note(f"child {made.pid}")


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def called_before() -> bool:
    return sys.argv[4:] == ["once"] and os.path.exists(LEDGER)


wait = not called_before()
note("voting" if STATEMENTS else "started")
time.sleep(SECONDS if wait else 0)
code = 0
if MODE == "answer":
    say(json.dumps(ANSWER))
elif MODE == "echo":
    data = PROMPT + sys.stdin.buffer.read()
    say(json.dumps({"bytes": len(data), "nul": data.count(b"\0"), "lines": data.count(b"\n"), "argv": sys.argv[3:]}))
elif MODE == "environment":
    say(json.dumps({"names": sorted(os.environ), "here": os.getcwd(), "group": os.getpgrp() == os.getpid()}))
elif MODE == "signals":
    kept = [signal.getsignal(number) == signal.SIG_DFL for number in (signal.SIGINT, signal.SIGTERM)]
    with open("/proc/self/status") as stream:
        ignored = next(line.split()[1] for line in stream if line.startswith("SigIgn"))
    say(json.dumps({"kept": kept, "open": sorted(os.listdir("/proc/self/fd")), "ignored": ignored}))
elif MODE == "file":
    with open(sys.argv[-1], "w") as stream:
        json.dump(ANSWER, stream)
    say("I have written the file.")
elif MODE == "prompt-file":
    with open(sys.argv[-1]) as stream:
        say(json.dumps({"prompt": stream.read()}))
elif MODE == "ansi":
    say("\x1b[2J\x1b[1;32mThinking\x1b[0m\r\n" + json.dumps(ANSWER).replace(":", ":\x1b[33m", 1) + "\x1b[0m\n")
elif MODE == "prose":
    say(f"Let me see.\n\n```json\n{json.dumps(ANSWER, indent=2)}\n```\nIs that all right?")
elif MODE == "garbage":
    sys.stdout.buffer.write(bytes(range(256)) * 100)
elif MODE == "large":
    say(json.dumps(ANSWER | {"text": "x" * 5_000_000}))
elif MODE == "endless":
    while True:
        say("x" * 1_000_000)
elif MODE == "remarks":
    for _ in range(20):
        sys.stderr.write("y" * 1_000_000)
        sys.stderr.flush()
        time.sleep(0.05)
    sys.stderr.write("the last remark")
    say(json.dumps(ANSWER))
elif MODE == "fail":
    sys.stderr.write("no quota left")
    say(json.dumps(ANSWER))
    code = 7
elif MODE == "crash":
    say(json.dumps(ANSWER))
    note("answered")
    os.kill(os.getpid(), signal.SIGSEGV)
elif MODE == "hang":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child(600)
    time.sleep(600)
elif MODE == "leave":  # a child that holds the output and outlives its parent
    child(600)
    say(json.dumps(ANSWER))
elif MODE == "family":  # nobody of it heeds a polite end
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child(600)
    sys.stderr.write("waiting for the model\n")
    sys.stderr.flush()
    time.sleep(600)
elif MODE == "daemon":  # a process in a session of its own that holds the output
    child(60, session=True)
    say(json.dumps(ANSWER))
elif MODE == "close":  # is done with its output long before it ends
    say(json.dumps(ANSWER))
    os.close(1)
    time.sleep(0.5)
    os._exit(0)
elif MODE == "flood":
    for _ in range(500):
        say("x" * 1_000_000)
elif MODE == "envelope":  # as claude wraps its answer
    used = {"input_tokens": 100, "cache_read_input_tokens": 900, "output_tokens": 50}
    said = {"type": "result", "subtype": "success", "result": json.dumps(ANSWER), "usage": used}
    say(json.dumps(said | {"total_cost_usd": 0.01, "modelUsage": {"m1": {"outputTokens": 50}}}))
elif MODE == "silent":
    pass
elif MODE == "blurt":
    sys.stderr.write("one\r\ntwo\x1b[31m three\x07\n" + os.environ.get("MY_API_KEY", "") + " is refused\n\n")
    code = 9
note("answered")
sys.exit(code)
