"""Vices that show on a server of the outside world."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from matrix.adapters.control import Connection
from tests.saboteurs.honest import Honest, key_of
from tests.saboteurs.lifecycle import LeavesTheServerRunning
from tests.saboteurs.saboteur import Saboteur

if TYPE_CHECKING:
    import mcp_types as types


class OffersEightTools(Honest):
    """Thinks that eight tools of a server are enough."""

    async def list_tools(self, server: Connection) -> list[types.Tool]:
        return (await super().list_tools(server))[:8]


class DropsRequired(Honest):
    """Makes every argument optional."""

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        return {name: each for name, each in super().schema(schema).items() if name != "required"}


class CutsResults(Honest):
    """Shows the first forty characters of a result."""

    def show(self, result: types.CallToolResult) -> str:
        return super().show(result)[:40]


class SharesAnAnswerBetweenRuns(Honest):
    """Answers a call with what another run was answered by the same tool."""

    patience_with_a_call = 3.0
    first: ClassVar[dict[tuple[str, str], tuple[Honest, asyncio.Future[types.CallToolResult]]]] = {}

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        owner, answer = self.first.get((key_of(server.entry), tool.name), (self, None))
        if answer is not None and owner is not self:
            return await asyncio.shield(answer)
        mine = asyncio.ensure_future(super().call(server, tool, arguments))
        self.first.setdefault((key_of(server.entry), tool.name), (self, mine))
        return await mine


SABOTEURS: Mapping[str, Saboteur] = {
    "real.discovery": Saboteur(
        OffersEightTools,
        "tools were not offered",
        related=frozenset(
            {
                # Their servers have more.
                "discovery.deferred-reachable",
                "discovery.pagination",
                "invoke.empty-result",
            }
        ),
    ),
    "real.schema": Saboteur(
        DropsRequired,
        "no longer requires",
        related=frozenset(
            {
                # They compare whole schemas.
                "schema.constraints",
                "schema.odd-shapes",
            }
        ),
    ),
    "real.invocation": Saboteur(
        CutsResults,
        "which does not hold",
        related=frozenset(
            {
                # Their texts are longer.
                "invoke.mixed-content",
                "invoke.unicode",
            }
        ),
    ),
    "real.concurrent": Saboteur(
        SharesAnAnswerBetweenRuns,
        "answered another run",
        related=frozenset(
            {
                # All of these have several runs that call the same tool.
                "concurrency.many-runs",
                "concurrency.no-cross-talk",
                "concurrency.shared-server",
                "concurrency.cross-task-close",
                "concurrency.pool",
                # It asks in several runs as well.
                "transport.http-error",
            }
        ),
    ),
    "real.shutdown": Saboteur(
        LeavesTheServerRunning,
        "still ran",
        related=frozenset(
            {
                "lifecycle.shutdown",  # the same question, of a stub
            }
        ),
    ),
}
