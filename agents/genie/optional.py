"""A toolset whose server may be missing: it is logged, and the others carry on."""

import logging
from dataclasses import dataclass, field, replace
from typing import Any, Self

import anyio
import httpx2
from pydantic_ai import AbstractToolset, AgentRunError, RunContext, ToolFailed, UserError, WrapperToolset
from pydantic_ai.toolsets import ToolsetTool

CONNECT_SECONDS = 35.0
"""For the whole connection. The client's own time leaves out the first request of an SSE connection."""

_log = logging.getLogger(__name__)


@dataclass
class OptionalToolset(WrapperToolset[Any]):
    """Toolset that offers nothing where its server cannot be reached, or no longer answers."""

    _open: bool = field(default=False, init=False)

    async def for_run(self, ctx: RunContext[Any]) -> AbstractToolset[Any]:
        """Return a copy, because whether the server is there is found out anew by every run."""
        return replace(self, wrapped=await self.wrapped.for_run(ctx))

    async def __aenter__(self) -> Self:
        try:
            with anyio.fail_after(CONNECT_SECONDS):
                await super().__aenter__()
        except Exception as error:  # noqa: BLE001 - whatever the cause, the run goes on
            _log.warning("%s is left out: %s", self.wrapped.label, error or type(error).__name__)
        else:
            self._open = True
        return self

    async def __aexit__(self, *args: object) -> bool | None:
        if not self._open:
            return None
        self._open = False
        return await super().__aexit__(*args)

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """Return the server's tools, or none."""
        if not self._open:
            return {}
        try:
            return await super().get_tools(ctx)
        except Exception as error:  # noqa: BLE001 - as above
            _log.warning("%s does not list its tools: %s", self.wrapped.label, error or type(error).__name__)
            return {}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Call the tool; a connection that breaks meanwhile fails this call, not the run."""
        try:
            return await super().call_tool(name, tool_args, ctx, tool)
        except (AgentRunError, UserError):
            raise
        except (RuntimeError, OSError, httpx2.HTTPError, anyio.ClosedResourceError) as error:
            raise ToolFailed(f"The server was lost during {name}, which may or may not have run.") from error
