"""Configs on the wire: bodies read with care, answers with tags, and requests that depend on them.

What grows with a body or a page (reading, masking, writing JSON) is done in a thread: the loop serves others meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import Depends, Header, Request
from starlette.responses import Response

from matrix.configs.api.access import Known
from matrix.configs.api.problems import Unanswerable
from matrix.configs.model import canonical
from matrix.configs.secrets import mask
from matrix.configs.store import StoredConfig
from matrix.json_access import mapping
from matrix.redaction import encodable

_ONE = r'(W/)?"([!#-~]*)"'
_TAG = re.compile(_ONE)
_TAGS = rf"^(\*|{_ONE}([ \t]*,[ \t]*{_ONE})*)$"


async def sent_config(request: Request, _: Known) -> dict[str, Any]:
    """Return the JSON object that a request carries. Raises Unanswerable: 415, or 400 with what is wrong.

    Not a model of FastAPI's: it would read a body before the key is known, on the loop, keep the last of two values
    for one key, and take a mask for a value.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        detail = "send the config as application/json"
        raise Unanswerable(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    return await to_thread.run_sync(_read, await request.body())


def _read(body: bytes) -> dict[str, Any]:
    try:
        data: object = json.loads(
            body.decode("utf-8"), object_pairs_hook=_without_repetition, parse_constant=_no_number
        )
    except RecursionError:
        raise _bad("the body nests too deeply") from None
    except UnicodeDecodeError:
        raise _bad("the body is no UTF-8 text") from None
    except ValueError as error:
        raise _bad(f"the body is no valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise _bad("the body is no JSON object; send one config")
    return dict(mapping(cast("object", data)))


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse what JSON leaves open, and what two readers would read differently."""
    read = dict[str, Any]()
    for key, value in pairs:
        if key in read:
            raise ValueError(f"the key {key[:64]!r} is there twice")
        read[key] = value
    return read


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _bad(detail: str) -> Unanswerable:
    return Unanswerable(HTTPStatus.BAD_REQUEST, "invalid-request", detail)


def _if_match(
    if_match: Annotated[
        str | None, Header(pattern=_TAGS, description="Do it only if the config still has one of these tags.")
    ] = None,
) -> list[str] | None:
    """Return the tags of If-Match, compared strongly (RFC 9110, 13.1.1); None where any will do."""
    if if_match is None or if_match == "*":
        return None
    return [found[2] for found in _TAG.finditer(if_match) if not found[1]]


def _if_none_match(
    if_none_match: Annotated[
        str | None, Header(pattern=_TAGS, description="Answer with 304 if the state still has one of these tags.")
    ] = None,
) -> frozenset[str]:
    """Return the tags of If-None-Match, compared weakly (RFC 9110, 13.1.2); `*` is among them where any will do."""
    if if_none_match is None or if_none_match == "*":
        return frozenset(if_none_match or ())
    return frozenset(found[2] for found in _TAG.finditer(if_none_match))


Sent = Annotated[dict[str, Any], Depends(sent_config)]
IfMatch = Annotated[list[str] | None, Depends(_if_match)]
IfNoneMatch = Annotated[frozenset[str], Depends(_if_none_match)]


async def config_response(
    stored: StoredConfig,
    known: frozenset[str] = frozenset(),
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with one config, secrets masked, and its tag; with 304 where a reader has it already."""

    def made() -> tuple[bytes, str]:
        return _json(mask(stored.config.to_json())), stored.etag

    return await _answer(made, known, status, headers)


async def tagged(
    body: Callable[[], Any], known: frozenset[str] = frozenset(), headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a body, made in a thread, and its tag; with 304 where a reader has it already."""

    def made() -> tuple[bytes, str]:
        text = _json(body())
        return text, hashlib.sha256(text).hexdigest()[:32]

    return await _answer(made, known, HTTPStatus.OK, headers)


def _json(body: Any) -> bytes:
    return encodable(canonical(body)).encode("utf-8")


async def _answer(
    make: Callable[[], tuple[bytes, str]], known: frozenset[str], status: HTTPStatus, headers: Mapping[str, str] | None
) -> Response:
    text, tag = await to_thread.run_sync(make)
    own = {"ETag": f'"{tag}"', **(headers or {})}
    if known & {tag, "*"}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=own)
    return Response(text, int(status), own, "application/json")


def next_link(request: Request, **parameters: Any) -> dict[str, str]:
    """Return the Link header to the next page (RFC 8288), by the same question."""
    query = {**dict(request.query_params), **{key: str(value) for key, value in parameters.items()}}
    return {"Link": f'<{request.url.path}?{urlencode(query)}>; rel="next"'}
