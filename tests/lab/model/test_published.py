"""What is not as its provider publishes it is found, in answers and in the order of a stream's events."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from matrix.lab.model.protocols import PROTOCOLS, protocol_for
from matrix.lab.model.protocols.base import Reply, ReplyCall, WireResponse
from tests.lab.model.published import problems

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
GENERATE, STREAM = "/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse"
REPLY = Reply("Let me see.", (ReplyCall("a", "add", {"x": 1}), ReplyCall("b", "add", {})))
TEXT = {"role": "user", "content": "hi"}
BODIES = {
    CHAT: {"model": "m", "messages": [TEXT]},
    RESPONSES: {"model": "m", "input": "hi"},
    MESSAGES: {"model": "m", "messages": [TEXT], "max_tokens": 9},
    GENERATE: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    STREAM: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}
STREAMED = {**BODIES, **{path: {**BODIES[path], "stream": True} for path in (CHAT, RESPONSES, MESSAGES)}}
del STREAMED[GENERATE]


def answered(path, body, reply=REPLY):
    protocol = protocol_for(path)
    return protocol.render(protocol.parse(path, body), reply, response_id="r1")


def found(path, body, answer):
    return problems(path, json.dumps(body).encode(), answer)


def changed(answer, **fields):
    body = {key: value for key, value in {**json.loads(answer.body), **fields}.items() if value is not ...}
    return replace(answer, chunks=(json.dumps(body).encode(),))


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES, GENERATE])
@pytest.mark.parametrize("fields", [{"stranger": 1}, {"id": 7, "responseId": 7}], ids=["unknown", "of-another-type"])
def test_a_field_that_is_unknown_or_of_another_type_is_found(path, fields):
    fields = {key: value for key, value in fields.items() if (key == "responseId") == (path == GENERATE)} or fields
    answer = answered(path, BODIES[path])
    assert found(path, BODIES[path], answer) == []
    assert found(path, BODIES[path], changed(answer, **fields))


@pytest.mark.parametrize(("path", "field"), [(CHAT, "choices"), (RESPONSES, "output"), (MESSAGES, "usage")])
def test_a_field_that_is_missing_is_found(path, field):
    assert found(path, BODIES[path], changed(answered(path, BODIES[path]), **{field: ...}))


@pytest.mark.parametrize("path", STREAMED)
def test_an_event_that_is_missing_or_out_of_order_is_found(path):
    body, answer = STREAMED[path], answered(path, STREAMED[path])
    chunks = answer.chunks
    assert found(path, body, answer) == []
    assert found(path, body, replace(answer, chunks=chunks[:-1]))
    assert found(path, body, replace(answer, chunks=(*chunks[:-2], chunks[-1], chunks[-2])))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503, 529])
def test_a_fault_is_as_published_and_another_providers_is_not(protocol, status):
    paths = dict(zip(PROTOCOLS, (CHAT, RESPONSES, MESSAGES, GENERATE), strict=True))
    answer = PROTOCOLS[protocol].render_fault(status)
    assert answer.status == status
    assert problems(paths[protocol], b"{}", answer) == []
    other = WireResponse(status, "application/json", (b'{"detail": "no"}',))
    assert problems(paths[protocol], b"{}", other)


@pytest.mark.parametrize(
    "options",
    [{"n": 2}, {"stream": True, "n": 2}, {"stream": True, "stream_options": {"include_usage": True}}],
    ids=["whole", "streamed", "with-usage"],
)
@pytest.mark.parametrize("reply", [REPLY, Reply("well"), Reply(calls=REPLY.calls)], ids=["both", "text", "calls"])
def test_alternatives_and_the_usage_of_a_stream_are_as_published(options, reply):
    body = {**BODIES[CHAT], **options}
    assert found(CHAT, body, answered(CHAT, body, reply)) == []
