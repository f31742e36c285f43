"""An MCP server for the tests, as its own process: `python mcp_server.py BEHAVIOUR`."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

KEY = os.environ.get("HAL_SECRET_KAVEDARR_API_KEY", "")
TOOLS = ("health", "list_movies", "indexer_test", "graphql_ping")
GOOD = {
    "health": {"status": "ok"},
    "list_movies": [{"id": 1}],
    "indexer_test": {"success": True},
    "graphql_ping": {"data": {"__typename": "Query"}},
}


def library() -> None:
    """A sound server, by the library. Its health tells the names of the variables it sees."""
    try:
        from mcp.server.mcpserver import MCPServer
    except ImportError:  # before version 2
        from mcp.server.fastmcp import FastMCP as MCPServer

    server = MCPServer("hal")

    @server.tool()
    def health() -> dict[str, Any]:
        return {"status": "ok", "seen": sorted(os.environ), "key": KEY}

    @server.tool()
    def list_movies() -> list[dict[str, Any]]:
        return [{"id": 1, "title": "A"}, {"id": 2, "title": "B"}]

    @server.tool()
    def indexer_test() -> str:
        return json.dumps({"success": True})

    @server.tool()
    def graphql_ping() -> dict[str, Any]:
        raise ValueError(f"no schema, and the key is {KEY}")

    server.run("stdio")


def say(number: object, **answer: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", "id": number, **answer}), flush=True)


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": content}], **more}


def by_hand(behaviour: str) -> None:
    """A server that speaks the protocol line by line, and misbehaves at the tools."""
    print("\x1b[2Jwelcome, the key is " + KEY, file=sys.stderr, flush=True)
    if behaviour == "chatty":
        print("\x1b[31mnot a message, the key is " + KEY, flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        number, method = message.get("id"), message.get("method")
        if method == "initialize":
            if behaviour == "mute":
                continue
            version = message["params"]["protocolVersion"]
            info = {"name": "hal", "version": "1"}
            say(number, result={"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
        elif method == "tools/list":
            names = () if behaviour == "toolless" else TOOLS
            say(number, result={"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names]})
        elif method == "tools/call":
            answer(number, message["params"]["name"], behaviour)


def answer(number: object, tool: str, behaviour: str) -> None:
    if behaviour == "hangs":
        time.sleep(60)
    elif behaviour == "dies":
        sys.exit(3)
    elif behaviour == "garbage":
        say(number, result=text("\x1b[2Jpong " + KEY))
    elif behaviour == "huge":
        say(number, result=text("[" + "1," * 1_000_000 + "1]"))
    elif behaviour == "malformed":
        say(number, result={"content": "no list"})
    elif behaviour == "refuses":
        say(number, error={"code": -32000, "message": "no: " + KEY})
    elif behaviour == "complains":
        say(number, result=text(json.dumps(GOOD[tool]), isError=True))
    else:
        say(number, result=text(json.dumps(GOOD[tool])))


if __name__ == "__main__":
    library() if sys.argv[1] == "library" else by_hand(sys.argv[1])
