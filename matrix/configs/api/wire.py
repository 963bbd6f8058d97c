"""Configs on the wire: bodies read with care, answers with tags, and requests that depend on them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from matrix.configs.api.problems import Problem
from matrix.configs.model import canonical, fingerprint
from matrix.configs.secrets import mask
from matrix.configs.store import StoredConfig
from matrix.json_access import mapping

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')


async def read_config(request: Request) -> dict[str, Any]:
    """Return the JSON object that a request carries. Raises Problem: 415, or 400 with what is wrong."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        detail = "send the config as application/json"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    try:
        text = (await request.body()).decode("utf-8")
        data: object = json.loads(text, object_pairs_hook=_without_repetition, parse_constant=_no_number)
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
    read = dict(pairs)
    if len(read) != len(pairs):
        repeated = next(key for number, (key, _) in enumerate(pairs) if key in {each for each, _ in pairs[:number]})
        msg = f"the key {repeated[:64]!r} is there twice"
        raise ValueError(msg)
    return read


def _no_number(text: str) -> Any:
    msg = f"{text} is no number of JSON"
    raise ValueError(msg)


def _bad(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "invalid-request", detail)


def config_response(
    request: Request, stored: StoredConfig, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with one config, secrets masked, and its tag."""
    return tagged(request, mask(stored.config.to_json()), stored.etag, status, headers)


def tagged(
    request: Request,
    body: Any,
    tag: str | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with a body and its tag; with 304 where a reader has it already (RFC 9110, 13.1.2)."""
    tag = tag or fingerprint(body)
    own = {"ETag": f'"{tag}"', **(headers or {})}
    known = tags(request.headers.get("if-none-match"), "If-None-Match", weak=True)
    if request.method == "GET" and known is not None and (tag in known or "*" in known):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=own)
    return JSONResponse(json.loads(canonical(body)), int(status), own)


def if_match(request: Request) -> list[str] | None:
    """Return the tags of If-Match, compared strongly (RFC 9110, 13.1.1); None where any will do."""
    found = tags(request.headers.get("if-match"), "If-Match", weak=False)
    return None if found is None or "*" in found else found


def tags(header: str | None, name: str, *, weak: bool) -> list[str] | None:
    """Read a list of tags; None if there is no such header. Raises Problem (400) for one that cannot be read."""
    if header is None:
        return None
    if header.strip() == "*":
        return ["*"]
    found = [(match[1], match[2]) for part in header.split(",") if (match := _TAG.fullmatch(part.strip()))]
    if len(found) != len(header.split(",")):
        raise _bad(f'{name} is no list of tags; send one that we gave you, such as "0123abcd", with its quotes')
    return [tag for is_weak, tag in found if weak or not is_weak]


def next_link(request: Request, **parameters: Any) -> dict[str, str]:
    """Return the Link header to the next page (RFC 8288), by the same question."""
    query = {**dict(request.query_params), **{key: str(value) for key, value in parameters.items()}}
    return {"Link": f'<{request.url.path}?{urlencode(query)}>; rel="next"'}
