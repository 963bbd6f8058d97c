"""A stdio server as a config store may hold one: tells its token, adds, and deletes, which it writes down.

Standard library only, so that it is there at once; it speaks the revisions with a handshake.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

TOKEN = os.environ.get("STORE_TOKEN", "none")
STRING, NUMBER = {"type": "string"}, {"type": "integer"}
TOOLS = {
    "whoami": ("Tell the token that this server was given.", {}),
    "add": ("Add two numbers.", {"a": NUMBER, "b": NUMBER}),
    "delete": ("Delete what has this name.", {"name": STRING}),
}


def call(name: str, given: dict[str, Any]) -> str:
    """Do what a tool does."""
    if name == "whoami":
        return f"the token is {TOKEN!r}"
    if name == "add":
        return str(given["a"] + given["b"])
    with Path(os.environ["STORE_FILE"]).open("a", encoding="utf-8") as file:
        file.write(f"{given}\n")
    return "deleted"


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Answer a request; whatever this server does not know is no method."""
    if method == "initialize":
        version = params["protocolVersion"]
        info = {"name": "store", "version": "1"}
        return {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}}
    if method == "tools/list":
        return {"result": {"tools": [tool(name, *each) for name, each in TOOLS.items()]}}
    if method == "tools/call":
        text = call(params["name"], params.get("arguments") or {})
        return {"result": {"content": [{"type": "text", "text": text}], "isError": False}}
    return {"error": {"code": -32601, "message": "Method not found"}}


def tool(name: str, description: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return a tool as it is listed."""
    schema = {"type": "object", "properties": properties, "required": sorted(properties)}
    return {"name": name, "description": description, "inputSchema": schema}


print("serving with", TOKEN, file=sys.stderr, flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message and "method" in message:
        sent = answer(message["method"], message.get("params") or {})
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **sent}), flush=True)
