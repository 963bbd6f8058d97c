"""The honest agent: the control, as little patient as a test needs it; a saboteur overrides one step of it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import anyio
import mcp_types as types

from matrix.adapters.control import Connection, Control, Entry


class Honest(Control):
    """One run of an honest agent.

    It is impatient with calls alone: how long it takes to connect and to list tools says how busy the machine is.
    """

    patience_with_a_call: ClassVar[float | None] = 8.0

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        try:
            with anyio.fail_after(self.patience_with_a_call):
                return await super().call(server, tool, arguments)
        except TimeoutError as late:
            raise TimeoutError(f"{tool.name} did not answer in {self.patience_with_a_call} seconds") from late


def key_of(entry: Entry) -> str:
    """Return what tells one server entry from every other one of a process."""
    return entry["url"] if "url" in entry else json.dumps([entry["command"], *entry["args"]])
