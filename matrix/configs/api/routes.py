"""The routes: what is asked, who may ask it, and how it is answered; what is done is the service's business."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse, Response

from matrix.configs.api import documents, wire
from matrix.configs.api.access import Known, TheGate
from matrix.configs.model import MAX_NAME
from matrix.configs.rollout.status import as_prometheus, read_status
from matrix.configs.secrets import mask
from matrix.configs.service import Page

PREFIX = "/api/v1/mcp"
MOST = 500
"""Entries of a page."""

router = APIRouter(prefix=PREFIX)


def _no_nul(text: str) -> str:
    if "\0" in text:
        msg = "has a NUL character, which no name has"
        raise ValueError(msg)
    return text


Name = Annotated[str, Path(min_length=1, max_length=MAX_NAME, examples=["linear"]), AfterValidator(_no_nul)]
Agent = Annotated[str, Path(min_length=1, max_length=MAX_NAME, examples=["assistant"]), AfterValidator(_no_nul)]
AText = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_no_nul)]


class ListQuery(BaseModel):
    """Which configs: an agent's, the enabled ones; `limit` of them, after a name."""

    model_config = ConfigDict(extra="forbid")

    agent_name: AText | None = None
    enabled_only: bool = True
    after: AText | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 100


class AuditQuery(BaseModel):
    """Which changes: of a server, older than the change of an id; `limit` of them."""

    model_config = ConfigDict(extra="forbid")

    server: AText | None = None
    before: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 100


class Nothing(BaseModel):
    """No parameters."""

    model_config = ConfigDict(extra="forbid")


@router.get("/configs", responses=documents.responses(200, 304, schema=documents.PAGE))
async def list_configs(request: Request, caller: Known, its: TheGate, query: Annotated[ListQuery, Query()]) -> Response:
    """List configs by name: those of the new store, or those that an agent is served in the mode that it is in."""
    wanted: dict[str, Any] = {"enabled_only": query.enabled_only, "after": query.after, "limit": query.limit}
    if query.agent_name is None:
        page = await its.service.page(caller, **wanted)
    else:
        page = await its.service.agent_page(caller, query.agent_name, **wanted)
    return _paged(request, page)


@router.post("/configs", status_code=HTTPStatus.CREATED, responses=documents.responses(201, 409, 413, 415),
             openapi_extra=documents.BODY)  # fmt: skip
async def create_config(request: Request, caller: Known, its: TheGate, _: Annotated[Nothing, Query()]) -> Response:
    """Add a config."""
    made = await its.service.create(caller, await wire.read_config(request))
    headers = {"Location": f"{PREFIX}/configs/{quote(made.name, safe='')}"}
    return wire.config_response(request, made, HTTPStatus.CREATED, headers)


@router.get("/configs/{name}", responses=documents.responses(200, 304, 404))
async def get_config(
    request: Request, caller: Known, its: TheGate, name: Name, _: Annotated[Nothing, Query()]
) -> Response:
    """Return one config of the new store; its secrets are masked."""
    return wire.config_response(request, await its.service.get(caller, name))


@router.put("/configs/{name}", responses=documents.responses(200, 404, 409, 412, 413, 415),
            openapi_extra=documents.BODY_AND_TAG)  # fmt: skip
async def replace_config(
    request: Request, caller: Known, its: TheGate, name: Name, _: Annotated[Nothing, Query()]
) -> Response:
    """Replace a config, if it still has the tag of If-Match; a mask sent back keeps the secret that it stands for."""
    data = await wire.read_config(request)
    return wire.config_response(request, await its.service.replace(caller, name, data, wire.if_match(request)))


@router.delete("/configs/{name}", status_code=HTTPStatus.NO_CONTENT, responses=documents.responses(204, 404, 409, 412),
               openapi_extra=documents.TAG)  # fmt: skip
async def delete_config(
    request: Request, caller: Known, its: TheGate, name: Name, _: Annotated[Nothing, Query()]
) -> Response:
    """Remove a config, if it still has the tag of If-Match."""
    await its.service.delete(caller, name, wire.if_match(request))
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get("/agents/{agent}/configs", responses=documents.responses(200, 304, schema=documents.PAGE))
async def agent_configs(
    request: Request, caller: Known, its: TheGate, agent: Agent, _: Annotated[Nothing, Query()]
) -> Response:
    """Return all enabled servers of an agent, from the store that its mode names."""
    served = await its.service.of_agent(caller, agent)
    return _paged(request, Page(served.configs, None, served.problems))


@router.get("/audit", responses=documents.responses(200, 304, schema=documents.PAGE))
async def audit(request: Request, caller: Known, its: TheGate, query: Annotated[AuditQuery, Query()]) -> Response:
    """Return who changed what, the newest first; secrets are masked on both sides."""
    found = await its.service.history(caller, server=query.server, before=query.before, limit=query.limit)
    items = [{**asdict(each), "changed": list(each.changed), "at": each.at.isoformat()} for each in found]
    more = found[-1].id if len(found) == query.limit else None
    headers = {} if more is None else wire.next_link(request, before=more)
    return wire.tagged(request, {"items": items, "next": more}, headers=headers)


@router.get("/metrics", responses=documents.responses(200, schema=documents.TEXT))
async def metrics(caller: Known, its: TheGate, _: Annotated[Nothing, Query()]) -> Response:
    """Return where the move from the legacy tables stands, for Prometheus."""
    found = await its.service.status(caller)
    return PlainTextResponse(as_prometheus(found), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/health", responses=documents.responses(200, schema=documents.HEALTH, public=True))
async def health(request: Request, its: TheGate, _: Annotated[Nothing, Query()]) -> Response:
    """Say that the store can be read; asks for no key."""
    async with its.service.database.reading() as connection:
        await read_status(connection)
    return wire.tagged(request, {"status": "ok"})


def _paged(request: Request, page: Page) -> Response:
    body: dict[str, Any] = {"items": [mask(each.to_json()) for each in page.configs], "next": page.after}
    if page.problems:
        body["problems"] = list(page.problems)
    headers = {} if page.after is None else wire.next_link(request, after=page.after)
    return wire.tagged(request, body, headers=headers)
