"""Everything that goes wrong, as `application/problem+json` (RFC 9457); nothing of our insides is in it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from matrix.configs.database import DatabaseBusy
from matrix.configs.model import InvalidConfig
from matrix.configs.rollout.dual_write import NotMigrated, OutOfStep
from matrix.configs.secrets import CannotUnseal, mask_text
from matrix.configs.service import Forbidden, Refused
from matrix.configs.store import Changed, DuplicateServer, UnknownServer
from matrix.errors import MatrixError

MEDIA_TYPE = "application/problem+json"
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


class Problem(Exception):
    """A request that is answered with a problem."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, dict(headers or {})


def response(
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
) -> Response:
    """Return a problem: `type` names it for programs, `detail` is one sentence for people."""
    body: dict[str, Any] = {
        "type": f"urn:agent-matrix:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": mask_text(detail),
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, int(status), dict(headers or {}), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have the application answer with problems only."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(MatrixError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(Exception, _fault)


async def _problem(_: Request, error: Exception) -> Response:
    problem = cast("Problem", error)
    return response(problem.status, problem.code, problem.detail, headers=problem.headers)


async def _ours(_: Request, error: Exception) -> Response:
    status, code = next((found for kind, found in _STATUS.items() if isinstance(error, kind)), _UNAVAILABLE)
    detail, errors = str(error), list[Mapping[str, Any]]()
    if isinstance(error, Refused):
        errors = [asdict(each) for each in error.violations]
    elif isinstance(error, InvalidConfig):
        errors = [{"where": error.where, "message": error.problem}]
    elif (status, code) == _UNAVAILABLE:
        # What a driver says of a database is for whoever runs it.
        _LOG.error("%s", error)
        detail = "the store cannot be reached at the moment"
    headers = _RETRY if status is HTTPStatus.SERVICE_UNAVAILABLE else None
    return response(status, code, detail, headers=headers, errors=errors)


async def _invalid(_: Request, error: Exception) -> Response:
    found = cast("RequestValidationError", error).errors()
    errors = [{"where": ".".join(str(part) for part in each["loc"]), "message": str(each["msg"])} for each in found]
    detail = f"{errors[0]['where']}: {errors[0]['message']}" if errors else "the request cannot be read"
    return response(HTTPStatus.BAD_REQUEST, "invalid-request", detail, errors=errors)


async def _plain(request: Request, error: Exception) -> Response:
    problem = cast("HTTPException", error)
    status, headers = HTTPStatus(problem.status_code), dict(problem.headers or {})
    detail = "there is nothing here" if status is HTTPStatus.NOT_FOUND else str(problem.detail)
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        # The router names the methods of the first route of this path only.
        headers["Allow"] = ", ".join(_methods(request))
        detail = f"there is no {request.method} here; there are {headers['Allow']}"
    return response(status, status.phrase.lower().replace(" ", "-"), detail, headers=headers)


def _methods(request: Request) -> list[str]:
    routes: Sequence[BaseRoute] = request.app.state.routes
    found = [route for route in routes if isinstance(route, Route) and route.path_regex.match(request.url.path)]
    return sorted({method for route in found for method in route.methods or ()})


async def _fault(_: Request, error: Exception) -> Response:
    _LOG.error("a fault of ours: %s", type(error).__name__)
    return response(HTTPStatus.INTERNAL_SERVER_ERROR, "fault", "something is wrong with the server; its log says what")
