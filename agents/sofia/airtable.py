"""The Airtable Web API as tools, and the sub-agent that holds them."""

import os
from typing import Any
from urllib.parse import quote

from pydantic_ai import Agent, ModelRetry, RunContext

from agents.common.delegates import model_of
from agents.common.rest import key_from_env, request_json
from agents.sofia.prompts import AIRTABLE

API = "https://api.airtable.com/v0"
PAGES = 5
"""The most pages of 100 records that one look-up reads."""


def airtable_tool() -> Any:
    """Return the tool `airtable_agent`, an agent of its own that runs inside it."""
    tools = [list_bases, list_tables, list_records, create_record, update_record]
    specialist = Agent(name="sofia-airtable", instructions=AIRTABLE, tools=tools, retries=3)

    async def airtable_agent(ctx: RunContext[Any], input_text: str) -> str:
        """Have the Airtable specialist read or write the project's tables.

        Args:
            input_text: What to look up or change, in words, with every value that is needed.
        """
        answer = await specialist.run(input_text, model=model_of(ctx), usage=ctx.usage)
        return answer.output

    return airtable_agent


async def list_bases() -> list[dict[str, Any]]:
    """List the bases that can be reached."""
    found = await _call("GET", "/meta/bases")
    return found["bases"]


async def list_tables(base_id: str = "") -> list[dict[str, Any]]:
    """List the tables of a base, with their fields.

    Args:
        base_id: The base; the project's own by default.
    """
    found = await _call("GET", f"/meta/bases/{_base(base_id)}/tables")
    return [
        {"id": table["id"], "name": table["name"], "fields": [each["name"] for each in table["fields"]]}
        for table in found["tables"]
    ]


async def list_records(table: str, formula: str = "", base_id: str = "") -> dict[str, Any]:
    """List the records of a table.

    Args:
        table: The table's name or id.
        formula: An Airtable formula; only records for which it is true.
        base_id: The base; the project's own by default.
    """
    params = {"filterByFormula": formula} if formula else {}
    records: list[dict[str, Any]] = []
    for _ in range(PAGES):
        page = await _call("GET", _table(table, base_id), params=params)
        records += page["records"]
        if not page.get("offset"):
            break
        params["offset"] = page["offset"]
    return {"records": records}


async def create_record(table: str, fields: dict[str, Any], base_id: str = "") -> dict[str, Any]:
    """Add a record to a table.

    Args:
        table: The table's name or id.
        fields: The values by field name.
        base_id: The base; the project's own by default.
    """
    return await _call("POST", _table(table, base_id), json={"fields": fields})


async def update_record(table: str, record_id: str, fields: dict[str, Any], base_id: str = "") -> dict[str, Any]:
    """Change some fields of a record and leave the others.

    Args:
        table: The table's name or id.
        record_id: The record's id, which begins with rec.
        fields: The new values by field name.
        base_id: The base; the project's own by default.
    """
    path = f"{_table(table, base_id)}/{quote(record_id, safe='')}"
    return await _call("PATCH", path, json={"fields": fields})


def _base(base_id: str) -> str:
    base = base_id or os.environ.get("AIRTABLE_BASE_ID", "")
    if not base:
        raise ModelRetry("No base was named and AIRTABLE_BASE_ID is not set: take one from list_bases.")
    return quote(base, safe="")


def _table(table: str, base_id: str) -> str:
    return f"/{_base(base_id)}/{quote(table, safe='')}"


async def _call(method: str, path: str, **request: Any) -> Any:
    headers = {"Authorization": f"Bearer {key_from_env('AIRTABLE_API_KEY', 'Airtable')}"}
    return await request_json("Airtable", method, API + path, headers=headers, **request)
