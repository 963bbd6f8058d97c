"""Answers of the WhatsApp gateway, for runs that must not leave the machine."""

import json
import os
import re

import httpx
import respx

from agents.common.whatsapp import DEFAULT_URL


def mock_whatsapp(router: respx.MockRouter) -> None:
    """Add the gateway's two endpoints, which refuse a request without a key."""
    base = re.escape(os.environ.get("WHATSAPP_API_URL", DEFAULT_URL).rstrip("/"))
    router.post(url__regex=rf"^{base}/message/sendText/[^/]+$").mock(side_effect=_send_text)
    router.post(url__regex=rf"^{base}/message/sendReaction/[^/]+$").mock(side_effect=_send_reaction)


def _send_text(request: httpx.Request) -> httpx.Response:
    if not request.headers.get("apikey"):
        return _unauthorized()
    body = json.loads(request.content)
    key = {"remoteJid": f"{body['number']}@s.whatsapp.net", "fromMe": True, "id": "3EB0C431C26A1916E07E"}
    message = {"conversation": body["text"]}
    return httpx.Response(
        201, json={"key": key, "message": message, "messageType": "conversation", "status": "PENDING"}
    )


def _send_reaction(request: httpx.Request) -> httpx.Response:
    if not request.headers.get("apikey"):
        return _unauthorized()
    body = json.loads(request.content)
    message = {"reactionMessage": {"key": body["key"], "text": body["reaction"]}}
    key = {**body["key"], "fromMe": True, "id": "3EB0D5B9A1C04E2F7A11"}
    return httpx.Response(
        201, json={"key": key, "message": message, "messageType": "reactionMessage", "status": "PENDING"}
    )


def _unauthorized() -> httpx.Response:
    return httpx.Response(401, json={"status": 401, "error": "Unauthorized", "response": {"message": "Unauthorized"}})
