"""Real stdio servers behind a bridge: started by the bridge itself, or, where they are private, on the lab's word."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import textwrap
from pathlib import Path

from matrix.lab.servers.preforking import preforking
from matrix.lab.servers.spec import ServerSpec
from matrix.lab.trace import Trace
from matrix.model import STATEFUL, Transport
from matrix.sources import StdioServer
from tests.lab.bench import HANG, Attached, alive, python

LINE = "x" * 2_000_000
SERVER = """
import json, os, sys
print("ready", os.getpid(), file=sys.stderr, flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "exit":
        sys.exit(message["code"])
    if message["method"] == "die":
        os.kill(os.getpid(), message["signal"])
    print(json.dumps({"id": message["id"], "result": message}), flush=True)
print("seen the end", file=sys.stderr, flush=True)
"""
"""A server that answers with what it was asked, tells its process id, and ends on request, or with its stdin."""
DEAF = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", os.getpid(), file=sys.stderr, flush=True)
while True:
    signal.pause()
"""
"""A server that ends neither with its stdin nor when it is asked to."""


@contextlib.asynccontextmanager
async def child(lab, folder, *argv, key="c0", prefork=None):
    """Attach a real stdio server of this command line."""
    trace = Trace()
    server = StdioServer(tuple(argv or python(SERVER)), {"KEPT": "yes"}, Path(folder), prefork=prefork)
    entries = await lab.call(lab.open(key, trace, [ServerSpec("child", server)], Transport.STDIO, STATEFUL))
    try:
        yield Attached(lab, trace, entries)
    finally:
        await lab.call(lab.close(key))


async def child_pid(line):
    """Read the first line of stderr, which tells the process id of the child."""
    ready = await asyncio.wait_for(line.process.stderr.readline(), HANG)
    return int(ready.split()[1])


async def ends(pid):
    """Whether a process that is not ours to wait for ends."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, gone.set)
    try:
        await asyncio.wait_for(gone.wait(), HANG)
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return not alive(pid)


@contextlib.asynccontextmanager
async def forked(lab, folder, *argv):
    """Attach the same server, forked by a process that has imported its program."""
    program = Path(folder) / "program.py"
    source = argv[-1] if argv else SERVER
    program.write_text(f"#!{sys.executable}\nif __name__ == '__main__':\n{textwrap.indent(source, '    ')}")
    program.chmod(0o755)
    with preforking({"child": program}, Path(folder)) as preforked:
        await listening(preforked["child"])
        async with child(lab, folder, str(program), prefork=preforked["child"]) as attached:
            yield attached


async def listening(path):
    """Wait until somebody listens on a socket."""
    async with asyncio.timeout(HANG):
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as trying:
                trying.connect(str(path))
                return
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def private(lab, folder, *argv, tools=None):
    """Attach a stdio server that the lab has started for itself."""
    trace = Trace()
    env = {"PATH": os.environ["PATH"], "KEPT": "yes"}
    server = StdioServer(tuple(argv or python(SERVER)), env, Path(folder), private=True, tools=tools)
    entries = await lab.call(lab.open("c0", trace, [ServerSpec("child", server)], Transport.STDIO, STATEFUL))
    try:
        yield Attached(lab, trace, entries)
    finally:
        await lab.call(lab.close("c0"))
