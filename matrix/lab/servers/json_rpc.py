"""JSON-RPC messages as plain JSON: read from the wire, taken out of their batch, answered with an error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from matrix.json_access import mapping, sequence


def read_json(text: bytes | str) -> Any:
    """Return what a text holds as JSON, None where it is none."""
    try:
        return json.loads(text) if text.strip() else None
    except ValueError:
        return None


def messages(message: Any) -> Sequence[Mapping[str, Any]]:
    """Return the messages of a batch, or the only one; what is no object is an empty one."""
    return [mapping(each) for each in sequence(message) or [message]]


def error_response(request_id: Any, code: int, text: str, data: Any = None) -> Mapping[str, Any]:
    """Return the answer that a request has failed; `request_id` is None where it cannot be told."""
    error: dict[str, Any] = {"code": code, "message": text}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": request_id, "error": error}
