"""What OpenAI's two wire formats share: faults, and the rules on functions.

Where the rules come from:

- names: the `openai` SDK's `FunctionDefinition.name` ("a-z, A-Z, 0-9, or contain underscores and dashes,
  with a maximum length of 64");
- the root: the API's own refusal, "schema must have type 'object' and not have
  'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level" (code `invalid_function_parameters`), and "object
  schema missing properties";
- arrays: the API's own refusal, "array schema missing items";
- strict: the guides to function calling and structured outputs, "Supported schemas": `additionalProperties:
  false` and every property in `required`, for each object; `allOf`, `not`, `dependentRequired`,
  `dependentSchemas`, `if`, `then` and `else` are not supported; the other keywords are those that the API
  refuses with "'…' is not permitted", as listed in pydantic-ai's `OpenAIJsonSchemaTransformer`. Length
  limits on strings are not among them here: newer models take them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matrix.json_access import mapping, sequence
from matrix.lab.model.protocols.base import Refused
from matrix.lab.model.protocols.reading import string
from matrix.lab.model.protocols.schemas import arrays_without_items, at, has_type, walk
from matrix.lab.model.protocols.sse import json_response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matrix.lab.model.protocols.base import WireResponse

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOT_AT_THE_ROOT = ("allOf", "anyOf", "enum", "not", "oneOf")
_NOT_STRICT = (
    "allOf",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxContains",
    "maxProperties",
    "minContains",
    "minProperties",
    "not",
    "oneOf",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
)

# https://developers.openai.com/api/docs/guides/error-codes
_FAULTS: Mapping[int, tuple[str, str, str | None]] = {
    400: ("Your request was malformed.", "invalid_request_error", None),
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("You do not have access to this resource.", "invalid_request_error", None),
    404: ("The requested resource does not exist.", "invalid_request_error", "model_not_found"),
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    503: ("The engine is currently overloaded, please try again later.", "server_error", None),
}
_SERVER_FAULT = ("The server had an error while processing your request.", "server_error", None)


@dataclass(frozen=True)
class Function:
    """A function tool as it was declared; `parameters` is None where the agent sent none."""

    name: str
    parameters: Mapping[str, Any] | None
    strict: bool

    @classmethod
    def read(cls, declaration: Mapping[str, Any]) -> Function:
        """Read a declaration: chat's inner `function` object, or the tool itself in the responses format."""
        parameters = declaration.get("parameters")
        return cls(
            string(declaration.get("name")),
            None if parameters is None else mapping(parameters),
            declaration.get("strict") is True,
        )


def fault(status: int, problem: ValueError | None = None) -> WireResponse:
    """Render the API's error body."""
    message, kind, code = _FAULTS.get(status, _SERVER_FAULT)
    param = None
    if problem is not None:
        message = str(problem)
    if isinstance(problem, Refused):
        param, code = problem.param, problem.code
    return json_response({"error": {"message": message, "type": kind, "param": param, "code": code}}, status=status)


def broken_rules(functions: Iterable[Function]) -> list[str]:
    """Name every rule on a single function that these break."""
    return [sentence for function in functions for sentence in _of_one(function)]


def _of_one(function: Function) -> list[str]:
    found: list[str] = []
    if not _NAME.fullmatch(function.name):
        found.append(f"The tool `{function.name}` has a name that is not 1 to 64 letters, digits, `_` and `-`.")
    if function.parameters is None:
        # "Omitting `parameters` defines a function with an empty parameter list."
        return found
    found += _of_root(function.name, function.parameters)
    found += arrays_without_items(function.name, function.parameters)
    if function.strict:
        for where, node in walk(function.parameters):
            found += _of_strict_node(function.name, where, node)
    return found


def _of_root(name: str, schema: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    if schema.get("type") != "object":
        found.append(f"The tool `{name}` has parameters whose root is not of type `object`.")
    elif not isinstance(schema.get("properties"), dict):
        found.append(f"The tool `{name}` has parameters whose root has no `properties`.")
    return found + [
        f"The tool `{name}` has `{keyword}` at the root of its parameters."
        for keyword in _NOT_AT_THE_ROOT
        if keyword in schema
    ]


def _of_strict_node(name: str, where: str, node: Mapping[str, Any]) -> Sequence[str]:
    found = [
        f"The tool `{name}` is strict and has `{keyword}`, which strict schemas do not support, {at(where)}."
        for keyword in _NOT_STRICT
        if keyword in node
    ]
    if not has_type(node, "object"):
        return found
    if node.get("additionalProperties") is not False:
        found.append(f"The tool `{name}` is strict; an object lacks `additionalProperties: false` {at(where)}.")
    optional = sorted(set(mapping(node.get("properties"))) - {string(one) for one in sequence(node.get("required"))})
    if optional:
        listed = ", ".join(f"`{one}`" for one in optional)
        found.append(f"The tool `{name}` is strict and has properties that are not required ({listed}) {at(where)}.")
    return found
