"""Somebody who calls agents and can be killed: `caller.py ROOT MODE SECONDS TIMEOUT NAME…`, a process of its own."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from guardrails.agents import call_all
from tests.agents.calling import agent, call, world

root, mode, seconds, timeout = Path(sys.argv[1]), *sys.argv[2:5]
print("ready", os.getpid(), flush=True)
asked = [call(root, agent(root, mode, seconds, timeout=float(timeout), name=name)) for name in sys.argv[5:]]
for done in call_all(world(root), asked):
    print("done", done.exit_code, done.problem, flush=True)
