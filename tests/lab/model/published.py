"""What each provider publishes about its answers, and whether an answer is so.

The types are those of the providers' own SDKs, read strictly: no field that is not theirs, none missing, no other
type. Where an SDK has no type for what is on the wire (pages of a list, Google's errors), the reference is named.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NotRequired

from anthropic.types import ErrorResponse, Message, MessageTokensCount, ModelInfo
from google.genai.types import ContentEmbedding, CountTokensResponse, GenerateContentResponse
from openai.types import CreateEmbeddingResponse, Model, ModerationCreateResponse
from openai.types.chat import ChatCompletion
from openai.types.create_embedding_response import Usage
from openai.types.responses import Response
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from openai.types.shared import ErrorObject
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from matrix.lab.model.protocols import protocol_for
from tests.lab.model.streams import stream_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matrix.lab.model.protocols.base import WireProtocol, WireResponse


class OpenAIError(TypedDict):
    """`ErrorResponse` of OpenAI's OpenAPI description."""

    error: ErrorObject


class PackedEmbedding(TypedDict):
    """An embedding under `encoding_format: base64`, which the SDK unpacks: the API reference of embeddings."""

    object: Literal["embedding"]
    index: int
    embedding: str


class PackedEmbeddings(TypedDict):
    """Embeddings under `encoding_format: base64`."""

    object: Literal["list"]
    data: list[PackedEmbedding]
    model: str
    usage: Usage


class OpenRouterCompletion(ChatCompletion):
    """https://openrouter.ai/docs/api-reference/overview: it says which provider answered."""

    provider: str


class OpenAIModels(TypedDict):
    """`ListModelsResponse` of OpenAI's OpenAPI description."""

    object: Literal["list"]
    data: list[Model]


class AnthropicModels(TypedDict):
    """https://platform.claude.com/docs/en/api/models/list."""

    data: list[ModelInfo]
    first_id: str | None
    last_id: str | None
    has_more: bool


class GoogleStatus(TypedDict):
    """An error's content: https://google.aip.dev/193, "HTTP/1.1+JSON representation"."""

    code: int
    message: str
    status: str
    details: NotRequired[list[dict[str, Any]]]


class GoogleError(TypedDict):
    """An error: https://google.aip.dev/193, "HTTP/1.1+JSON representation"."""

    error: GoogleStatus


class GoogleModel(TypedDict, total=False):
    """A model as it is on the wire: what `google-genai`'s `_Model_from_mldev` reads."""

    name: str
    displayName: str
    description: str
    version: str
    inputTokenLimit: int
    outputTokenLimit: int
    supportedGenerationMethods: list[str]


class GoogleModels(TypedDict):
    """https://ai.google.dev/api/models#method:-models.list."""

    models: list[GoogleModel]
    nextPageToken: NotRequired[str]


class GoogleEmbedding(TypedDict):
    """https://ai.google.dev/api/embeddings#method:-models.embedcontent."""

    embedding: ContentEmbedding


class GoogleEmbeddings(TypedDict):
    """https://ai.google.dev/api/embeddings#method:-models.batchembedcontents."""

    embeddings: list[ContentEmbedding]


class Published(NamedTuple):
    """What answers a request to a path like this, of one provider."""

    protocol: str
    path: str
    type: Any


ANSWERS = (
    Published("openai-chat", r"/api/v1/chat/completions$", OpenRouterCompletion),
    Published("openai-chat", r"/chat/completions$", ChatCompletion),
    Published("openai-responses", r"/responses$", Response),
    Published("openai-responses", r"/responses/input_tokens$", InputTokenCountResponse),
    Published("openai-chat", r"/embeddings$", CreateEmbeddingResponse),
    Published("openai-chat", r"/moderations$", ModerationCreateResponse),
    Published("openai-chat", r"/models$", OpenAIModels),
    Published("openai-chat", r"/models/[^/:]+$", Model),
    Published("anthropic", r"/messages$", Message),
    Published("anthropic", r"/messages/count_tokens$", MessageTokensCount),
    Published("anthropic", r"/models$", AnthropicModels),
    Published("anthropic", r"/models/[^/:]+$", ModelInfo),
    Published("google", r":generateContent$", GenerateContentResponse),
    Published("google", r":countTokens$", CountTokensResponse),
    Published("google", r":embedContent$", GoogleEmbedding),
    Published("google", r":batchEmbedContents$", GoogleEmbeddings),
    Published("google", r"/models$", GoogleModels),
    Published("google", r"/models/[^/:]+$", GoogleModel),
)
ERRORS: Mapping[str, Any] = {
    "openai-chat": OpenAIError,
    "openai-responses": OpenAIError,
    "anthropic": ErrorResponse,
    "google": GoogleError,
}


def problems(path: str, asked: bytes, answer: WireResponse, protocol: WireProtocol | None = None) -> list[str]:
    """Say what is not as published about an answer to a request of this path and body; its path tells the protocol."""
    found = _problems(path, asked, answer, protocol or protocol_for(path))
    return [f"{path.partition('?')[0]} ({answer.status}): {each}" for each in found]


def type_problems(kind: Any, value: Any) -> list[str]:
    """Say what is not of a published type about a JSON value."""
    try:
        _adapter(kind).validate_json(json.dumps(value), strict=True, extra="forbid", by_alias=True, by_name=False)
    except ValidationError as problem:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in _told(problem)]
    return []


def _problems(path: str, asked: bytes, answer: WireResponse, protocol: WireProtocol | None) -> list[str]:
    if protocol is None:
        return ["is answered as no provider does"] if answer.status < 400 else []
    if answer.status >= 400:
        return type_problems(ERRORS[protocol.name], json.loads(answer.body))
    question = json.loads(asked or b"{}")
    bare = path.partition("?")[0].rstrip("/")
    if protocol.matches(path) and (":stream" in path or question.get("stream") is True):
        return stream_problems(protocol.name, bare, question, answer, type_problems)
    if question.get("encoding_format") == "base64":
        return type_problems(PackedEmbeddings, json.loads(answer.body))
    names = {protocol.name} | ({"openai-chat", "openai-responses"} if "openai" in protocol.name else set())
    kind = next((each.type for each in ANSWERS if each.protocol in names and re.search(each.path, bare)), None)
    return ["is not published"] if kind is None else type_problems(kind, json.loads(answer.body))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _told(problem: ValidationError) -> list[Any]:
    """Return what is wrong, without what is only the wrong one of several types for a `type`, `role` or `object`."""
    errors = problem.errors()
    others = {each["loc"][:-1] for each in errors if each["type"] == "literal_error" and each["loc"][-1] == "type"}
    told = [each for each in errors if not any(each["loc"][: len(other)] == other for other in others if other)]
    return told or errors
