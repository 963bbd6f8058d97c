"""What all five bundled agents have in common."""

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parents[2] / "agents"
NAMES = ["simple", "discord", "stan", "sofia", "genie"]
COMMON = {
    "get_current_date": ["format"],
    "get_current_time": ["format"],
    "format_date": ["date_str", "input_format", "output_format"],
    "store_memory": ["key", "content"],
    "get_memory": ["key"],
    "list_memories": ["prefix"],
}
WHATSAPP = {
    "send_reaction": ["remote_jid", "message_id", "emoji"],
    "send_text_message": ["phone", "message"],
    "send_text_to_user": ["phone", "message"],
}
OWN = {
    "simple": WHATSAPP,
    "discord": {
        "list_guilds": [],
        "guild_info": ["guild_id"],
        "fetch_messages": ["channel_id", "limit"],
        "send_message": ["channel_id", "content"],
    },
    "stan": {
        "verificar_cnpj": ["cnpj"],
        "product_agent": ["input_text"],
        "backoffice_agent": ["input_text"],
        "order_agent": ["input_text"],
    },
    "sofia": {
        **WHATSAPP,
        "join_meeting_tool": ["meeting_url", "service"],
        "airtable_agent": ["input_text"],
    },
    "genie": {
        "write_plan": ["steps"],
        **{f"ask_{name}": ["task"] for name in ["simple", "discord", "stan", "sofia"]},
    },
}
MODELS = {
    "simple": "gpt-4.1-mini",
    "discord": "gpt-4.1",
    "stan": "o1-mini",
    "sofia": "gpt-4.1",
    "genie": "gpt-4o",
}


def registration(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name / "agent.toml").read_text())


def load(reference: str) -> Any:
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


def build(name: str, **kwargs: Any) -> Any:
    return load(registration(name)["factory"])(**kwargs)


@pytest.mark.parametrize("name", NAMES)
async def test_every_tool_is_offered_with_its_parameters_and_a_description(name: str, play: Any) -> None:
    scripted = await play(build(name))
    assert scripted.parameters == {**COMMON, **OWN[name]}
    assert all(len(text) > 10 for text in scripted.descriptions.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_declared_model_speaks_the_registered_protocol(name: str) -> None:
    model = build(name).model
    protocols = {OpenAIChatModel: "openai-chat", OpenAIResponsesModel: "openai-responses"}
    assert model.model_name == MODELS[name]
    assert protocols[type(model)] == registration(name)["protocol"]


@pytest.mark.parametrize("name", NAMES)
async def test_the_registered_native_tool_answers_as_registered(name: str, play: Any, services: Any) -> None:
    row = registration(name)
    async with services(load(row["services"])):
        scripted = await play(build(name), (row["native"]["tool"], row["native"]["arguments"]))
    assert row["native"]["contains"] in scripted.shown[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_live_run_needs_only_keys_that_a_hermetic_run_sets(name: str) -> None:
    row = registration(name)
    assert set(row["live_keys"]) <= set(row["env"])


@pytest.mark.parametrize("name", NAMES)
async def test_a_fresh_session_has_instructions(name: str, play: Any) -> None:
    assert len((await play(build(name))).instructions) > 100


async def test_memory_is_kept_between_runs_and_not_shared_between_agents(play: Any) -> None:
    one, other = build("simple"), build("simple")
    await play(one, ("store_memory", {"key": "tea", "content": "green"}))
    again = await play(one, ("get_memory", {"key": "tea"}), ("list_memories", {"prefix": "t"}))
    assert again.shown == ["green", '["tea"]']
    stranger = await play(other, ("get_memory", {"key": "tea"}), ("list_memories", {}))
    assert stranger.shown == ["Nothing is stored under 'tea'.", "Nothing is stored under such a key."]


async def test_dates_are_told_and_written_in_other_formats(play: Any) -> None:
    scripted = await play(
        build("simple"),
        ("get_current_date", {}),
        ("get_current_time", {"format": "%H"}),
        ("format_date", {"date_str": "2026-02-01", "output_format": "%d/%m/%Y", "input_format": "%Y-%m-%d"}),
        ("format_date", {"date_str": "soon", "output_format": "%d/%m/%Y", "input_format": "%Y-%m-%d"}),
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", scripted.shown[0])
    assert re.fullmatch(r"\d\d", scripted.shown[1])
    assert scripted.shown[2] == "01/02/2026"
    assert "does not match format" in scripted.shown[3]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("simple", "WHATSAPP_API_KEY"),
        ("discord", "DISCORD_BOT_TOKEN"),
        ("stan", "BLACKPEARL_API_KEY"),
        ("sofia", "MEETING_BOT_API_KEY"),
    ],
)
async def test_the_model_is_told_of_a_missing_key(
    name: str, key: str, play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(key)
    native = registration(name)["native"]
    scripted = await play(build(name), (native["tool"], native["arguments"]))
    assert key in scripted.shown[0]
