"""What a Google request says about the answer: which tools may be called, how a text must look, what bounds it.

The fields are those of `google-genai`'s `types.ToolConfig` and `types.GenerationConfig`, in their JSON names. What is
refused, and in which words, is the API's own error; later models and the other platform accept some of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from matrix.json_access import mapping, sequence
from matrix.lab.model.protocols.base import AnswerFormat, Calling, Limits, Refused, ToolChoice
from matrix.lab.model.protocols.google_schema import normalised
from matrix.lab.model.protocols.openai_options import ANY_OBJECT
from matrix.lab.model.protocols.reading import either, string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matrix.lab.records import OfferedTool

_CALLING = {"ANY": Calling.MUST, "NONE": Calling.NONE}
_JSON, _ENUM = "application/json", "text/x.enum"
_BEFORE_3 = re.compile(r"gemini-[12][.-]")


def tool_choice(body: Mapping[str, Any], offered: Sequence[OfferedTool], model: str) -> ToolChoice:
    """Read `toolConfig.functionCallingConfig`. Raises Refused where the API refuses it."""
    config = mapping(either(mapping(either(body, "toolConfig")), "functionCallingConfig"))
    mode = string(config.get("mode")).upper()
    if mode and not offered and (mode == "ANY" or _BEFORE_3.match(model)):
        raise Refused("Function calling config is set without function_declarations.")
    named = sequence(either(config, "allowedFunctionNames"))
    allowed = frozenset(tool.name for tool in offered if tool.name in named) if named else None
    return ToolChoice(_CALLING.get(mode, Calling.MAY), allowed)


def answer_format(body: Mapping[str, Any], offered: Sequence[OfferedTool], model: str) -> AnswerFormat | None:
    """Read `generationConfig`'s response schema, of either form, and MIME type. Raises Refused where refused."""
    config = _generation(body)
    kind = string(either(config, "responseMimeType"))
    if kind == _JSON and offered and _BEFORE_3.match(model):
        raise Refused("Function calling with a response mime type: 'application/json' is unsupported")
    schema = mapping(either(config, "responseJsonSchema")) or normalised(mapping(either(config, "responseSchema")))
    if schema and kind not in (_JSON, _ENUM):
        raise Refused("response_schema is only supported for response_mime_type: application/json, text/x.enum")
    if kind == _ENUM:
        return AnswerFormat(schema, bare=True)
    return AnswerFormat(schema or ANY_OBJECT) if kind == _JSON else None


def limits(body: Mapping[str, Any]) -> Limits:
    """Read `maxOutputTokens`, `stopSequences` and `candidateCount`."""
    config = _generation(body)
    most, count = either(config, "maxOutputTokens"), either(config, "candidateCount")
    stop = tuple(string(each) for each in sequence(either(config, "stopSequences")))
    return Limits(most if isinstance(most, int) else None, stop, count if isinstance(count, int) and count > 0 else 1)


def _generation(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(either(body, "generationConfig"))
