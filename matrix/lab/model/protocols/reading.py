"""What comes in from the wire: helpers that read JSON of unknown shape without ever failing on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

from matrix.json_access import mapping, sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def bare_path(path: str) -> str:
    """Return the path without its query string and trailing slash."""
    return urlsplit(path).path.rstrip("/")


def query_value(path: str, name: str) -> str | None:
    """Return the last value of a query parameter, or None."""
    values = parse_qs(urlsplit(path).query).get(name)
    return values[-1] if values else None


def mappings(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a JSON array, leaving out whatever else it holds."""
    return [cast("dict[str, Any]", item) for item in sequence(value) if isinstance(item, dict)]


def string(value: Any) -> str:
    """Return the string, or an empty one where the value is something else."""
    return value if isinstance(value, str) else ""


def text_of(content: Any) -> str:
    """Return the text of a message's content: the string, or its textual parts joined with newlines."""
    if isinstance(content, str):
        return content
    return join(part["text"] for part in mappings(content) if isinstance(part.get("text"), str))


def join(texts: Iterable[str]) -> str:
    """Join the texts that are not empty with newlines."""
    return "\n".join(text for text in texts if text)


def json_mapping(text: Any) -> Mapping[str, Any]:
    """Return the JSON object that a text holds, or an empty one where it holds something else."""
    try:
        return mapping(json.loads(string(text)))
    except ValueError:
        return {}


def required_string(body: Mapping[str, Any], key: str) -> str:
    """Return a string that the provider demands. Raises ValueError where it is absent or empty."""
    value = string(body.get(key))
    if not value:
        raise ValueError(f"The request has no `{key}`.")
    return value


def required_list(body: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a list of objects that the provider demands. Raises ValueError where it is absent or empty."""
    value = mappings(body.get(key))
    if not value:
        raise ValueError(f"The request's `{key}` is no list with anything in it.")
    return value


def either(value: Mapping[str, Any], camel: str) -> Any:
    """Return a member by its camelCase name, or else by its snake_case one: protobuf's JSON allows both."""
    if camel in value:
        return value[camel]
    return value.get("".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in camel))
