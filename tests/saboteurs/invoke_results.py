"""Vices with results of other shapes than one text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tests.saboteurs.honest import Honest
from tests.saboteurs.saboteur import Saboteur

if TYPE_CHECKING:
    import mcp_types as types


class ShowsOneBlock(Honest):
    """Takes the first block of a result for all of it."""

    def show(self, result: types.CallToolResult) -> str:
        return super().show(result.model_copy(update={"content": result.content[:1]}))


class CountsOnABlock(Honest):
    """Reads the first block of a result whether there is one or not, and ends the run over it."""

    def show(self, result: types.CallToolResult) -> str:
        return "" if result.content[0].type == "audio" else super().show(result)

    def failed(self, problem: Exception) -> str:
        if isinstance(problem, IndexError):
            raise problem
        return super().failed(problem)


SABOTEURS: Mapping[str, Saboteur] = {
    "invoke.mixed-content": Saboteur(ShowsOneBlock, "text 2 of the 4 that blocks returned was shown nowhere"),
    "invoke.empty-result": Saboteur(CountsOnABlock, "the run ended with IndexError"),
}
