"""The WhatsApp gateway: its two endpoints, and the three tools that simple and sofia make of them.

The gateway speaks the shape of Evolution API (v2): `POST /message/sendText/{instance}` and
`POST /message/sendReaction/{instance}`, with the key in the header `apikey`.
"""

import os
import re
from typing import Any
from urllib.parse import quote

from pydantic_ai import FunctionToolset, ModelRetry

from agents.common.rest import key_from_env, request_json

DEFAULT_URL = "https://whatsapp.example.com"


def whatsapp_toolset() -> FunctionToolset[Any]:
    """Return the three tools that write to WhatsApp."""
    return FunctionToolset([send_reaction, send_text_message, send_text_to_user], id="whatsapp")


async def send_reaction(remote_jid: str, message_id: str, emoji: str) -> str:
    """React to a WhatsApp message with an emoji.

    Args:
        remote_jid: The chat, as WhatsApp names it, such as 5511999990000@s.whatsapp.net.
        message_id: The message to react to.
        emoji: The emoji; an empty text takes an earlier reaction away.
    """
    key = {"remoteJid": remote_jid, "fromMe": False, "id": message_id}
    await _post("sendReaction", {"key": key, "reaction": emoji})
    return f"Reacted to {message_id} with {emoji}."


async def send_text_message(phone: str, message: str) -> str:
    """Send a WhatsApp text to a phone number.

    Args:
        phone: The number with its country code; spaces and punctuation do not matter.
        message: The text.
    """
    number = re.sub(r"\D", "", phone)
    if not number:
        raise ModelRetry(f"{phone!r} is no phone number.")
    sent = await _post("sendText", {"number": number, "text": message})
    return f"Sent to {number} as message {sent['key']['id']}."


async def send_text_to_user(phone: str, message: str) -> str:
    """Send the user of this conversation a WhatsApp text, apart from the answer.

    Args:
        phone: The user's number with its country code.
        message: The text.
    """
    return await send_text_message(phone, message)


async def _post(endpoint: str, body: dict[str, Any]) -> Any:
    base = os.environ.get("WHATSAPP_API_URL", DEFAULT_URL).rstrip("/")
    instance = quote(os.environ.get("WHATSAPP_INSTANCE", "default"), safe="")
    headers = {"apikey": key_from_env("WHATSAPP_API_KEY", "WhatsApp")}
    return await request_json("WhatsApp", "POST", f"{base}/message/{endpoint}/{instance}", headers=headers, json=body)
