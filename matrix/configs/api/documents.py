"""What the OpenAPI document says beyond FastAPI's models: headers, problems, and a config as the policy wants it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import FastAPI

from matrix.configs.api import problems
from matrix.configs.model import ServerConfig
from matrix.configs.policy import Policy
from matrix.json_access import mapping

_SENT = "SentConfig"
_REFERENCE = "#/components/schemas/{model}"
_EXAMPLE: Mapping[str, Any] = {
    "name": "linear",
    "server_type": "stdio",
    "command": ["python3", "-m", "linear_mcp"],
    "agents": ["assistant", "support"],
    "tools": {"include": ["*"], "exclude": ["delete_*"]},
    "environment": {"LINEAR_API_KEY": "${LINEAR_API_KEY}"},
    "timeout": 30000,
    "retry_count": 3,
    "enabled": True,
    "auto_start": True,
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": _REFERENCE.format(model=_SENT)},
                "examples": {"linear": {"value": _EXAMPLE}},
            }
        },
    }
}
"""The body of a route that reads it itself: only then nothing of it is read before the key is known."""
_HEADERS = {
    "ETag": "The tag of this state, for If-Match and If-None-Match.",
    "Link": 'The next page, as rel="next".',
    "Location": "Where the config is.",
}
_ALWAYS = (400, 414, 429, 431, 503)
_WITH_KEY = (401, 403)

Responses = dict[int | str, dict[str, Any]]


def responses(success: int, *others: int, headers: tuple[str, ...] = ("ETag",), public: bool = False) -> Responses:
    """Return what a route answers beyond its model: its headers, and the problems that it may come to."""
    described: dict[str, Any] = {"headers": {name: _header(name) for name in headers}} if headers else {}
    if "Location" in headers:
        followed = ("get_config", "replace_config", "delete_config")
        one = {"parameters": {"name": "$response.body#/name"}}
        described["links"] = {operation: {"operationId": operation, **one} for operation in followed}
    codes = sorted({*others, *_ALWAYS, *(() if public else _WITH_KEY)})
    return {success: described, **{code: {"model": problems.Problem} if code >= 400 else {} for code in codes}}


def _header(name: str) -> Mapping[str, Any]:
    return {"description": _HEADERS[name], "schema": {"type": "string"}}


def install(app: FastAPI, policy: Policy) -> None:
    """Complete the document that the application gives of itself."""
    made = app.openapi

    @cache
    def openapi() -> dict[str, Any]:
        document = made()
        schemas = document["components"]["schemas"]
        schemas[_SENT] = sent_config(policy)
        for path in mapping(document["paths"]).values():
            for operation in mapping(path).values():
                answers = operation["responses"]
                answers.pop("422", None)  # FastAPI's own answer to what cannot be read; ours is 400
                answers |= {code: problems.documented(each) for code, each in answers.items() if int(code) >= 400}
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        return document

    app.openapi = openapi


def sent_config(policy: Policy) -> dict[str, Any]:
    """Return the JSON Schema of a config that may be sent, as far as JSON Schema can say what the policy wants."""
    schema = ServerConfig.model_json_schema(ref_template=_REFERENCE)
    del schema["$defs"]
    properties: dict[str, Any] = dict(schema["properties"])
    properties.pop("legacy", None)
    names, limits = policy.names, policy.limits
    properties["name"] = {**properties["name"], "pattern": f"^(?:{names.server})$", "maxLength": names.length}
    agent = {"type": "string", "pattern": rf"^(?:\*|{names.agent})$", "maxLength": names.length}
    properties["agents"] = {"anyOf": [{"const": "*"}, {"type": "array", "minItems": 1, "items": agent}]}
    properties["timeout"] = {**properties["timeout"], "minimum": limits.timeout_least, "maximum": limits.timeout_most}
    properties["retry_count"] = {**properties["retry_count"], "maximum": limits.retries_most}
    return {**schema, "properties": properties, "allOf": [_needs("stdio", "command"), _needs("http", "url")]}


def _needs(server_type: str, field: str) -> Mapping[str, Any]:
    given = {"type": "array"} if field == "command" else {"type": "string"}
    return {
        "if": {"properties": {"server_type": {"const": server_type}}},
        "then": {"required": [field], "properties": {field: given}},
    }
