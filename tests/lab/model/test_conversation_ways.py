"""The scripted model is met in two ways: in process by pydantic-ai's models, on loopback by the providers' SDKs."""

from __future__ import annotations

import asyncio

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

from matrix.adapters.base import base_url
from matrix.lab.model.in_flight import CURRENT
from matrix.lab.model.protocols import PROTOCOLS
from matrix.lab.script import call, fault, say
from matrix.lab.trace import Trace
from matrix.model import STATEFUL

pytestmark = pytest.mark.anyio

PROMPT = "What is one and two?"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
EVERY_PROTOCOL = pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
STREAMED_AND_NOT = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def model(protocol):
    """Return pydantic-ai's model of a provider, exactly as an owner makes it."""
    match protocol:
        case "openai-chat":
            return OpenAIChatModel("gpt-test", provider=OpenAIProvider(api_key="test"))
        case "openai-responses":
            return OpenAIResponsesModel("gpt-test", provider=OpenAIProvider(api_key="test"))
        case "anthropic":
            return AnthropicModel("claude-test", provider=AnthropicProvider(api_key="test"))
    return GoogleModel("gemini-test", provider=GoogleProvider(api_key="test"))


def adder(protocol):
    """Return an agent with one tool."""
    agent = Agent(model(protocol), instructions="Be brief.")

    @agent.tool_plain
    def add(a: int, b: int) -> str:
        """Add two numbers."""
        return f"sum {a + b}"

    return agent


async def ran(agent, conversation, *, streamed=False):
    """Run an agent in a conversation; returns its text."""
    CURRENT.set(conversation)
    if not streamed:
        return (await agent.run(PROMPT)).output
    async with agent.run_stream(PROMPT) as result:
        return await result.get_output()


@EVERY_PROTOCOL
@STREAMED_AND_NOT
@pytest.mark.usefixtures("tap")
async def test_an_agent_in_this_process_plays_the_script(converse, protocol, streamed):
    conversation = converse(call("add", a=1, b=2), say("three"))
    assert await ran(adder(protocol), conversation, streamed=streamed) == "three"
    asked, told = conversation.trace.model
    assert (asked.protocol, asked.system, asked.user_text) == (protocol, "Be brief.", PROMPT)
    assert [tool.name for tool in asked.offered] == ["add"]
    assert set(asked.offered[0].schema["properties"]) == {"a", "b"}
    assert [(each.call_id, each.text) for each in told.shown] == [("call_0_0_0", "sum 3")]
    assert not conversation.trace.notes


@EVERY_PROTOCOL
@pytest.mark.usefixtures("tap")
async def test_two_runs_of_one_agent_at_once_have_each_their_own_script(converse, protocol):
    agent = adder(protocol)
    one, two = converse(call("add", a=1, b=1), say("two")), converse(call("add", a=2, b=2), say("four"))
    assert await asyncio.gather(ran(agent, one), ran(agent, two)) == ["two", "four"]
    shown = [[each.text for each in run.trace.model[1].shown] for run in (one, two)]
    assert shown == [["sum 2"], ["sum 4"]]


async def by_sdk(protocol, url, *, streamed):
    """Ask through the provider's own SDK, at this base URL; returns the calls as pairs, or the text."""
    async with httpx2.AsyncClient(timeout=60) as http:
        match protocol:
            case "openai-chat":
                return await by_chat(openai.AsyncOpenAI(api_key="k", base_url=url, http_client=http), streamed)
            case "openai-responses":
                return await by_responses(openai.AsyncOpenAI(api_key="k", base_url=url, http_client=http), streamed)
            case "anthropic":
                return await by_anthropic(
                    anthropic.AsyncAnthropic(api_key="k", base_url=url, http_client=http), streamed
                )
    async with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url)).aio as client:
        return await by_google(client, streamed)


async def by_chat(client, streamed):
    tools = [{"type": "function", "function": {"name": "add", "description": "Add.", "parameters": SCHEMA}}]
    question = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], "tools": tools}
    if streamed:
        async with client.chat.completions.stream(**question) as stream:
            completion = await stream.get_final_completion()
    else:
        completion = await client.chat.completions.create(**question)
    message = completion.choices[0].message
    return [each.function.name for each in message.tool_calls or []] or message.content


async def by_responses(client, streamed):
    tools = [{"type": "function", "name": "add", "description": "Add.", "parameters": SCHEMA, "strict": False}]
    question = {"model": "m", "input": PROMPT, "tools": tools}
    if streamed:
        async with client.responses.stream(**question) as stream:
            response = await stream.get_final_response()
    else:
        response = await client.responses.create(**question)
    return [each.name for each in response.output if each.type == "function_call"] or response.output_text


async def by_anthropic(client, streamed):
    tools = [{"name": "add", "description": "Add.", "input_schema": SCHEMA}]
    messages = [{"role": "user", "content": PROMPT}]
    question = {"model": "m", "max_tokens": 99, "messages": messages, "tools": tools}
    if streamed:
        async with client.messages.stream(**question) as stream:
            message = await stream.get_final_message()
    else:
        message = await client.messages.create(**question)
    names = [each.name for each in message.content if each.type == "tool_use"]
    return names or "".join(each.text for each in message.content)


async def by_google(client, streamed):
    function = types.FunctionDeclaration(name="add", description="Add.", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[function])])
    question = {"model": "m", "contents": PROMPT, "config": config}
    if streamed:
        answers = [each async for each in await client.models.generate_content_stream(**question)]
    else:
        answers = [await client.models.generate_content(**question)]
    parts = [part for answer in answers for part in answer.candidates[0].content.parts or []]
    names = [part.function_call.name for part in parts if part.function_call]
    return names or "".join(part.text or "" for part in parts)


@EVERY_PROTOCOL
@STREAMED_AND_NOT
async def test_the_providers_sdk_plays_the_script_on_loopback(lab, converse, protocol, streamed):
    conversation = converse(call("add", a=1, b=2), say("three"))
    url = base_url(protocol, lab.model_url(conversation))
    assert await by_sdk(protocol, url, streamed=streamed) == ["add"]
    assert await by_sdk(protocol, url, streamed=streamed) == "three"
    asked, told = conversation.trace.model
    assert (asked.protocol, asked.user_text, told.protocol) == (protocol, PROMPT, protocol)
    assert [tool.name for tool in asked.offered] == ["add"]
    assert not conversation.trace.notes


@EVERY_PROTOCOL
async def test_a_conversation_that_has_ended_is_not_found_on_loopback(lab, converse, protocol):
    await lab.call(lab.open("c0", Trace(), [], "http", STATEFUL))
    conversation = converse(say("never said"))
    await lab.call(lab.close("c0"))
    with pytest.raises((openai.NotFoundError, anthropic.NotFoundError, genai.errors.ClientError)):
        await by_sdk(protocol, base_url(protocol, lab.model_url(conversation)), streamed=False)
    assert not conversation.trace.model


async def test_a_fault_reaches_the_sdk_on_loopback_and_its_own_retry_goes_on(lab, converse):
    conversation = converse(fault(500), say("three"))
    url = base_url("openai-chat", lab.model_url(conversation))
    async with httpx2.AsyncClient() as http:
        client = openai.AsyncOpenAI(api_key="k", base_url=url, http_client=http, max_retries=1)
        assert await by_chat(client, streamed=False) == "three"
    assert len(conversation.trace.model) == 2
