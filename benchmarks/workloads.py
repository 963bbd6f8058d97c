"""Agents that cost what we want them to: rows of callables, for measurements of the engine.

They are the official SDK's client with a model loop around it and nothing else (the control's own code), so what is
left beside the work that they do on purpose is the engine's.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import mcp_types as types

from matrix.adapters.base import Task
from matrix.adapters.control import Connection, Control

BURN_SECONDS = 0.01
WAIT_SECONDS = 0.05
CHEAP = (
    "discovery.description",
    "discovery.list-tools",
    "discovery.pagination",
    "invoke.empty-result",
    "invoke.mixed-content",
    "invoke.nested-args",
    "invoke.null-args",
    "invoke.number-fidelity",
    "invoke.optional-args",
    "invoke.protocol-error",
    "invoke.round-trip",
    "invoke.tool-error",
    "invoke.unicode",
    "invoke.unknown-tool",
    "schema.constraints",
    "schema.empty-object",
    "schema.enum-items",
    "schema.nullable-unions",
    "schema.odd-shapes",
    "schema.refs",
)
"""Questions that are one run with a few calls, none of which waits for anything. Two transports, one revision: 40 cells
a row."""
CELLS_OF_A_ROW = 2 * len(CHEAP)


async def plain(task: Task) -> str:
    """Answer with nothing but the SDK."""
    return await Control.answer(task)


class Burning(Control):
    """Computes for ten milliseconds before each call."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        """Compute, then call."""
        until = time.thread_time() + BURN_SECONDS
        while time.thread_time() < until:
            sum(range(1000))
        return await super().call(server, tool, arguments)


class Waiting(Control):
    """Waits for fifty milliseconds before each call."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        """Wait, then call."""
        await asyncio.sleep(WAIT_SECONDS)
        return await super().call(server, tool, arguments)


async def burning(task: Task) -> str:
    """Answer, computing."""
    return await Burning.answer(task)


async def waiting(task: Task) -> str:
    """Answer, waiting."""
    return await Waiting.answer(task)


def project(folder: Path, target: str, rows: int) -> Path:
    """Write a project with so many rows of one agent, which is named by its import string; returns the folder."""
    lines = [f'row-{number:04d} = "{target}"' for number in range(1, rows + 1)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text("\n".join(["[tool.matrix.agents]", *lines, ""]), encoding="utf-8")
    return folder
