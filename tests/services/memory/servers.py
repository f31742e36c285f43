"""MCP memory servers as processes: a sound one made with the MCP library, and one by hand that misbehaves on request.

    python servers.py sound FILE
    python servers.py MODE FILE

FILE takes one line of JSON for each call of `store_memory`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any


def sound(file: str) -> None:
    """Made with the library, as most servers are."""
    try:
        from mcp.server.mcpserver import MCPServer
    except ImportError:  # as it was called before version 2
        from mcp.server.fastmcp import FastMCP as MCPServer  # type: ignore[import-not-found,no-redef]
    server = MCPServer("memory")

    @server.tool()
    def store_memory(content: str, tags: list[str], importance: int, source: str = "") -> dict[str, Any]:
        record(file, {"content": content, "tags": tags, "importance": importance, "source": source})
        return {"success": True}

    @server.tool()
    def search(query: str, tags: list[str], limit: int) -> list[dict[str, Any]]:
        rows = [row for row in recorded(file) if set(tags) <= set(row["tags"])]
        return [{"memory": row, "relevance": 1.0} for row in rows][:limit]

    server.run("stdio")


def record(file: str, row: dict[str, Any]) -> None:
    with open(file, "a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


def recorded(file: str) -> list[dict[str, Any]]:
    """What a server was told, in order."""
    if not os.path.exists(file):
        return []
    with open(file, encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


TOOLS = {
    "store_memory": {"content": {"type": "string"}, "tags": {"type": "array"}, "importance": {"type": "integer"}},
    "search": {"query": {"type": "string"}},
}


def by_hand(mode: str, file: str) -> None:
    """One that misbehaves. What it says on standard error must never be seen by a user."""
    print("\x1b[31mTraceback: secret noise\x1b[0m", file=sys.stderr)
    begin(mode)
    for line in sys.stdin:
        message = json.loads(line)
        if mode == "garbage between":
            say('}{ \x07 "jsonrpc"')
            say(json.dumps({"jsonrpc": "2.0", "id": "nobody asked", "result": {}}))
        if "id" in message:
            answer = respond(mode, file, message)
            if answer is not None:
                say(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}))
    if mode == "stubborn":
        time.sleep(600)


def begin(mode: str) -> None:
    """What goes wrong before the first message."""
    if mode == "crash at start":
        sys.exit(7)
    if mode == "hang at start":
        time.sleep(600)
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while mode == "garbage only":
        say("no JSON at all \x1b[2J \udcff" * 10)
        time.sleep(0.001)


def say(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
    sys.stdout.buffer.flush()


def respond(mode: str, file: str, message: dict[str, Any]) -> dict[str, Any] | None:
    if message["method"] == "initialize":
        version = message["params"]["protocolVersion"]
        info = {"name": "by hand", "version": "1"}
        return {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}}
    if message["method"] == "tools/list":
        return {"result": {"tools": list(map(tool, TOOLS if mode != "no tools" else ())) + wanting(mode)}}
    return called(mode, file, message["params"])


def tool(name: str) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object", "properties": TOOLS[name]}}


def wanting(mode: str) -> list[dict[str, Any]]:
    """A tool that cannot be called with what is known."""
    if mode != "wants more":
        return []
    return [{"name": "store_memory", "inputSchema": {"type": "object", "required": ["content", "mood"]}}]


def called(mode: str, file: str, params: dict[str, Any]) -> dict[str, Any] | None:
    if mode in ("hang", "stubborn"):
        return None if mode == "hang" else result("done")
    if mode == "hang at the third" and len(recorded(file)) == 2:
        return None
    if mode == "crash":
        os._exit(9)
    if mode.startswith("error: "):
        return {"result": {"content": [{"type": "text", "text": mode.removeprefix("error: ")}], "isError": True}}
    if mode == "error of the protocol":
        return {"error": {"code": -32000, "message": "\x1b[31mno"}}
    if mode == "says it failed":
        return result('{"success": false, "reason": "full"}')
    if mode == "wrong form":
        return {"result": {"content": "not a list"}}
    if params["name"] == "search":
        return result(mode.removeprefix("answers ") if mode.startswith("answers ") else "")
    record(file, params["arguments"])
    return result("x" * 5_000_000 if mode == "talkative" else "stored")


def result(text: str) -> dict[str, Any]:
    return {"result": {"content": [{"type": "text", "text": text}]}}


if __name__ == "__main__":
    (sound if sys.argv[1] == "sound" else lambda file: by_hand(sys.argv[1], file))(sys.argv[2])
