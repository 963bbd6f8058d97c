"""Agents that are hostile to whoever runs them: they strike in the cells of one server, and are honest elsewhere."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

from matrix.adapters.control import Connection
from tests.saboteurs.honest import Honest

if TYPE_CHECKING:
    import mcp_types as types

STRUCK = "errors"
"""The stub in whose cells they strike."""
LEFT_BEHIND = "86399.25"
"""For how many seconds a child that is left behind would sleep; nothing else sleeps so long."""


class Hostile(Honest):
    """Strikes at the first call of a tool of the server."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        if server.name == STRUCK:
            await self.strike()
        return await super().call(server, tool, arguments)

    async def strike(self) -> None:
        """Do what the agent is hostile for."""


class Hangs(Hostile):
    """Waits for what never comes."""

    async def strike(self) -> None:
        await asyncio.Event().wait()


class RefusesToBeCancelled(Hostile):
    """Waits for what never comes, and does not let anybody end that."""

    async def strike(self) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue


class NeverYields(Hostile):
    """Keeps the event loop to itself."""

    async def strike(self) -> NoReturn:
        while True:
            time.sleep(0.1)  # noqa: ASYNC251  (the vice)


class EndsTheProcess(Hostile):
    """Ends the process that it runs in, at once."""

    async def strike(self) -> NoReturn:
        os._exit(7)


class Exits(Hostile):
    """Ends like a script."""

    async def strike(self) -> NoReturn:
        sys.exit("no more work")


class Interrupts(Hostile):
    """Raises what Ctrl-C raises."""

    async def strike(self) -> NoReturn:
        raise KeyboardInterrupt


class Unheard(BaseException):
    """No `Exception`."""


class RaisesNoException(Hostile):
    """Raises what `except Exception` does not catch."""

    async def strike(self) -> NoReturn:
        raise Unheard("nobody expects this")


class CancelsItself(Hostile):
    """Raises what a cancelled task raises, though nobody has cancelled it."""

    async def strike(self) -> NoReturn:
        raise asyncio.CancelledError


class Babbles(Hostile):
    """Writes to its standard streams what is no text, and what looks like somebody else's words."""

    async def strike(self) -> None:
        for descriptor in (1, 2):
            os.write(descriptor, b'{"jsonrpc": \xff\x00\x1b[2J' * 10_000)
        print("Traceback (most recent call last):", "\x1b[31m", flush=True)
        print('{"verdict": "passed"}', file=sys.stderr, flush=True)


class LeavesAChild(Hostile):
    """Leaves a process behind, in a session of its own."""

    async def strike(self) -> None:
        subprocess.Popen(["sleep", LEFT_BEHIND], start_new_session=True)  # noqa: ASYNC220
