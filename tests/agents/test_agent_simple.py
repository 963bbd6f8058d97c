"""simple: its template and its WhatsApp tools."""

import json
from typing import Any

import pytest

from agents.simple.agent import create_agent
from agents.simple.prompts import UNKNOWN, VARIABLES, render
from agents.simple.services import mock

pytestmark = pytest.mark.anyio


def test_the_template_has_exactly_its_four_variables() -> None:
    assert VARIABLES == ("user_preferences", "personal_attributes", "technical_knowledge", "run_id")
    text = render({name: f"<{name}>" for name in VARIABLES})
    assert all(f"<{name}>" in text for name in VARIABLES)
    assert render({}).count(UNKNOWN) == 4


async def test_what_is_remembered_stands_in_the_next_prompt(play: Any) -> None:
    agent = create_agent()
    first = await play(agent, ("store_memory", {"key": "user_preferences", "content": "short answers"}))
    second = await play(agent)
    assert UNKNOWN in first.instructions
    assert "Preferences: short answers" in second.instructions
    assert first.instructions.splitlines()[-1] != second.instructions.splitlines()[-1]


async def test_text_and_reaction_reach_the_gateway(play: Any, services: Any) -> None:
    reaction = {"remote_jid": "55@s.whatsapp.net", "message_id": "ABC", "emoji": "👍"}
    async with services(mock) as router:
        scripted = await play(
            create_agent(),
            ("send_text_to_user", {"phone": "+55 (11) 9", "message": "hello"}),
            ("send_reaction", reaction),
        )
        text, react = [call.request for call in router.calls]
    assert scripted.shown == ["Sent to 55119 as message 3EB0C431C26A1916E07E.", "Reacted to ABC with 👍."]
    assert text.url.path == "/message/sendText/default"
    assert json.loads(text.content) == {"number": "55119", "text": "hello"}
    assert text.headers["apikey"] == "test"
    assert json.loads(react.content)["key"]["id"] == "ABC"


async def test_a_phone_without_digits_is_sent_back_to_the_model(play: Any) -> None:
    scripted = await play(create_agent(), ("send_text_message", {"phone": "me", "message": "x"}))
    assert "'me' is no phone number" in scripted.shown[0]
