"""The Discord REST API, answered on this machine: one guild, two channels, two messages."""

import json
import re

import httpx
import respx

from agents.discord.tools import API

GUILD = {
    "id": "197038439483310086",
    "name": "Discord Testers",
    "icon": "f64c482b807da4f539cff778d174971c",
    "owner": False,
    "permissions": "2147483647",
    "features": ["COMMUNITY"],
    "approximate_member_count": 60814,
    "approximate_presence_count": 20034,
    "description": "The official place to report Discord bugs.",
}
CHANNELS = [
    {"id": "290926798999357250", "type": 0, "name": "general", "position": 0, "guild_id": GUILD["id"]},
    {"id": "290926798999357251", "type": 2, "name": "voice", "position": 1, "guild_id": GUILD["id"]},
]
AUTHOR = {"id": "53908099506183680", "username": "mason", "discriminator": "0", "bot": False}


def mock(router: respx.MockRouter) -> None:
    """Add the routes of the guild and its channels; anything else is answered 404, as Discord does."""
    base = re.escape(API)
    router.get(url__regex=rf"^{base}/users/@me/guilds").mock(side_effect=_guilds)
    router.get(url__regex=rf"^{base}/guilds/(?P<guild_id>\d+)/channels$").mock(side_effect=_channels)
    router.get(url__regex=rf"^{base}/guilds/(?P<guild_id>\d+)(\?.*)?$").mock(side_effect=_guild)
    messages = rf"^{base}/channels/(?P<channel_id>\d+)/messages(\?.*)?$"
    router.get(url__regex=messages).mock(side_effect=_messages)
    router.post(url__regex=messages).mock(side_effect=_send)


def _guilds(request: httpx.Request) -> httpx.Response:
    return _unauthorized(request) or httpx.Response(200, json=[GUILD])


def _guild(request: httpx.Request, guild_id: str) -> httpx.Response:
    refused = _unauthorized(request) or _unless(guild_id == GUILD["id"], 10004, "Unknown Guild")
    return refused or httpx.Response(200, json=GUILD)


def _channels(request: httpx.Request, guild_id: str) -> httpx.Response:
    refused = _unauthorized(request) or _unless(guild_id == GUILD["id"], 10004, "Unknown Guild")
    return refused or httpx.Response(200, json=CHANNELS)


def _messages(request: httpx.Request, channel_id: str) -> httpx.Response:
    refused = _unauthorized(request) or _unless(_known(channel_id), 10003, "Unknown Channel")
    if refused:
        return refused
    messages = [
        _message("1100000000000000002", channel_id, "The bot is back."),
        _message("1100000000000000001", channel_id, "Has anyone seen the bot?"),
    ]
    return httpx.Response(200, json=messages[: int(request.url.params.get("limit", "50"))])


def _send(request: httpx.Request, channel_id: str) -> httpx.Response:
    refused = _unauthorized(request) or _unless(_known(channel_id), 10003, "Unknown Channel")
    if refused:
        return refused
    content = json.loads(request.content)["content"]
    if not content:
        return httpx.Response(400, json={"code": 50006, "message": "Cannot send an empty message"})
    return httpx.Response(200, json=_message("1100000000000000003", channel_id, content))


def _message(message_id: str, channel_id: str, content: str) -> dict[str, object]:
    return {
        "id": message_id,
        "channel_id": channel_id,
        "author": AUTHOR,
        "content": content,
        "timestamp": "2026-01-15T12:00:00.000000+00:00",
        "edited_timestamp": None,
        "attachments": [],
        "embeds": [],
        "type": 0,
    }


def _known(channel_id: str) -> bool:
    return any(channel["id"] == channel_id for channel in CHANNELS)


def _unauthorized(request: httpx.Request) -> httpx.Response | None:
    if request.headers.get("authorization", "").startswith("Bot "):
        return None
    return httpx.Response(401, json={"message": "401: Unauthorized", "code": 0})


def _unless(known: bool, code: int, message: str) -> httpx.Response | None:
    return None if known else httpx.Response(404, json={"message": message, "code": code})
