"""Everything that goes wrong, as `application/problem+json` (RFC 9457); nothing of our insides is in it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from anyio import to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from matrix.configs.database import DatabaseBusy
from matrix.configs.model import InvalidConfig, what_is_wrong
from matrix.configs.rollout.dual_write import NotMigrated, OutOfStep
from matrix.configs.secrets import CannotUnseal, mask_text
from matrix.configs.service import Forbidden, Refused
from matrix.configs.store import Changed, DuplicateServer, UnknownServer
from matrix.errors import MatrixError
from matrix.redaction import encodable

MEDIA_TYPE = "application/problem+json"
MAX_TEXT = 2000
"""Characters of a sentence."""
MAX_FAULTS = 100
"""Places that one problem names."""
_MAX_WORD = 256
"""Characters of a word: no sentence of ours has a longer one."""
_READ = 4 * MAX_TEXT
"""Characters of a text that are searched for secrets: few enough for that to cost nothing worth speaking of."""
_WORD = re.compile(r"\S+")

_LOG = logging.getLogger("matrix.configs.api")
_RETRY = {"Retry-After": "1"}
_STATUS: Mapping[type[Exception], tuple[HTTPStatus, str]] = {
    InvalidConfig: (HTTPStatus.BAD_REQUEST, "invalid-config"),
    Refused: (HTTPStatus.BAD_REQUEST, "policy"),
    Forbidden: (HTTPStatus.FORBIDDEN, "forbidden"),
    UnknownServer: (HTTPStatus.NOT_FOUND, "unknown-server"),
    DuplicateServer: (HTTPStatus.CONFLICT, "duplicate-server"),
    NotMigrated: (HTTPStatus.CONFLICT, "not-migrated"),
    OutOfStep: (HTTPStatus.CONFLICT, "out-of-step"),
    Changed: (HTTPStatus.PRECONDITION_FAILED, "changed"),
    DatabaseBusy: (HTTPStatus.SERVICE_UNAVAILABLE, "busy"),
    CannotUnseal: (HTTPStatus.SERVICE_UNAVAILABLE, "no-store-key"),
}
_UNAVAILABLE = (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable")


class Fault(BaseModel):
    """A place in the request, what is wrong there, and the rule of the policy that says so."""

    where: str
    message: str
    rule: str | None = None


class Problem(BaseModel):
    """`type` names the problem for programs, `detail` is one sentence for people."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = None


class Unanswerable(Exception):
    """A request that is answered with a problem."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, headers


def response(
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Fault] = (),
) -> Response:
    """Return a problem with whatever looks like a secret masked."""
    faults = [
        each.model_copy(update={"where": _safe(each.where), "message": _safe(each.message)})
        for each in errors[:MAX_FAULTS]
    ]
    problem = Problem(
        type=f"urn:agent-matrix:problem:{code}",
        title=status.phrase,
        status=int(status),
        detail=_safe(detail),
        errors=faults or None,
    )
    return Response(problem.model_dump_json(exclude_none=True), int(status), dict(headers or {}), MEDIA_TYPE)


def _safe(text: str) -> str:
    """Mask a text, and shorten it; no word is cut in two before it is masked: half of a secret looks like none."""
    short = _WORD.sub(lambda word: word[0] if len(word[0]) <= _MAX_WORD else "…", text)
    if len(short) > _READ:
        *whole, _ = short[:_READ].rsplit(maxsplit=1)
        short = f"{''.join(whole)} …"
    masked = mask_text(encodable(short))
    return masked if len(masked) <= MAX_TEXT else f"{masked[: MAX_TEXT - 1]}…"


def install(app: FastAPI) -> None:
    """Have the application answer with problems only."""
    app.add_exception_handler(Unanswerable, _unanswerable)
    app.add_exception_handler(MatrixError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)


async def _response(status: HTTPStatus, code: str, detail: str, **more: Any) -> Response:
    """Return a problem that may tell what a client sent: in a thread, however much that is."""
    return await to_thread.run_sync(partial(response, status, code, detail, **more))


async def _unanswerable(_: Request, error: Exception) -> Response:
    problem = cast("Unanswerable", error)
    return await _response(problem.status, problem.code, problem.detail, headers=problem.headers)


async def _ours(_: Request, error: Exception) -> Response:
    status, code = next((found for kind, found in _STATUS.items() if isinstance(error, kind)), _UNAVAILABLE)
    detail, errors = str(error), list[Fault]()
    if isinstance(error, Refused):
        errors = [Fault(where=each.where, message=each.message, rule=each.rule) for each in error.violations]
    elif isinstance(error, InvalidConfig):
        errors = [Fault(where=encodable(error.where), message=encodable(error.problem))]
    elif (status, code) == _UNAVAILABLE:
        # What a driver says of a database is for whoever runs it.
        _LOG.error("%s", await to_thread.run_sync(_safe, detail))
        detail = "the store cannot be reached at the moment"
    headers = _RETRY if status is HTTPStatus.SERVICE_UNAVAILABLE else None
    return await _response(status, code, detail, headers=headers, errors=errors)


async def _invalid(_: Request, error: Exception) -> Response:
    found = cast("RequestValidationError", error).errors()
    errors = [
        Fault(where=encodable(".".join(map(str, each["loc"]))), message=encodable(what_is_wrong(each)))
        for each in found[:MAX_FAULTS]
    ]
    detail = f"{errors[0].where}: {errors[0].message}" if errors else "the request cannot be read"
    return await _response(HTTPStatus.BAD_REQUEST, "invalid-request", detail, errors=errors)


async def _plain(request: Request, error: Exception) -> Response:
    problem = cast("HTTPException", error)
    status, headers = HTTPStatus(problem.status_code), dict(problem.headers or {})
    detail = "there is nothing here" if status is HTTPStatus.NOT_FOUND else str(problem.detail)
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        # The router names the methods of the first route of this path only.
        headers["Allow"] = ", ".join(_methods(request))
        detail = f"there is no {request.method} here; there are {headers['Allow']}"
    return await _response(status, status.phrase.lower().replace(" ", "-"), detail, headers=headers)


def _methods(request: Request) -> list[str]:
    routes: Sequence[BaseRoute] = request.app.state.routes
    found = [route for route in routes if isinstance(route, Route) and route.path_regex.match(request.url.path)]
    return sorted({method for route in found for method in route.methods or ()})


def documented(error: Mapping[str, Any]) -> dict[str, Any]:
    """Return a response of the document as a problem: FastAPI gives every model the type of the route's answer."""
    return {**error, "content": {MEDIA_TYPE: next(iter(error["content"].values()))}}
