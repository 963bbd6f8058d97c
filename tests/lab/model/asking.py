"""Each provider's own SDK, asking with what its request can say about the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types

from matrix.adapters.base import base_url

PROMPT = "Answer in JSON, please."


@dataclass(frozen=True)
class Tool:
    """A tool as an agent offers it."""

    name: str
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    description: str = ""


@dataclass(frozen=True)
class Question:
    """What is asked for; `choice` is `auto`, `none`, `required`, or the name of the tool that is forced."""

    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    parallel: bool = True
    schema: dict[str, Any] | None = None
    max_tokens: int = 999
    stop: tuple[str, ...] = ()
    streamed: bool = False

    @property
    def forced(self) -> str | None:
        return None if self.choice in {"auto", "none", "required"} else self.choice


@dataclass(frozen=True)
class Said:
    """What came back, by the SDK's reading: the text, the calls, and why it ended."""

    text: str | None
    calls: list[tuple[str, Any]]
    ended: str | None


async def ask(protocol: str, model_url: str, question: Question) -> Said:
    """Ask by the SDK of this protocol; every answer has passed through its types."""
    url = base_url(protocol, model_url)
    async with httpx2.AsyncClient(timeout=60) as http:
        match protocol:
            case "openai-chat":
                client = openai.AsyncOpenAI(api_key="k", base_url=url, http_client=http, max_retries=0)
                return await _by_chat(client, question)
            case "openai-responses":
                client = openai.AsyncOpenAI(api_key="k", base_url=url, http_client=http, max_retries=0)
                return await _by_responses(client, question)
            case "anthropic":
                caller = anthropic.AsyncAnthropic(api_key="k", base_url=url, http_client=http, max_retries=0)
                return await _by_anthropic(caller, question)
    async with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url)).aio as google:
        return await _by_google(google, question)


async def _by_chat(client: Any, question: Question) -> Said:
    made: dict[str, Any] = {"max_completion_tokens": question.max_tokens}
    if question.tools:
        functions = [{"name": t.name, "description": t.description, "parameters": t.schema} for t in question.tools]
        made["tools"] = [{"type": "function", "function": each} for each in functions]
        forced = {"type": "function", "function": {"name": question.forced}}
        made["tool_choice"] = forced if question.forced else question.choice
        made["parallel_tool_calls"] = question.parallel
    if question.schema:
        wanted = {"name": "answer", "schema": question.schema}
        made["response_format"] = {"type": "json_schema", "json_schema": wanted}
    if question.stop:
        made["stop"] = list(question.stop)
    made |= {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
    if question.streamed:
        text, calls, ended = "", dict[int, list[str]](), None
        async for chunk in await client.chat.completions.create(stream=True, **made):
            (choice,) = chunk.choices
            text += choice.delta.content or ""
            for call in choice.delta.tool_calls or []:
                one = calls.setdefault(call.index, ["", ""])
                one[0] += call.function.name or ""
                one[1] += call.function.arguments or ""
            ended = choice.finish_reason or ended
        return Said(text or None, [(name, json.loads(given)) for name, given in calls.values()], ended)
    (choice,) = (await client.chat.completions.create(**made)).choices
    functions = [each.function for each in choice.message.tool_calls or []]
    return Said(
        choice.message.content, [(each.name, json.loads(each.arguments)) for each in functions], choice.finish_reason
    )


async def _by_responses(client: Any, question: Question) -> Said:
    made: dict[str, Any] = {"max_output_tokens": max(question.max_tokens, 16), "parallel_tool_calls": question.parallel}
    if question.tools:
        functions = [{"name": t.name, "description": t.description, "parameters": t.schema} for t in question.tools]
        made["tools"] = [{"type": "function", "strict": False, **each} for each in functions]
        forced = {"type": "function", "name": question.forced}
        made["tool_choice"] = forced if question.forced else question.choice
    if question.schema:
        made["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": question.schema}}
    made |= {"model": "m", "input": PROMPT}
    if question.streamed:
        done = None
        async for event in await client.responses.create(stream=True, **made):
            done = getattr(event, "response", done)
    else:
        done = await client.responses.create(**made)
    calls = [(each.name, json.loads(each.arguments)) for each in done.output if each.type == "function_call"]
    return Said(done.output_text or None, calls, done.status)


async def _by_anthropic(client: Any, question: Question) -> Said:
    made: dict[str, Any] = {"max_tokens": question.max_tokens, "stop_sequences": list(question.stop)}
    if question.tools:
        made["tools"] = [
            {"name": t.name, "description": t.description, "input_schema": t.schema} for t in question.tools
        ]
        kind = {"required": "any"}.get(question.choice, question.choice)
        made["tool_choice"] = {"type": "tool", "name": question.forced} if question.forced else {"type": kind}
        if not question.parallel:
            made["tool_choice"]["disable_parallel_tool_use"] = True
    if question.schema:
        made["output_config"] = {"format": {"type": "json_schema", "schema": question.schema}}
    made |= {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
    if question.streamed:
        async with client.messages.stream(**made) as stream:
            message = await stream.get_final_message()
    else:
        message = await client.messages.create(**made)
    text = "".join(each.text for each in message.content if each.type == "text")
    calls = [(each.name, each.input) for each in message.content if each.type == "tool_use"]
    return Said(text or None, calls, message.stop_reason)


async def _by_google(client: Any, question: Question) -> Said:
    config = types.GenerateContentConfig(max_output_tokens=question.max_tokens, stop_sequences=list(question.stop))
    if question.tools:
        functions = [
            types.FunctionDeclaration(name=t.name, description=t.description, parameters_json_schema=t.schema)
            for t in question.tools
        ]
        config.tools = [types.Tool(function_declarations=functions)]
        mode = {"required": "ANY", "none": "NONE", "auto": "AUTO"}.get(question.choice, "ANY")
        named = [question.forced] if question.forced else None
        calling = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode(mode), allowed_function_names=named)
        config.tool_config = types.ToolConfig(function_calling_config=calling)
    if question.schema:
        config.response_mime_type, config.response_json_schema = "application/json", question.schema
    made = {"model": "m", "contents": PROMPT, "config": config}
    if question.streamed:
        answers = [each async for each in await client.models.generate_content_stream(**made)]
    else:
        answers = [await client.models.generate_content(**made)]
    parts = [part for answer in answers for part in answer.candidates[0].content.parts or []]
    calls = [(part.function_call.name, part.function_call.args) for part in parts if part.function_call]
    return Said("".join(part.text or "" for part in parts) or None, calls, answers[-1].candidates[0].finish_reason)
