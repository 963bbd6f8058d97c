"""Sofia's own tools, besides those that write to WhatsApp."""

import os
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic_ai import FunctionToolset, ModelRetry

from agents.common.rest import key_from_env, request_json
from agents.sofia.airtable import airtable_tool

MEETING_URL = "https://meetings.example.com"
HOSTS = {"gmeet": "meet.google.com", "zoom": "zoom.us", "teams": "teams.microsoft.com"}


def project_toolset() -> FunctionToolset[Any]:
    """Return the two tools."""
    return FunctionToolset([join_meeting_tool, airtable_tool()], id="project")


async def join_meeting_tool(meeting_url: str, service: Literal["gmeet", "zoom", "teams"] = "gmeet") -> str:
    """Send the note-taking bot to a meeting.

    Args:
        meeting_url: The meeting's address.
        service: Whose meeting it is.
    """
    parts = urlsplit(meeting_url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not (host == HOSTS[service] or host.endswith("." + HOSTS[service])):
        raise ModelRetry(f"{meeting_url!r} is no address of a meeting at {HOSTS[service]}.")
    base = os.environ.get("MEETING_BOT_API_URL", MEETING_URL).rstrip("/")
    headers = {"Authorization": f"Bearer {key_from_env('MEETING_BOT_API_KEY', 'The meeting bot')}"}
    body = {"meeting_url": meeting_url, "service": service, "bot_name": "Sofia"}
    bot = await request_json("The meeting bot", "POST", f"{base}/api/v1/bots", headers=headers, json=body)
    return f"The bot {bot['id']} is {bot['status']} at {meeting_url}."
