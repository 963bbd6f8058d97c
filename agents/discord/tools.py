"""The Discord REST API, version 10, as four tools."""

import os
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai import FunctionToolset, ModelRetry, RunContext, ToolFailed

from agents.common.rest import request_json

API = "https://discord.com/api/v10"
PAGE = 100
"""The most messages that Discord returns at once."""


@dataclass(frozen=True)
class DiscordDeps:
    """What a run may be given: the payload of the channel that the request came through.

    Its `token`, a bot token, is used in place of the environment's.
    """

    channel_payload: dict[str, Any] = field(default_factory=dict)


def discord_toolset() -> FunctionToolset[DiscordDeps | None]:
    """Return the four tools."""
    return FunctionToolset([list_guilds, guild_info, fetch_messages, send_message], id="discord")


async def list_guilds(ctx: RunContext[DiscordDeps | None]) -> list[dict[str, Any]]:
    """List the Discord servers (guilds) that the bot is a member of."""
    guilds = await _call(ctx, "GET", "/users/@me/guilds")
    return [{"id": guild["id"], "name": guild["name"]} for guild in guilds]


async def guild_info(ctx: RunContext[DiscordDeps | None], guild_id: str) -> dict[str, Any]:
    """Describe one guild and its channels.

    Args:
        guild_id: The guild's id.
    """
    guild = await _call(ctx, "GET", f"/guilds/{_id(guild_id)}", params={"with_counts": "true"})
    channels = await _call(ctx, "GET", f"/guilds/{_id(guild_id)}/channels")
    return {
        "id": guild["id"],
        "name": guild["name"],
        "description": guild.get("description"),
        "members": guild.get("approximate_member_count"),
        "channels": [{"id": each["id"], "name": each["name"], "type": each["type"]} for each in channels],
    }


async def fetch_messages(
    ctx: RunContext[DiscordDeps | None], channel_id: str, limit: int = 100
) -> list[dict[str, Any]]:
    """Read the latest messages of a channel, newest first.

    Args:
        channel_id: The channel's id.
        limit: How many messages at most; Discord gives up to 100.
    """
    params = {"limit": str(min(max(limit, 1), PAGE))}
    messages = await _call(ctx, "GET", f"/channels/{_id(channel_id)}/messages", params=params)
    return [_brief(message) for message in messages]


async def send_message(ctx: RunContext[DiscordDeps | None], channel_id: str, content: str) -> str:
    """Send a message to a channel.

    Args:
        channel_id: The channel's id.
        content: The text, up to 2000 characters.
    """
    sent = await _call(ctx, "POST", f"/channels/{_id(channel_id)}/messages", json={"content": content})
    return f"Sent as message {sent['id']} in channel {sent['channel_id']}."


async def _call(ctx: RunContext[DiscordDeps | None], method: str, path: str, **request: Any) -> Any:
    payload = ctx.deps.channel_payload if isinstance(ctx.deps, DiscordDeps) else {}
    token = payload.get("token") or os.environ.get("DISCORD_BOT_TOKEN")
    if not token:
        raise ToolFailed(
            "Discord cannot be used: neither the channel payload has a token nor is DISCORD_BOT_TOKEN set."
        )
    headers = {"Authorization": f"Bot {token}"}
    return await request_json("Discord", method, API + path, headers=headers, **request)


def _id(snowflake: str) -> str:
    """Return the id, or have the model try again: what is no number would be part of a path."""
    if not (snowflake.isascii() and snowflake.isdigit()):
        raise ModelRetry(f"{snowflake!r} is no Discord id: ids are numbers.")
    return snowflake


def _brief(message: dict[str, Any]) -> dict[str, Any]:
    attachments = [each["url"] for each in message.get("attachments", [])]
    brief = {
        "id": message["id"],
        "author": message["author"]["username"],
        "content": message["content"],
        "timestamp": message["timestamp"],
    }
    return {**brief, "attachments": attachments} if attachments else brief
