"""More kinds of broken agents, as they were reported: each turns a capability red for a reason of its own."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matrix.adapters.control import Connection
from tests.saboteurs.honest import Honest
from tests.saboteurs.saboteur import Saboteur

if TYPE_CHECKING:
    import mcp_types as types


class TriesAFailedCallAgain(Honest):
    """Makes a call that came back with an error once more."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        result = await super().call(server, tool, arguments)
        return await super().call(server, tool, arguments) if result.is_error else result


class StallsBeforeItCalls(Honest):
    """Waits in synchronous code before each call, and calls as it should."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        time.sleep(1.5)  # noqa: ASYNC251  (the vice itself)
        return await super().call(server, tool, arguments)


class DispatchesTwice(Honest):
    """Makes every call two times at once."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        first, _ = await asyncio.gather(
            super().call(server, tool, arguments), super().call(server, tool, dict(arguments))
        )
        return first


class MakesEveryNumberADouble(Honest):
    """Knows no integers."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        return await super().call(server, tool, _doubled(arguments))


class ShowsErrorsLikeSuccesses(Honest):
    """Hands on the text of a result, whatever it was."""

    def show(self, result: types.CallToolResult) -> str:
        return super().show(result.model_copy(update={"is_error": False}))


class ShowsTheLibrarysObject(Honest):
    """Shows the model how the SDK's objects print."""

    def show(self, result: types.CallToolResult) -> str:
        return " ".join(repr(block) for block in result.content)


class FoldsWhiteSpace(Honest):
    """Makes one line of every result."""

    def show(self, result: types.CallToolResult) -> str:
        return " ".join(super().show(result).split())


class AsksForTheMendedName(Honest):
    """Asks the server for the name that was mended for the provider."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        return await server.client.call_tool(re.sub(r"[^A-Za-z0-9_-]", "_", tool.name), arguments)


def _doubled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _doubled(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_doubled(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


KINDS: Mapping[str, tuple[str, Saboteur]] = {
    "a failed call is made again": (
        "invoke.tool-error",
        Saboteur(TriesAFailedCallAgain, "the failing call was made twice: attempt"),
    ),
    "every call is made twice": ("invoke.round-trip", Saboteur(DispatchesTwice, "the server saw the call twice")),
    "a call is made after a stall": (
        "concurrency.event-loop",
        Saboteur(StallsBeforeItCalls, "held its event loop for more than 1 s in one blocking call"),
    ),
    "an integer becomes a double": (
        "invoke.nested-args",
        Saboteur(MakesEveryNumberADouble, "`integer` arrived as 7.0, not 7"),
    ),
    "an error reads like a success": (
        "invoke.tool-error",
        Saboteur(ShowsErrorsLikeSuccesses, "the model cannot tell that the call failed"),
    ),
    "the model is shown an object of the library": (
        "invoke.round-trip",
        Saboteur(ShowsTheLibrarysObject, "instead of the text"),
    ),
    "white space is folded": ("invoke.round-trip", Saboteur(FoldsWhiteSpace, "with its white space changed")),
    "the server is asked for a mended name": (
        "schema.provider-rules",
        Saboteur(AsksForTheMendedName, "files.read was never called; the server was asked for files_read"),
    ),
}
"""What is broken: the capability that has to turn red, and the agent."""
