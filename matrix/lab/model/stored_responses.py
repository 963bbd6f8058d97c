"""What OpenAI's responses endpoint keeps, so that a request may go on from an earlier response by its id.

`previous_response_id` in the `openai` SDK's `types/responses/response_create_params`: the input and the output of that
response stand before the input of this one; its instructions are not carried over. The refusal is that of the API, as
reported in https://github.com/maximhq/bifrost/issues/2441.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from matrix.json_access import mapping, sequence
from matrix.lab.model.protocols.base import Refused, WireResponse

_GIVEN_HERE = re.compile(r"resp_\d+_\d+")


class StoredResponses:
    """The responses of one run, by their ids; None stands for one that was not to be stored."""

    def __init__(self) -> None:
        self._items: dict[str, list[Any] | None] = {}

    def continued(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a request with the whole conversation as its input. Raises Refused for an id that is not stored.

        The id of a response to another run is taken without its items: an agent may keep one from run to run.
        """
        previous = body.get("previous_response_id")
        if not isinstance(previous, str):
            return dict(body)
        items = self._items.get(previous)
        if items is None and (previous in self._items or not _GIVEN_HERE.fullmatch(previous)):
            message = f"Previous response with id '{previous}' not found."
            raise Refused(message, param="previous_response_id", code="previous_response_not_found")
        return {**body, "input": [*(items or []), *_items(body.get("input"))]}

    def keep(self, body: Mapping[str, Any], answer: WireResponse) -> None:
        """Store what was answered to a request that has its whole conversation, unless it says `store: false`."""
        if answer.status != 200:
            return
        is_stream = answer.content_type.startswith("text/event-stream")
        last = mapping(json.loads(answer.chunks[-1].decode().partition("data: ")[2] if is_stream else answer.body))
        response = mapping(last.get("response")) if is_stream else last
        items = [*_items(body.get("input")), *sequence(response.get("output"))]
        self._items[str(response.get("id"))] = None if body.get("store") is False else items


def _items(given: Any) -> list[Any]:
    """Return the items of an input; a text alone is the user's message."""
    return [{"role": "user", "content": given}] if isinstance(given, str) else list(sequence(given))
