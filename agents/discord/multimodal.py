"""A Discord message as input of the model: its text, and the media attached to it."""

from collections.abc import Mapping
from typing import Any

from pydantic_ai import DocumentUrl, ImageUrl
from pydantic_ai.messages import UserContent


def prompt_of(message: Mapping[str, Any]) -> list[UserContent]:
    """Turn a message object of the Discord API into a prompt.

    Images and PDF documents are handed to the model; of any other attachment it is told the name.
    """
    parts: list[UserContent] = [message["content"]] if message.get("content") else []
    for attachment in message.get("attachments", []):
        kind = str(attachment.get("content_type") or "").partition(";")[0]
        if kind.startswith("image/"):
            parts.append(ImageUrl(attachment["url"], media_type=kind))
        elif kind == "application/pdf":
            parts.append(DocumentUrl(attachment["url"], media_type=kind))
        else:
            parts.append(f"[attached: {attachment['filename']}]")
    return parts
