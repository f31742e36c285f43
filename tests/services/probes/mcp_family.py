"""MCP servers that leave processes behind: `python mcp_family.py BEHAVIOUR FILE`, the child's number goes to FILE."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

CHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(120)"


def main(behaviour: str, file: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()  # it ignores SIGTERM by now
    with open(file, "w", encoding="utf-8") as stream:
        stream.write(str(child.pid))
    if behaviour == "crashes":
        sys.exit(3)
    if behaviour == "hangs":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(120)
    for line in sys.stdin:  # answers, and goes when its input ends
        message = json.loads(line)
        if message.get("method") == "initialize":
            version = message["params"]["protocolVersion"]
            info = {"name": "family", "version": "1"}
            result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        elif message.get("method") == "tools/list":
            result = {"tools": []}
        else:
            continue
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
