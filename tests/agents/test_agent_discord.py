"""discord: the REST API, the token, and messages with attachments."""

import json
from typing import Any

import httpx
import pytest
import respx
from pydantic_ai import ImageUrl

from agents.discord.agent import create_agent
from agents.discord.multimodal import prompt_of
from agents.discord.services import CHANNELS, GUILD, mock
from agents.discord.tools import DiscordDeps

pytestmark = pytest.mark.anyio

CHANNEL = CHANNELS[0]["id"]


async def test_all_four_tools_call_discord(play: Any, services: Any) -> None:
    async with services(mock) as router:
        scripted = await play(
            create_agent(),
            ("list_guilds", {}),
            ("guild_info", {"guild_id": GUILD["id"]}),
            ("fetch_messages", {"channel_id": CHANNEL, "limit": 1}),
            ("send_message", {"channel_id": CHANNEL, "content": "hello"}),
        )
        requests = [call.request for call in router.calls]
    guilds, info, messages, sent = scripted.shown
    assert json.loads(guilds) == [{"id": GUILD["id"], "name": "Discord Testers"}]
    assert [each["name"] for each in json.loads(info)["channels"]] == ["general", "voice"]
    assert [each["content"] for each in json.loads(messages)] == ["The bot is back."]
    assert sent == f"Sent as message 1100000000000000003 in channel {CHANNEL}."
    assert {request.headers["authorization"] for request in requests} == {"Bot test"}
    assert json.loads(requests[-1].content) == {"content": "hello"}


async def test_a_token_in_the_channel_payload_goes_first(play: Any, services: Any) -> None:
    deps = DiscordDeps(channel_payload={"token": "theirs"})
    async with services(mock) as router:
        await play(create_agent(), ("list_guilds", {}), deps=deps)
        assert router.calls.last.request.headers["authorization"] == "Bot theirs"


async def test_a_token_in_the_payload_is_enough(play: Any, services: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISCORD_BOT_TOKEN")
    deps = DiscordDeps(channel_payload={"token": "theirs"})
    async with services(mock):
        scripted = await play(create_agent(), ("list_guilds", {}), deps=deps)
    assert "Discord Testers" in scripted.shown[0]


async def test_what_discord_refuses_is_told_to_the_model(play: Any, services: Any) -> None:
    async with services(mock):
        scripted = await play(
            create_agent(),
            ("guild_info", {"guild_id": "1"}),
            ("guild_info", {"guild_id": "../users/@me"}),
        )
    assert "404 Not Found" in scripted.shown[0]
    assert "Unknown Guild" in scripted.shown[0]
    assert "is no Discord id" in scripted.shown[1]


async def test_a_service_that_is_down_or_talks_nonsense_does_not_end_the_run(play: Any) -> None:
    async with respx.mock() as router:
        router.get(path="/api/v10/users/@me/guilds").mock(
            side_effect=[
                httpx.ConnectError("no route"),
                httpx.Response(503, text="busy"),
                httpx.Response(200, text="<html>"),
            ]
        )
        scripted = await play(create_agent(), *[("list_guilds", {})] * 3)
    assert "could not be reached: no route" in scripted.shown[0]
    assert "503 Service Unavailable: busy" in scripted.shown[1]
    assert "no JSON" in scripted.shown[2]


async def test_attachments_reach_the_model_as_media(play: Any) -> None:
    image = {"url": "https://cdn.example.com/cat.png", "content_type": "image/png", "filename": "cat.png"}
    archive = {"url": "https://cdn.example.com/a.zip", "content_type": "application/zip", "filename": "a.zip"}
    prompt = prompt_of({"content": "what is this?", "attachments": [image, archive]})
    assert prompt == [
        "what is this?",
        ImageUrl("https://cdn.example.com/cat.png", media_type="image/png"),
        "[attached: a.zip]",
    ]
    await play(create_agent(), prompt=prompt)
