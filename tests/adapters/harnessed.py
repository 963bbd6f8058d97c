"""Agents for the tests of the harness; a module of the standard library, as an owner's may be."""

import asyncio
import json
import os
import sys
import threading
import time
import urllib.request
from pathlib import Path

print("said while it is imported")

COUNTS = {"calls": 0}
TOGETHER = threading.Barrier(2)


def begun():
    """Tell the test that a run has begun."""
    Path(os.environ["BEGUN"]).write_text("begun")


async def echo(task):
    print("said by the agent")
    os.write(1, b"written to its standard output\n")
    sys.stderr.write("a word to standard error\n")
    return task.prompt


def sync(task):
    return f"{task.prompt} in {'a thread' if threading.current_thread() is not threading.main_thread() else 'the loop'}"


def meeting(task):
    """Return only once two of its runs are under way."""
    TOGETHER.wait(60)
    return "met"


async def remembering(task):
    seen = task.history or Seen()
    seen.prompts.append(task.prompt)
    return " ".join(seen.prompts), seen


class Seen:
    """What no JSON can hold."""

    def __init__(self):
        self.prompts = []


async def waiting(task):
    """Wait until it is cancelled, and say so."""
    begun()
    try:
        await asyncio.Event().wait()
    finally:
        print("was cancelled", file=sys.stderr)


async def raising(task):
    raise ValueError(f"no {task.prompt}")


async def lacking(task):
    return os.environ["SHOP_TOKEN"]


async def leaving(task):
    sys.exit(3)


async def dying(task):
    if task.prompt == "die":
        print("the last words", file=sys.stderr)
        os._exit(7)
    return task.prompt


async def blocking(task):
    if task.prompt == "block":
        begun()
        time.sleep(600)  # noqa: ASYNC251  (that is its vice)
    await asyncio.Event().wait()


async def shouting(task):
    """Write to every descriptor that it finds: the protocol's is among them."""
    for number in range(3, 64):
        try:
            os.write(number, b"no message\n")
        except OSError:
            continue
    await asyncio.Event().wait()


async def environment(task):
    return json.dumps({"env": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv[1:], "path": sys.path})  # noqa: PTH109


def create(mcp_servers):
    """Return an agent that was handed its servers."""

    class Handed:
        closed = False

        async def __call__(self, task):
            return f"{sorted(mcp_servers)} {'closed' if self.closed else 'open'}"

        async def aclose(self):
            self.closed = True

    return Handed()


def broken_factory():
    raise RuntimeError("no database")


def of_its_model(task):
    """Ask the model over HTTP, with the standard library alone."""
    body = json.dumps({"model": task.model.name, "messages": [{"role": "user", "content": task.prompt}]}).encode()
    request = urllib.request.Request(f"{task.model.base_url}/chat/completions", body)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]


no_agent = 7
