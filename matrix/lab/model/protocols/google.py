"""Google generateContent, of the Gemini Developer API.

The shapes are those of the `google-genai` SDK's `types`, in their JSON names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matrix.json_access import mapping
from matrix.lab.model.protocols import google_options, google_schema
from matrix.lab.model.protocols.base import Ended, ModelRequest, OfferedTool, Reply, WireResponse
from matrix.lab.model.protocols.google_contents import (
    asked_calls,
    check_calls_are_answered,
    shown_results,
    turns_of,
    user_text,
)
from matrix.lab.model.protocols.openai_side import embedding
from matrix.lab.model.protocols.reading import (
    bare_path,
    either,
    mappings,
    query_value,
    required_list,
    required_string,
    string,
    text_of,
)
from matrix.lab.model.protocols.schemas import duplicate_names
from matrix.lab.model.protocols.sse import (
    INPUT_TOKENS,
    MODEL_ID,
    OUTPUT_TOKENS,
    event,
    json_response,
    pieces,
    stream_response,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DIMENSIONS = 3072  # of gemini-embedding-001: https://ai.google.dev/gemini-api/docs/embeddings
_MODEL = re.compile(r"models/([^/:]+):")

_USAGE: Mapping[str, Any] = {
    "promptTokenCount": INPUT_TOKENS,
    "candidatesTokenCount": OUTPUT_TOKENS,
    "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
}

# https://ai.google.dev/gemini-api/docs/troubleshooting
_FAULTS: Mapping[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission."),
    404: ("NOT_FOUND", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}
_SERVER_FAULT = ("INTERNAL", "An internal error has occurred. Please retry.")


@dataclass(frozen=True)
class GoogleRequest(ModelRequest):
    """A request; `sse` says whether a stream is to be server-sent events (`alt=sse`) or a JSON array."""

    sse: bool = False


class Google:
    """The wire format of `POST …/models/{model}:generateContent` and `:streamGenerateContent`.

    Paths are to be given with their query string: it says how a stream is to be rendered.
    """

    name = "google"

    def matches(self, path: str) -> bool:
        """Whether the path ends in `:generateContent` or `:streamGenerateContent`."""
        return bare_path(path).endswith((":generateContent", ":streamGenerateContent"))

    def side_answer(self, path: str, body: Mapping[str, Any]) -> WireResponse | None:
        """Answer `:countTokens`, `:embedContent`, `:batchEmbedContents`, `/models` and `/models/{id}`."""
        bare = bare_path(path)
        if bare.endswith(":embedContent"):
            return json_response({"embedding": _embedding(body)})
        if bare.endswith(":batchEmbedContents"):
            return json_response({"embeddings": [_embedding(each) for each in mappings(body.get("requests"))]})
        if bare.endswith(":countTokens"):
            return json_response({"totalTokens": INPUT_TOKENS})
        parent, _, last = bare.rpartition("/")
        if last == "models":
            return json_response({"models": [_model(MODEL_ID)]})
        return json_response(_model(last)) if parent.endswith("/models") and ":" not in last else None

    def parse(self, path: str, body: Mapping[str, Any]) -> GoogleRequest:
        """Read a request. Raises ValueError where the API would answer 400."""
        model = _MODEL.search(bare_path(path))
        if model is None:
            raise ValueError("The path names no model.")
        turns = turns_of(required_list(body, "contents"))
        check_calls_are_answered(turns)
        instruction = either(body, "systemInstruction")
        offered = tuple(_offered(each) for each in _declarations(body))
        return GoogleRequest(
            model=model[1],
            system=text_of(instruction) or text_of(mapping(instruction).get("parts")),
            user_text=user_text(turns),
            offered=offered,
            results=shown_results(turns),
            stream=bare_path(path).endswith(":streamGenerateContent"),
            raw=body,
            asked=asked_calls(turns),
            choice=google_options.tool_choice(body, offered, model[1]),
            answer=google_options.answer_format(body, offered, model[1]),
            limits=google_options.limits(body),
            sse=query_value(path, "alt") == "sse",
        )

    def render(self, request: ModelRequest, reply: Reply, *, response_id: str) -> WireResponse:
        """Render a turn as one response, as server-sent events, or as a JSON array in pieces."""
        reply = reply.within(request.limits)
        foot = {"usageMetadata": _USAGE, "modelVersion": request.model, "responseId": response_id}
        if not request.stream:
            return json_response({"candidates": _candidates(request, _parts(reply), _finish(reply)), **foot})
        parts = _streamed_parts(reply)
        chunks = [
            {"candidates": _candidates(request, [part], _finish(reply) if number == len(parts) else None), **foot}
            for number, part in enumerate(parts, start=1)
        ]
        if isinstance(request, GoogleRequest) and request.sse:
            return stream_response(event(chunk, newline="\r\n") for chunk in chunks)
        rows = [f"{',' if index else '['}{to_json(chunk)}\r\n".encode() for index, chunk in enumerate(chunks)]
        return WireResponse(200, "application/json; charset=UTF-8", (*rows, b"]"))

    def render_fault(self, status: int, problem: ValueError | None = None) -> WireResponse:
        """Render the API's error body."""
        name, message = _FAULTS.get(status, _SERVER_FAULT)
        error = {"code": status, "message": message if problem is None else str(problem), "status": name}
        return json_response({"error": error}, status=status)

    def violations(self, offered: Sequence[OfferedTool]) -> list[str]:
        """Name the rules broken: those of `google_schema`, and unique names."""
        found = duplicate_names(tool.name for tool in offered)
        broken = (each for tool in offered for each in google_schema.broken_rules(tool.name, tool.raw))
        return sorted([*found, *broken])


def _declarations(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools = mappings(body.get("tools"))
    return [each for tool in tools for each in mappings(either(tool, "functionDeclarations"))]


def _offered(declaration: Mapping[str, Any]) -> OfferedTool:
    return OfferedTool(
        required_string(declaration, "name"),
        string(declaration.get("description")),
        google_schema.json_schema(declaration),
        dict(declaration),
    )


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {"functionCall": {"id": call.call_id, "name": call.name, "args": dict(call.arguments)}} for call in reply.calls
    ]


def _parts(reply: Reply) -> list[dict[str, Any]]:
    return [*_text_parts(reply, [reply.text or ""]), *_calls(reply)]


def _streamed_parts(reply: Reply) -> list[dict[str, Any]]:
    # Text comes in pieces; a function call is never cut.
    return [*_text_parts(reply, pieces(reply.text or "")), *_calls(reply)]


def _text_parts(reply: Reply, texts: Sequence[str]) -> list[dict[str, Any]]:
    return [{"text": text} for text in texts] if reply.text is not None or not reply.calls else []


def _finish(reply: Reply) -> str:
    return "MAX_TOKENS" if reply.ended is Ended.AT_MAX_TOKENS else "STOP"


def _candidates(request: ModelRequest, parts: Sequence[Mapping[str, Any]], finish: str | None) -> list[dict[str, Any]]:
    """Return the candidates of one answer, or of one piece of it; only the last piece says why it ends."""
    ended = {} if finish is None else {"finishReason": finish}
    content = {"parts": list(parts), "role": "model"}
    return [{"content": content, "index": index, **ended} for index in range(request.limits.alternatives)]


def _embedding(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the embedding of one content, of 3072 dimensions unless the request says how many.

    The shape is that of `google-genai`'s `types.ContentEmbedding`.
    """
    config = mapping(either(request, "embedContentConfig"))
    asked = either(request, "outputDimensionality") or either(config, "outputDimensionality")
    dimensions = asked if isinstance(asked, int) and asked > 0 else _DIMENSIONS
    return {"values": embedding(text_of(mapping(request.get("content")).get("parts")), dimensions)}


def _model(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
