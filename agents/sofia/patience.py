"""How sofia meets MCP servers: fifteen calls at a time, and three more tries for one that does not open."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self, cast

import anyio
import httpx2
from anyio.lowlevel import RunVar
from mcp.shared.exceptions import MCPError
from mcp.types import CONNECTION_CLOSED
from pydantic_ai import RunContext, WrapperToolset
from pydantic_ai.toolsets import ToolsetTool

CALLS_AT_ONCE = 15
DELAYS = (1.0, 2.0, 4.0)
"""Seconds to wait before each further try to connect."""
CONNECT_SECONDS = 35.0
"""For one try. The toolset's own time is shorter, but leaves out the first request of an SSE connection."""

_log = logging.getLogger(__name__)
_gate: RunVar[anyio.Semaphore] = RunVar("sofia_gate")


def shared_gate() -> anyio.Semaphore:
    """Return the semaphore that all sofias of this event loop share."""
    try:
        return _gate.get()
    except LookupError:
        gate = anyio.Semaphore(CALLS_AT_ONCE)
        _gate.set(gate)
        return gate


@dataclass
class PatientToolset(WrapperToolset[Any]):
    """Toolset of a server that may be slow to come up, and must not be flooded.

    Only opening the connection is tried again, because nothing has been asked of the server by then. A tool
    call never is: it may have run although its answer was lost.
    """

    delays: tuple[float, ...]

    async def __aenter__(self) -> Self:
        for delay in self.delays:
            try:
                return await self._connect()
            except Exception as error:
                if not is_connection_failure(error):
                    raise
                _log.warning("%s did not open, next try in %g s: %s", self.wrapped.label, delay, error)
            await anyio.sleep(delay)
        return await self._connect()

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Call the tool once there is room among the fifteen."""
        async with shared_gate():
            return await super().call_tool(name, tool_args, ctx, tool)

    async def _connect(self) -> Self:
        with anyio.fail_after(CONNECT_SECONDS):
            return await super().__aenter__()


def is_connection_failure(error: BaseException) -> bool:
    """Tell a server that could not be reached, or hung up, from one that answered, if only to refuse."""
    return any(_is_one(cause) for cause in _causes(error))


def _is_one(error: BaseException) -> bool:
    if isinstance(error, MCPError):
        return error.error.code == CONNECTION_CLOSED
    if isinstance(error, httpx2.HTTPStatusError):
        return error.response.status_code in {502, 503, 504}
    return isinstance(error, ConnectionError | httpx2.NetworkError | httpx2.RemoteProtocolError)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, what it was raised from, and the members of groups."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in cast("BaseExceptionGroup[BaseException]", error).exceptions:
                yield from _causes(member)
        error = error.__cause__
