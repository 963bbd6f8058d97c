"""Vices in what an agent does around MCP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from tests.saboteurs.honest import Honest
from tests.saboteurs.saboteur import Saboteur


class GivesUpOnABusyModel(Honest):
    """Ends the run with the first answer of its provider that is no turn."""

    async def ask_model(self, http: httpx2.AsyncClient, messages: Sequence[Any]) -> Mapping[str, Any]:
        http.event_hooks = {"response": [_insist]}
        return await super().ask_model(http, messages)


async def _insist(response: httpx2.Response) -> None:
    response.raise_for_status()


SABOTEURS: Mapping[str, Saboteur] = {
    "agent.model-errors": Saboteur(GivesUpOnABusyModel, "the run ended with HTTPStatusError"),
}
