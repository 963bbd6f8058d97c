"""The routes: what is asked, who may ask it, and how it is answered; what is done is the service's business."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, PlainTextResponse, Response

from matrix.configs.api import wire
from matrix.configs.api.access import Anybody, Known, TheGate
from matrix.configs.api.documents import BODY, responses
from matrix.configs.audit import Change
from matrix.configs.model import MAX_NAME, ServerConfig
from matrix.configs.rollout.prometheus import as_prometheus
from matrix.configs.secrets import mask
from matrix.configs.service import Page

PREFIX = "/api/v1/mcp"
MOST = 500
"""Entries of a page."""

router = APIRouter(prefix=PREFIX)

_NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, Path(min_length=1, max_length=MAX_NAME, pattern=_NO_NUL, examples=["linear"])]
Agent = Annotated[str, Path(min_length=1, max_length=MAX_NAME, pattern=_NO_NUL, examples=["assistant"])]
Asked = Annotated[str, Field(min_length=1, max_length=MAX_NAME, pattern=_NO_NUL)]


class Nothing(BaseModel):
    """No parameters."""

    model_config = ConfigDict(extra="forbid")


class ListQuery(Nothing):
    """Which configs: an agent's, the enabled ones; `limit` of them, after a name."""

    agent_name: Asked | None = None
    enabled_only: bool = True
    after: Asked | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 100


class AuditQuery(Nothing):
    """Which changes: of a server, older than the change of an id; `limit` of them."""

    server: Asked | None = None
    before: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 100


class ConfigPage(BaseModel):
    """Configs by name; `next` is the name after which the next page begins, `problems` what could not be read."""

    items: list[ServerConfig]
    next: str | None
    problems: list[str] | None = None


class AuditEntry(BaseModel):
    """A change of one config; secrets are masked on both sides."""

    id: int
    at: datetime
    who: str
    action: str
    server: str
    changed: list[str]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(BaseModel):
    """Changes, the newest first; the next page is of those before the id `next`."""

    items: list[AuditEntry]
    next: int | None


class Health(BaseModel):
    """The store can be read."""

    status: Literal["ok"]


NoQuery = Annotated[Nothing, Query()]


@router.get("/configs", response_model=ConfigPage, responses=responses(200, 304, headers=("ETag", "Link")))
async def list_configs(
    request: Request, caller: Known, its: TheGate, query: Annotated[ListQuery, Query()], known: wire.IfNoneMatch
) -> Response:
    """List configs by name: those of the new store, or those that an agent is served in the mode that it is in."""
    wanted: dict[str, Any] = {"enabled_only": query.enabled_only, "after": query.after, "limit": query.limit}
    if query.agent_name is None:
        page = await its.service.page(caller, **wanted)
    else:
        page = await its.service.agent_page(caller, query.agent_name, **wanted)
    headers = {} if page.after is None else wire.next_link(request, after=page.after)
    return await wire.tagged(partial(_shown, page), known, headers)


@router.post("/configs", status_code=HTTPStatus.CREATED, response_model=ServerConfig, openapi_extra=BODY,
             responses=responses(201, 408, 409, 413, 415, headers=("ETag", "Location")))  # fmt: skip
async def create_config(caller: Known, its: TheGate, sent: wire.Sent, _: NoQuery) -> Response:
    """Add a config."""
    made = await its.service.create(caller, sent)
    headers = {"Location": f"{PREFIX}/configs/{quote(made.name, safe='')}"}
    return await wire.config_response(made, status=HTTPStatus.CREATED, headers=headers)


@router.get("/configs/{name}", response_model=ServerConfig, responses=responses(200, 304, 404))
async def get_config(caller: Known, its: TheGate, name: Name, known: wire.IfNoneMatch, _: NoQuery) -> Response:
    """Return one config of the new store; its secrets are masked."""
    return await wire.config_response(await its.service.get(caller, name), known)


@router.put("/configs/{name}", response_model=ServerConfig, openapi_extra=BODY,
            responses=responses(200, 404, 408, 409, 412, 413, 415))  # fmt: skip
async def replace_config(
    caller: Known, its: TheGate, name: Name, sent: wire.Sent, if_match: wire.IfMatch, _: NoQuery
) -> Response:
    """Replace a config, if it still has the tag of If-Match; a mask sent back keeps the secret that it stands for."""
    return await wire.config_response(await its.service.replace(caller, name, sent, if_match))


@router.delete(
    "/configs/{name}", status_code=HTTPStatus.NO_CONTENT, responses=responses(204, 404, 409, 412, headers=())
)
async def delete_config(caller: Known, its: TheGate, name: Name, if_match: wire.IfMatch, _: NoQuery) -> Response:
    """Remove a config, if it still has the tag of If-Match."""
    await its.service.delete(caller, name, if_match)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get("/agents/{agent}/configs", response_model=ConfigPage, responses=responses(200, 304))
async def agent_configs(caller: Known, its: TheGate, agent: Agent, known: wire.IfNoneMatch, _: NoQuery) -> Response:
    """Return all enabled servers of an agent, from the store that its mode names."""
    served = await its.service.of_agent(caller, agent)
    return await wire.tagged(partial(_shown, Page(served.configs, None, served.problems)), known)


@router.get("/audit", response_model=AuditPage, responses=responses(200, 304, headers=("ETag", "Link")))
async def audit(
    request: Request, caller: Known, its: TheGate, query: Annotated[AuditQuery, Query()], known: wire.IfNoneMatch
) -> Response:
    """Return who changed what, the newest first; secrets are masked on both sides."""
    found = await its.service.history(caller, server=query.server, before=query.before, limit=query.limit)
    more = found[-1].id if len(found) == query.limit else None
    headers = {} if more is None else wire.next_link(request, before=more)
    return await wire.tagged(lambda: {"items": [_entry(each) for each in found], "next": more}, known, headers)


@router.get("/metrics", response_class=PlainTextResponse, responses=responses(200, headers=()))
async def metrics(caller: Known, its: TheGate, _: NoQuery) -> Response:
    """Return where the move from the legacy tables stands, for Prometheus."""
    text = await to_thread.run_sync(as_prometheus, await its.service.status(caller))
    return PlainTextResponse(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


@router.get("/health", response_model=Health, dependencies=[Anybody], responses=responses(200, headers=(), public=True))
async def health(its: TheGate, _: NoQuery) -> Health:
    """Say that the store can be read; asks for no key."""
    await its.service.reachable()
    return Health(status="ok")


@router.get("/openapi.json", dependencies=[Anybody], include_in_schema=False)
async def openapi(request: Request) -> Response:
    """Return the document that describes all of this; asks for no key."""
    return JSONResponse(request.app.openapi())


def _shown(page: Page) -> dict[str, Any]:
    problems = {"problems": list(page.problems)} if page.problems else {}
    return {"items": [mask(each.to_json()) for each in page.configs], "next": page.after, **problems}


def _entry(change: Change) -> dict[str, Any]:
    return {**vars(change), "changed": list(change.changed), "at": change.at.isoformat()}
