"""OpenAI's endpoints beside the model's: models, embeddings and moderations.

The shapes are those of the `openai` SDK's `types`. Embeddings are made from their text alone: the same text has the
same vector in every run, of length one, and of as many dimensions as asked for.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from typing import TYPE_CHECKING, Any

from matrix.json_access import sequence
from matrix.lab.model.protocols.base import Refused
from matrix.lab.model.protocols.openai_options import at_least
from matrix.lab.model.protocols.openai_shared import fault
from matrix.lab.model.protocols.reading import bare_path, string
from matrix.lab.model.protocols.sse import CREATED, INPUT_TOKENS, MODEL_ID, json_response, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matrix.lab.model.protocols.base import WireResponse

# https://developers.openai.com/api/docs/guides/embeddings
_DIMENSIONS: Mapping[str, int] = {"text-embedding-3-large": 3072}
_USUAL_DIMENSIONS = 1536

_CATEGORIES = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm"),
    *("self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic"),
)


def side_answer(path: str, body: Mapping[str, Any]) -> WireResponse | None:
    """Answer a request to one of these endpoints; None where it is to another one."""
    bare = bare_path(path)
    parent, _, last = bare.rpartition("/")
    if last == "models":
        return json_response({"object": "list", "data": [_model(MODEL_ID)]})
    if parent.endswith("/models"):
        return json_response(_model(last))
    answers = {"embeddings": _embeddings, "moderations": _moderations}
    if last not in answers:
        return None
    try:
        return json_response(answers[last](body))
    except ValueError as problem:
        return fault(400, problem)


def embedding(text: str, dimensions: int) -> list[float]:
    """Return the vector of a text: of length one, the same in every run."""
    drawn = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(2 * dimensions)
    numbers = [each / 32768 - 1 for each in struct.unpack(f"<{dimensions}H", drawn)]
    length = math.hypot(*numbers) or 1.0
    return [each / length for each in numbers]


def _embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    given = _input(body)
    texts = sequence(given)
    # One text, several, or either as numbers of tokens.
    several = texts if texts and not isinstance(texts[0], int) else [given]
    name = string(body.get("model"))
    dimensions = at_least(body, "dimensions", 1) or _DIMENSIONS.get(name, _USUAL_DIMENSIONS)
    vectors = [embedding(each if isinstance(each, str) else to_json(each), dimensions) for each in several]
    packed = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else vector}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": INPUT_TOKENS, "total_tokens": INPUT_TOKENS}
    return {"object": "list", "data": data, "model": name, "usage": usage}


def _moderations(body: Mapping[str, Any]) -> dict[str, Any]:
    given = _input(body)
    # An array of parts is one input; an array of texts is several.
    several = [each for each in sequence(given) if isinstance(each, str)] or [given]
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.0),
        "category_applied_input_types": {each: ["text"] for each in _CATEGORIES},
    }
    model = string(body.get("model")) or "omni-moderation-latest"
    return {"id": "modr-scripted", "model": model, "results": [result for _ in several]}


def _input(body: Mapping[str, Any]) -> Any:
    given = body.get("input")
    if given in (None, "", []):
        raise Refused("Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    return given


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "openai"}
