"""A conversation over OpenAI's responses endpoint goes on from an earlier response by its id."""

from __future__ import annotations

import httpx2
import openai
import pytest

from matrix.adapters.base import base_url
from matrix.lab.script import call, say

pytestmark = pytest.mark.anyio

TOOL = {
    "type": "function",
    "name": "srv_echo",
    "description": "[mcp:srv/echo]",
    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
    "strict": False,
}
STREAMED_AND_NOT = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
OUTPUT = {"type": "function_call_output", "output": "a"}


async def asked(lab, conversation, *, streamed=False, **options):
    url = base_url("openai-responses", lab.model_url(conversation))
    async with httpx2.AsyncClient(timeout=60) as http:
        client = openai.AsyncOpenAI(api_key="k", base_url=url, http_client=http, max_retries=0)
        answer = await client.responses.create(model="m", tools=[TOOL], stream=streamed, **options)
        return [each async for each in answer][-1].response if streamed else answer


@STREAMED_AND_NOT
async def test_the_model_has_the_whole_conversation_before_it(lab, converse, streamed):
    conversation = converse(call("echo", text="a"), say("well"))
    first = await asked(lab, conversation, input="hello", instructions="Be short.", streamed=streamed)
    shown = [{**OUTPUT, "call_id": first.output[0].call_id}]
    second = await asked(lab, conversation, input=shown, previous_response_id=first.id, streamed=streamed)
    assert (second.output_text, second.previous_response_id) == ("well", first.id)
    await asked(lab, conversation, input="and?", previous_response_id=second.id, streamed=streamed)
    last = conversation.trace.model[-1]
    assert (last.user_text, last.system) == ("hello\nand?", "")
    assert [each.name for each in last.asked] == ["srv_echo"]
    assert [each.text for each in last.shown] == ["a"]
    assert not conversation.trace.notes


async def test_an_id_that_was_never_given_is_refused(lab, converse):
    conversation = converse(say("well"))
    with pytest.raises(openai.BadRequestError) as caught:
        await asked(lab, conversation, input="hello", previous_response_id="resp_gone")
    assert caught.value.body == {
        "message": "Previous response with id 'resp_gone' not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }


async def test_a_response_that_was_not_to_be_stored_is_gone(lab, converse):
    conversation = converse(say("well"))
    first = await asked(lab, conversation, input="hello", store=False)
    with pytest.raises(openai.BadRequestError, match="not found"):
        await asked(lab, conversation, input="and?", previous_response_id=first.id)


async def test_a_call_of_the_response_before_has_to_be_answered(lab, converse):
    conversation = converse(call("echo", text="a"))
    first = await asked(lab, conversation, input="hello")
    with pytest.raises(openai.BadRequestError, match="function call"):
        await asked(lab, conversation, input="and?", previous_response_id=first.id)


async def test_an_id_from_another_run_is_taken(lab, converse):
    first = await asked(lab, converse(say("one")), input="hello")
    again = await asked(lab, converse(say("two")), input="and?", previous_response_id=first.id)
    assert again.output_text == "two"
