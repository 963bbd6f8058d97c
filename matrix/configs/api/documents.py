"""What the OpenAPI document says beyond what FastAPI sees: bodies read by hand, every answer, every problem."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from matrix.configs.api.problems import MEDIA_TYPE
from matrix.configs.model import ServerConfig
from matrix.configs.policy import Policy
from matrix.json_access import mapping

_CONFIG = {"$ref": "#/components/schemas/ServerConfig"}
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_ALWAYS = (400, 401, 403, 429, 503)
_OPEN = (400, 503)
TEXT: Mapping[str, Any] = {"type": "string"}
Responses = dict[int | str, dict[str, Any]]
_ETAG = {"description": "The tag of this state, for If-Match and If-None-Match.", "schema": TEXT}

TAG: dict[str, Any] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "description": "Do it only if the config still has one of these tags.",
            "schema": {"type": "string", "pattern": r'^(\*|(W/)?"[0-9a-f]{1,64}")$'},
        }
    ]
}
EXAMPLE: dict[str, Any] = {
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
            "application/json": {"schema": _CONFIG, "examples": {"linear": {"value": EXAMPLE}}},
        },
    },
}
BODY_AND_TAG: dict[str, Any] = {**BODY, **TAG}

PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


HEALTH: dict[str, Any] = {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}}
PAGE: dict[str, Any] = {
    "type": "object",
    "required": ["items", "next"],
    "properties": {
        "items": {"type": "array", "items": {"type": "object"}},
        "next": {"type": ["string", "integer", "null"]},
        "problems": {"type": "array", "items": TEXT},
    },
}


def responses(*codes: int, schema: Mapping[str, Any] = _CONFIG, public: bool = False) -> Responses:
    """Return the answers of a route: these, with a body of this schema, and the problems it may come to."""
    return {code: _answer(code, schema) for code in sorted({*codes, *(_OPEN if public else _ALWAYS)})}


def _answer(code: int, schema: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"description": HTTPStatus(code).phrase}
    if code >= HTTPStatus.BAD_REQUEST:
        return {**said, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
    if code in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        return said
    if schema is TEXT:
        return {**said, "content": {"text/plain": {"schema": TEXT}}}
    answer: dict[str, Any] = {**said, "headers": {"ETag": _ETAG}, "content": {"application/json": {"schema": schema}}}
    if schema is PAGE:
        answer["headers"]["Link"] = {"description": 'The next page, as rel="next".', "schema": TEXT}
    if code == HTTPStatus.CREATED:
        answer["headers"]["Location"] = {"description": "Where the config is.", "schema": TEXT}
        answer["links"] = {
            operation: {"operationId": operation, "parameters": {"name": "$response.body#/name"}}
            for operation in ("get_config", "replace_config", "delete_config")
        }
    return answer


def install(app: FastAPI, policy: Policy) -> None:
    """Complete the document that the application gives of itself."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        config = config_schema(policy)
        schemas.update(config.pop("$defs", {}))
        schemas.update({"ServerConfig": config, "Problem": PROBLEM})
        for path in mapping(document["paths"]).values():
            for operation in mapping(path).values():
                # FastAPI's own answer to what cannot be read; ours is 400.
                operation["responses"].pop("422", None)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        return document

    app.openapi = openapi


def config_schema(policy: Policy) -> dict[str, Any]:
    """Return the JSON Schema of a config that may be sent, as far as JSON Schema can say it."""
    schema = ServerConfig.model_json_schema(ref_template="#/components/schemas/{model}")
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
