"""Vices with what fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp import MCPError

from tests.saboteurs.honest import Honest
from tests.saboteurs.saboteur import Saboteur

if TYPE_CHECKING:
    import mcp_types as types


class SwallowsErrors(Honest):
    """Says `ok` whatever the tool says."""

    def show(self, result: types.CallToolResult) -> str:
        return "ok" if result.is_error else super().show(result)


class EndsOnAProtocolError(Honest):
    """Lets a JSON-RPC error end the run."""

    def failed(self, problem: Exception) -> str:
        if isinstance(problem, MCPError):
            raise problem
        return super().failed(problem)


class TrustsTheModelsNames(Honest):
    """Looks a tool up as if the model could not be wrong."""

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        if name in self.tools or name == "own_tool":
            return await super().one(name, arguments)
        raise KeyError(name)


class NeverGivesUp(Honest):
    """Waits for ever for a server that is silent."""

    patience = None
    patience_with_a_call = None


class SaysNothingOfADeadServer(Honest):
    """Shows an empty result where the connection broke."""

    def failed(self, problem: Exception) -> str:
        return super().failed(problem) if isinstance(problem, MCPError) and _is_answer(problem) else ""


def _is_answer(problem: MCPError) -> bool:
    """Whether the server itself answered so: the SDK's own errors are of a closed connection or of a timeout."""
    return problem.code not in {-32000, -32001}


SABOTEURS: Mapping[str, Saboteur] = {
    "invoke.tool-error": Saboteur(SwallowsErrors, "not shown the tool's error message"),
    "invoke.protocol-error": Saboteur(
        EndsOnAProtocolError,
        "the run ended with MCPError",
        related=frozenset(
            {
                # The SDK raises the same error for a connection that broke, and for a refusal by HTTP.
                "invoke.server-death",
                "transport.http-error",
            }
        ),
    ),
    "invoke.unknown-tool": Saboteur(TrustsTheModelsNames, "the run ended with KeyError"),
    "invoke.timeout": Saboteur(NeverGivesUp, "had not answered silent", deadline=40),
    "invoke.server-death": Saboteur(SaysNothingOfADeadServer, "the model was told of the server's death only"),
}
