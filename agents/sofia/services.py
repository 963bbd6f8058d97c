"""The services of sofia, answered on this machine: WhatsApp, the meeting bot, and an Airtable base."""

import json
import os
import re
from typing import Any

import httpx
import respx

from agents.common.whatsapp_service import mock_whatsapp
from agents.sofia.airtable import API
from agents.sofia.tools import MEETING_URL

BASE = {"id": "appLkNDICXNqxSDhG", "name": "Harbour project", "permissionLevel": "edit"}
TABLE = {
    "id": "tbltp8DGLhqbUmjK1",
    "name": "Tasks",
    "primaryFieldId": "fld1VnoyuotSTyxW1",
    "fields": [
        {"id": "fld1VnoyuotSTyxW1", "name": "Name", "type": "singleLineText"},
        {"id": "fldoi0c3GaRQJ3xnI", "name": "Status", "type": "singleSelect"},
    ],
}
CREATED = "2026-01-15T12:00:00.000Z"
RECORDS: list[dict[str, Any]] = [
    {"id": "rec560UJdUtocSouk", "createdTime": CREATED, "fields": {"Name": "Dredging", "Status": "Doing"}},
    {"id": "rec3lbPRG4aVqkeOQ", "createdTime": CREATED, "fields": {"Name": "Lighting", "Status": "Todo"}},
]


def mock(router: respx.MockRouter) -> None:
    """Add the routes of all three; each refuses a request without its key."""
    mock_whatsapp(router)
    meetings = os.environ.get("MEETING_BOT_API_URL", MEETING_URL).rstrip("/")
    router.post(f"{meetings}/api/v1/bots").mock(side_effect=_join)
    base = re.escape(API)
    router.get(url__regex=rf"^{base}/meta/bases$").mock(side_effect=_bases)
    router.get(url__regex=rf"^{base}/meta/bases/{BASE['id']}/tables$").mock(side_effect=_tables)
    table = rf"^{base}/{BASE['id']}/(?:Tasks|{TABLE['id']})"
    router.get(url__regex=rf"{table}(\?.*)?$").mock(side_effect=_records)
    router.post(url__regex=rf"{table}$").mock(side_effect=_create)
    router.patch(url__regex=rf"{table}/(?P<record_id>rec\w+)$").mock(side_effect=_update)


def _join(request: httpx.Request) -> httpx.Response:
    if refused := _unauthorized(request):
        return refused
    return httpx.Response(201, json={"id": "bot-7f3a", "status": "joining", **json.loads(request.content)})


def _bases(request: httpx.Request) -> httpx.Response:
    return _unauthorized(request) or httpx.Response(200, json={"bases": [BASE]})


def _tables(request: httpx.Request) -> httpx.Response:
    return _unauthorized(request) or httpx.Response(200, json={"tables": [TABLE]})


def _records(request: httpx.Request) -> httpx.Response:
    """Answer with one record a page, so that whoever reads no further sees only the first."""
    if refused := _unauthorized(request):
        return refused
    if request.url.params.get("offset"):
        return httpx.Response(200, json={"records": RECORDS[1:]})
    return httpx.Response(200, json={"records": RECORDS[:1], "offset": f"itr/{RECORDS[0]['id']}"})


def _create(request: httpx.Request) -> httpx.Response:
    if refused := _unauthorized(request):
        return refused
    record = {"id": "recNewq1w2e3r4t5y", "createdTime": CREATED, **json.loads(request.content)}
    return httpx.Response(200, json=record)


def _update(request: httpx.Request, record_id: str) -> httpx.Response:
    if refused := _unauthorized(request):
        return refused
    found = next((each for each in RECORDS if each["id"] == record_id), None)
    if found is None:
        return httpx.Response(404, json={"error": "NOT_FOUND"})
    fields = {**found["fields"], **json.loads(request.content)["fields"]}
    return httpx.Response(200, json={**found, "fields": fields})


def _unauthorized(request: httpx.Request) -> httpx.Response | None:
    if request.headers.get("authorization", "").removeprefix("Bearer "):
        return None
    error = {"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"}
    return httpx.Response(401, json={"error": error})
