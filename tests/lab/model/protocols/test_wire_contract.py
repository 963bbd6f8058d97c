"""What every provider's wire protocol has to do, driven by that provider's own SDK and by a pydantic-ai agent."""

from __future__ import annotations

import pytest
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, ModelRetry

from matrix.lab.model.protocols import PROTOCOLS
from matrix.lab.model.protocols.base import Reply, ReplyCall
from tests.lab.model.protocols.wires.anthropic import MessagesWire
from tests.lab.model.protocols.wires.base import BRIEF, CALLS, Fault, Refusal, Wire
from tests.lab.model.protocols.wires.google import GenerateWire
from tests.lab.model.protocols.wires.openai_chat import ChatWire
from tests.lab.model.protocols.wires.openai_responses import ResponsesWire

WIRES: tuple[Wire, ...] = (ChatWire(), ResponsesWire(), MessagesWire(), GenerateWire())
TOKENS = (32, 8, 40)


def over(*wires: Wire) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("wire", wires, ids=lambda wire: wire.protocol.name)


def over_pairs(name: str, pairs: list[tuple[Wire, object]]) -> pytest.MarkDecorator:
    ids = [f"{wire.protocol.name}-{number}" for number, (wire, _) in enumerate(pairs)]
    return pytest.mark.parametrize(("wire", name), pairs, ids=ids)


every_wire = over(*WIRES)
every_fault = over_pairs("fault", [(wire, fault) for wire in WIRES for fault in wire.faults])


def test_the_contract_covers_every_protocol():
    assert [wire.protocol.name for wire in WIRES] == list(PROTOCOLS)


@pytest.mark.anyio
@every_wire
async def test_the_sdk_reads_text_and_usage(provider, wire: Wire):
    server = provider(wire.protocol, Reply(text="hello"))
    async with server.client() as http:
        said = await wire.ask(http)
    assert (said.text, said.calls, said.ended, said.tokens) == ("hello", [], wire.ended[0], TOKENS)
    (request,) = server.requests
    assert (request.model, request.system, request.user_text) == (wire.model, BRIEF, "hi")
    assert not request.stream


@pytest.mark.anyio
@every_wire
async def test_the_sdk_reads_all_calls_of_one_turn(provider, wire: Wire):
    async with provider(wire.protocol, Reply(calls=CALLS)).client() as http:
        said = await wire.ask(http)
    assert said.calls == [(call.call_id, call.name, call.arguments) for call in CALLS]
    assert said.ended == wire.ended[1]


@pytest.mark.anyio
@every_wire
async def test_the_sdk_puts_a_stream_together(provider, wire: Wire):
    server = provider(wire.protocol, Reply("Let me see.", CALLS))
    async with server.client() as http:
        said = await wire.stream(http)
    assert said.text == "Let me see."
    assert [(name, arguments) for _, name, arguments in said.calls] == [(call.name, call.arguments) for call in CALLS]
    assert (said.ended, said.tokens) == (wire.ended[1], TOKENS)
    assert server.requests[0].stream


@pytest.mark.anyio
@every_fault
async def test_faults_are_the_sdk_s_own_exceptions(provider, wire: Wire, fault: Fault):
    async with provider(wire.protocol, fault.status).client() as http:
        with pytest.raises(fault.error) as caught:
            await wire.ask(http)
    assert wire.kind_of_fault(caught.value) == fault.kind


@pytest.mark.anyio
@every_fault
async def test_a_pydantic_ai_agent_reports_faults(provider, wire: Wire, fault: Fault):
    async with provider(wire.protocol, fault.status).client() as http:
        with pytest.raises(ModelHTTPError) as caught:
            await wire.agent(http, wire.model).run("hi")
    assert caught.value.status_code == fault.status


def with_add(subject: Agent[None, str]) -> Agent[None, str]:
    @subject.tool_plain
    def add(a: int, s: str = "") -> str:
        """Add two to a number."""
        if a == 2:
            raise ModelRetry("no luck")
        return f"{a + 2}{s}"

    return subject


@pytest.mark.anyio
@pytest.mark.parametrize("streamed", [False, True])
@every_wire
async def test_a_pydantic_ai_agent_plays_a_script(provider, wire: Wire, streamed: bool):
    server = provider(wire.protocol, Reply(calls=CALLS), Reply(text="3 and 5"))
    async with server.client() as http:
        subject = with_add(wire.agent(http, wire.model))
        if streamed:
            async with subject.run_stream("please add") as run:
                output = await run.get_output()
                usage = run.usage
        else:
            done = await subject.run("please add")
            output, usage = done.output, done.usage
    assert output == "3 and 5"
    assert (usage.input_tokens, usage.output_tokens) == (64, 16)
    first, second = server.requests
    assert first.stream is streamed
    assert (first.model, first.system, first.user_text) == (wire.model, BRIEF, "please add")
    assert first.results == ()
    assert [(tool.name, tool.description) for tool in first.offered] == [("add", "Add two to a number.")]
    assert first.offered[0].schema["required"] == ["a"]
    assert wire.protocol.violations(first.offered) == []
    well, failed = wire.flags
    assert [(each.call_id, each.is_error) for each in second.results] == [
        ("call_a", well),
        ("call_b", failed),
        ("call_c", well),
    ]
    assert [second.results[0].text, second.results[2].text] == ["3", "5ü\u2028"]
    assert "no luck" in second.results[1].text


@pytest.mark.anyio
@over_pairs("model", [(wire, model) for wire in WIRES for model in wire.models])
async def test_an_image_is_among_the_parts_of_its_result(provider, wire: Wire, model: str):
    server = provider(wire.protocol, Reply(calls=(ReplyCall("c1", "draw", {}),)), Reply(text="ok"))
    async with server.client() as http:
        subject = wire.agent(http, model)

        @subject.tool_plain
        def draw() -> list:
            return ["a picture", BinaryContent(b"\x89PNG", media_type="image/png")]

        await subject.run("go")
    (shown,) = server.requests[1].results
    assert shown.call_id == "c1"
    assert "a picture" in shown.text
    assert tuple(wire.kind_of_part(part) for part in shown.parts) == wire.kinds


@over_pairs("refusal", [(wire, refusal) for wire in WIRES for refusal in wire.refused])
def test_what_the_api_refuses_is_refused_in_a_sentence(wire: Wire, refusal: Refusal):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        wire.protocol.parse(refusal.path or wire.path, refusal.body)
    assert str(caught.value) == refusal.sentence


@pytest.mark.anyio
@over(*(wire for wire in WIRES if wire.counts))
async def test_tokens_can_be_counted(provider, wire: Wire):
    async with provider(wire.protocol).client() as http:
        assert await wire.count(http) == 32


@pytest.mark.anyio
@over(*(wire for wire in WIRES if wire.listed))
async def test_models_can_be_listed_and_looked_up(provider, wire: Wire):
    async with provider(wire.protocol).client() as http:
        names, found = await wire.list(http)
    assert (names, found) == ([wire.listed[0]], wire.listed[1])
