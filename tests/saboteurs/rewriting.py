"""Agents that send something else than the SDK would: their messages are changed on the way out, over any transport."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.message import SessionMessage

from tests.saboteurs.honest import Honest


class Rewrites(Honest):
    """Hands every message that it sends to `sent`, and every one that it is sent to `received`."""

    def client(self, transport: Any) -> Client:
        opened = stdio_client(transport) if isinstance(transport, StdioServerParameters) else transport
        return super().client(self._changing(opened))

    def sent(self, message: dict[str, Any]) -> Mapping[str, Any] | None:
        """Return what is sent instead of a message; None sends nothing."""
        return message

    def received(self, message: dict[str, Any]) -> Mapping[str, Any] | None:
        """Return what is taken for a message of the server; None takes no note of it."""
        return message

    @asynccontextmanager
    async def _changing(self, opened: Any) -> AsyncGenerator[Any]:
        async with opened as (read, write), anyio.create_task_group() as tasks:
            ours, outward = anyio.create_memory_object_stream[Any](64)
            inward, theirs = anyio.create_memory_object_stream[Any](64)
            tasks.start_soon(_pass_on, outward, write, self.sent)
            tasks.start_soon(_pass_on, read, inward, self.received)
            yield theirs, ours
            ours.close()
            theirs.close()
            tasks.cancel_scope.cancel()


async def _pass_on(source: Any, target: Any, change: Any) -> None:
    async with source, target:
        async for item in source:
            if not isinstance(item, SessionMessage):
                await target.send(item)
                continue
            message = item.message.model_dump(mode="json", by_alias=True, exclude_unset=True)
            changed = change(message)
            if changed is not None:
                made = types.jsonrpc_message_adapter.validate_python(changed, by_name=False)
                await target.send(SessionMessage(made, metadata=item.metadata))
