"""Hostile agents: each strikes in the cells of one server, in its own way, and is honest in all others.

A vice is a function; what is called `answer` of it is the agent.
"""

from __future__ import annotations

import inspect
import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matrix.adapters.control import Connection
from tests.saboteurs.honest import Honest

if TYPE_CHECKING:
    import mcp_types as types

STRUCK = "errors"
"""The stub in whose cells they strike."""


class Vice:
    """An agent that does this at its first call of a tool of the server."""

    def __init__(self, strike: Callable[[], Any]) -> None:
        class Striking(Honest):
            async def call(
                self, server: Connection, tool: types.Tool, arguments: dict[str, Any]
            ) -> types.CallToolResult:
                if server.name == STRUCK and inspect.isawaitable(struck := strike()):
                    await struck
                return await super().call(server, tool, arguments)

        self.answer = Striking.answer


# The channel to the parent.


def channels() -> list[int]:
    """Return the descriptors of this process that may be its channel: what an agent can find out."""
    found: list[int] = []
    for each in Path("/proc/self/fd").iterdir():
        if int(each.name) > 2 and each.is_socket():
            with socket.socket(fileno=os.dup(int(each.name))) as end:
                if end.family == socket.AF_UNIX and not end.getsockname() and not end.getpeername():
                    found.append(int(each.name))
    return found


def written(junk: bytes) -> None:
    for each in channels():
        os.write(each, junk)


class Exploding:
    """What ends whoever unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (7,)


@Vice
def writes_a_pickle() -> None:
    body = pickle.dumps(Exploding())
    written(len(body).to_bytes(4, "big") + body)


@Vice
def writes_junk() -> None:
    written(b"\xff\x00junk" * 10)


@Vice
def writes_half_a_header() -> None:
    written(b"\0\0\1")


@Vice
def floods_the_channel() -> None:
    for each in channels():
        with socket.socket(fileno=os.dup(each)) as end:
            for _ in range(100):
                try:
                    end.send(b"\0" * 1_000_000)
                except BlockingIOError:
                    break


@Vice
def closes_the_channel() -> None:
    for each in channels():
        os.close(each)


@Vice
def closes_every_descriptor() -> None:
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
