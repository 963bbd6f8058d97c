"""Calls of a REST service, whose failures are told to the model and do not end the run."""

import os
from collections.abc import Mapping
from typing import Any

import httpx
from pydantic_ai import ModelRetry, ToolFailed

TIMEOUT = httpx.Timeout(20.0)
"""Seconds that a service has for each of: the connection, a read, a write."""

CORRECTABLE = frozenset({400, 404, 409, 422})
"""The statuses that say the arguments were wrong, so that the model may try others."""


def key_from_env(name: str, service: str) -> str:
    """Return the key in this environment variable, or tell the model that the service cannot be used."""
    key = os.environ.get(name, "")
    if not key:
        raise ToolFailed(f"{service} cannot be used: the environment variable {name} is not set.")
    return key


async def request_json(
    service: str,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: Any = None,
) -> Any:
    """Send one request and return the JSON of its answer, or None where the answer is empty.

    Raises `ModelRetry` where other arguments may do better, and `ToolFailed` where nothing will:
    the key was refused, the service is down, or what it sent is no JSON.
    """
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT) as client:
            answer = await client.request(method, url, headers=headers, params=params, json=json)
    except httpx.HTTPError as error:
        raise ToolFailed(f"{service} could not be reached: {error or type(error).__name__}") from error
    if answer.status_code in CORRECTABLE:
        raise ModelRetry(_refusal(service, answer))
    if not answer.is_success:
        raise ToolFailed(_refusal(service, answer))
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError as error:
        raise ToolFailed(f"{service} answered with something that is no JSON.") from error


def _refusal(service: str, answer: httpx.Response) -> str:
    said = answer.text[:300]
    return f"{service} answered {answer.status_code} {answer.reason_phrase}: {said}".rstrip(": ")
