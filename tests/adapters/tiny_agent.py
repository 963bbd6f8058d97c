"""The smallest agent that is a command: the standard library, MCP over stdio, OpenAI's chat completions.

    python -I tiny_agent.py MCP_CONFIG MODEL_BASE_URL PROMPT [VICE]

A vice is what it does wrong at its end: `leaves-server` or `leaves-process`.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path


class Server:
    """One MCP server as our child, spoken to line by line."""

    def __init__(self, entry: dict) -> None:
        command = [entry["command"], *entry["args"]]
        self.process = subprocess.Popen(
            command, env=entry["env"], cwd=entry["cwd"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.numbers = itertools.count(1)
        info = {"name": "tiny", "version": "1"}
        self.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info})
        self.send({"method": "notifications/initialized"})

    def send(self, message: dict) -> None:
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def request(self, method: str, params: dict) -> dict:
        number = next(self.numbers)
        self.send({"id": number, "method": method, "params": params})
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer.get("id") == number:
                return answer["result"]
        raise SystemExit("the server has ended")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def converse(base_url: str, prompt: str, servers: list[Server]) -> str:
    """Make the calls that the model asks for until it answers with a text."""
    tools = {tool["name"]: (server, tool) for server in servers for tool in server.request("tools/list", {})["tools"]}
    offered = [
        {
            "type": "function",
            "function": {"name": name, "description": tool["description"], "parameters": tool["inputSchema"]},
        }
        for name, (_, tool) in tools.items()
    ]
    messages = [{"role": "user", "content": prompt}]
    while True:
        body = json.dumps({"model": "tiny", "messages": messages, "tools": offered}).encode()
        request = urllib.request.Request(f"{base_url}/chat/completions", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as response:
            message = json.load(response)["choices"][0]["message"]
        messages.append(message)
        if not message.get("tool_calls"):
            return message["content"]
        for call in message["tool_calls"]:
            server, _ = tools[call["function"]["name"]]
            arguments = json.loads(call["function"]["arguments"])
            result = server.request("tools/call", {"name": call["function"]["name"], "arguments": arguments})
            text = "".join(block["text"] for block in result["content"])
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": text})


def main(config: str, base_url: str, prompt: str, vice: str = "") -> None:
    entries = json.loads(Path(config).read_text())["mcpServers"]
    servers = [Server(entry) for entry in entries.values()]
    print(converse(base_url, prompt, servers))
    if vice == "leaves-server" and os.fork() == 0:
        os.setsid()
        signal.pause()  # holds the server's input open, so that it does not learn of our end
    if vice == "leaves-process":
        subprocess.Popen(["sleep", "600"], start_new_session=True)
    if vice != "leaves-server":
        for server in servers:
            server.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
