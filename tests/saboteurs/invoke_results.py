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


class KnowsOnlyContent(Honest):
    """Looks at no structured content."""

    def show(self, result: types.CallToolResult) -> str:
        return super().show(result.model_copy(update={"structured_content": None}))


SABOTEURS: Mapping[str, Saboteur] = {
    "invoke.mixed-content": Saboteur(ShowsOneBlock, "text 2 of the 4 that blocks returned was shown nowhere"),
    "invoke.empty-result": Saboteur(KnowsOnlyContent, "the model was not shown city, degrees, marker"),
}
