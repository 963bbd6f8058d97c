"""Whether the model of a pydantic-ai agent can be scripted: what it speaks, and whether it speaks at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel

from .base import CannotStart, NotScripted

_OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "bedrock": "Amazon Bedrock's Converse API",
        "cohere": "Cohere's chat API",
        "huggingface": "Hugging Face's inference API",
        "mistral": "Mistral's chat API",
        "xai": "xAI's gRPC API",
    }
)
"""Providers whose protocol the scripted model does not speak, by the names that pydantic-ai has for them."""
_IN_PROCESS: Mapping[str, str] = MappingProxyType({"test": "TestModel", "function": "FunctionModel"})
_MEND = 'name one in the row, as `model = "openai-chat:gpt-4.1-mini"`, to ask the same agent through it'


def check_model(model: Any) -> None:
    """Raise NotScripted for a model that the scripted model cannot stand in for, CannotStart where there is none.

    `model` is what `Agent.model` holds: a model, its name with the provider's before a colon, or None.
    """
    if model is None:
        raise CannotStart(f"it has no model; give it one, or {_MEND}")
    for kind in _kinds(model):
        if kind in _OTHERS:
            raise NotScripted(f"its model speaks {_OTHERS[kind]}, which is not scripted; {_MEND}")
        if kind in _IN_PROCESS:
            raise NotScripted(f"its model is a {_IN_PROCESS[kind]}, which never leaves the process; {_MEND}")


def _kinds(model: Any) -> Iterator[str]:
    """Yield the provider of a model, and of those within it, as the modules of pydantic-ai are named."""
    if isinstance(model, str):
        yield model.partition(":")[0]
    elif isinstance(model, WrapperModel):
        yield from _kinds(model.wrapped)
    elif isinstance(model, FallbackModel):
        for each in model.models:
            yield from _kinds(each)
    else:
        for base in type(model).__mro__:
            package, _, module = base.__module__.rpartition(".")
            if package == "pydantic_ai.models":
                yield module
