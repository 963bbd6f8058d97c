"""The providers' wire formats, by the name that the task contract has for them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from matrix.lab.model.protocols.anthropic import Anthropic
from matrix.lab.model.protocols.google import Google
from matrix.lab.model.protocols.openai_chat import OpenAIChat
from matrix.lab.model.protocols.openai_responses import OpenAIResponses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matrix.lab.model.protocols.base import WireProtocol

__all__ = ["PROTOCOLS", "protocol_for"]

_ALL: tuple[WireProtocol, ...] = (OpenAIChat(), OpenAIResponses(), Anthropic(), Google())

PROTOCOLS: Mapping[str, WireProtocol] = MappingProxyType({each.name: each for each in _ALL})
"""Every protocol: `openai-chat`, `openai-responses`, `anthropic` and `google`."""


def protocol_for(path: str) -> WireProtocol | None:
    """Return the protocol that answers what is sent to this path, a model request or a side request, or None.

    `/models` is of several providers: under `/v1beta` it is Google's, elsewhere OpenAI's.
    """
    for each in _ALL:
        if each.matches(path):
            return each
    # Google has an endpoint that speaks OpenAI's format: `/v1beta/openai`.
    of_google = "/v1beta/" in path and "/openai/" not in path
    candidates = (PROTOCOLS["google"],) if of_google else _ALL
    return next((each for each in candidates if each.side_answer(path, {}) is not None), None)
