"""A tool that is not offered is reached behind a search, a generic caller or a delegate; else it is said why not."""

from __future__ import annotations

import json

import pytest

from matrix.capabilities.verbs import Run
from matrix.lab.model.conversation import Conversation
from matrix.lab.records import Direction, Frame, Hidden
from matrix.lab.script import Aside, Script, call, say, together
from matrix.lab.trace import Trace

pytestmark = pytest.mark.anyio

TEXT = {"type": "string"}
FIND = ("find_tools", {"query": TEXT})
USE = ("use_tool", {"name": TEXT, "arguments": {"type": "object"}})
ASK = ("ask_files_agent", {"task": TEXT})
ECHO = {"name": "srv__echo", "description": "Say it.", "inputSchema": {"type": "object", "properties": {"text": TEXT}}}


class Agent:
    """One agent that asks the model of a conversation: its messages, and what it is answered."""

    def __init__(self, conversation, system=""):
        self.conversation = conversation
        self.messages = [{"role": "system", "content": system}, {"role": "user", "content": "go"}]

    async def ask(self, *tools, **more):
        """Ask with these tools; returns the calls as pairs of name and arguments, or the text."""
        functions = [
            {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}
            for name, properties in ((each, {}) if isinstance(each, str) else each for each in tools)
        ]
        body = {"model": "m", "messages": self.messages, **({"tools": functions} if functions else {}), **more}
        answer = await self.conversation.answer("/v1/chat/completions", json.dumps(body).encode())
        message = json.loads(answer.body)["choices"][0]["message"]
        self.messages.append(message)
        self.calls = message.get("tool_calls") or []
        made = [(each["function"]["name"], json.loads(each["function"]["arguments"])) for each in self.calls]
        return made or message["content"]

    def tell(self, *texts):
        """Show the model these results."""
        self.messages += [
            {"role": "tool", "tool_call_id": each["id"], "content": text}
            for each, text in zip(self.calls, texts, strict=True)
        ]


def begin(*turns, listed=()):
    """Begin a conversation of these turns, in a cell whose server has listed these tools."""
    trace = Trace()
    if listed:
        trace.add(Frame(0, "srv", "srv#1", Direction.OUT, {"id": 1, "result": {"tools": list(listed)}}))
    return Conversation("k", 0, Script(turns), trace)


def run_of(conversation):
    missing = tuple(conversation.missing)
    exchanges = tuple(conversation.trace.model)
    return Run(0, "", None, missing, exchanges, None, conversation.tried, conversation.hidden)


async def test_a_tool_is_searched_by_its_exact_name_and_called_through_the_generic_caller():
    talk = begin(call("echo", text="a"), say("well"))
    agent = Agent(talk)
    assert await agent.ask(FIND, USE) == [("find_tools", {"query": "echo"})]
    agent.tell(json.dumps([ECHO]))
    assert await agent.ask(FIND, USE) == [("use_tool", {"name": "srv__echo", "arguments": {"text": "a"}})]
    agent.tell("said a")
    assert await agent.ask(FIND, USE) == "well"
    run = run_of(talk)
    assert run.results() == run.results("echo") == ["said a"]
    assert run.asides == {"find_tools": Aside.SEARCH}
    assert run.search == "find_tools"
    assert [each.name for each in run.offered] == ["find_tools", "use_tool", "srv__echo"]
    assert not run.missing


async def test_a_tool_that_is_offered_once_it_was_searched_is_called_itself():
    agent = Agent(begin(call("echo", text="a"), call("echo", text="b")))
    assert await agent.ask(FIND) == [("find_tools", {"query": "echo"})]
    agent.tell("srv__echo can be called now")
    assert await agent.ask(FIND, "srv__echo") == [("srv__echo", {"text": "a"})]
    agent.tell("said a")
    assert await agent.ask(FIND, "srv__echo") == [("srv__echo", {"text": "b"})]


async def test_calls_of_one_turn_are_made_together_once_all_of_their_tools_were_found():
    agent = Agent(begin(together(call("echo", text="a"), call("add", n=1))))
    assert await agent.ask(FIND, USE) == [("find_tools", {"query": "echo"})]
    agent.tell(json.dumps([ECHO]))
    assert await agent.ask(FIND, USE) == [("find_tools", {"query": "add"})]
    agent.tell(json.dumps([{"name": "srv__add"}]))
    assert [arguments["name"] for _, arguments in await agent.ask(FIND, USE)] == ["srv__echo", "srv__add"]


async def test_a_generic_caller_without_a_search_is_given_the_servers_name():
    agent = Agent(begin(call("echo", text="a")))
    assert await agent.ask(USE) == [("use_tool", {"name": "echo", "arguments": {"text": "a"}})]


async def test_what_no_search_finds_is_missing_and_the_search_is_named():
    talk = begin(call("echo", text="a"), call("echo", text="b"))
    agent = Agent(talk)
    await agent.ask(FIND, USE)
    agent.tell("[]")
    assert await agent.ask(FIND, USE) == "I cannot go on: echo was not offered."
    assert (talk.missing, talk.tried) == (["echo"], ("find_tools",))
    assert await agent.ask(FIND, USE) == "done"


async def test_the_requests_of_a_delegate_are_played_on():
    talk = begin(call("echo", text="a"), say("well"))
    router, delegate = Agent(talk), Agent(talk)
    assert await router.ask(ASK) == [("ask_files_agent", {"task": talk.script.prompt()})]
    assert await delegate.ask("srv__echo") == [("srv__echo", {"text": "a"})]
    delegate.tell("said a")
    assert await delegate.ask("srv__echo") == "well"
    router.tell("well")
    assert await router.ask(ASK) == "done"
    run = run_of(talk)
    assert run.result("echo") == "said a"
    assert [each.name for each in run.offered] == ["srv__echo"]
    assert run.asides == {"ask_files_agent": Aside.DELEGATE}
    assert run.search is None


async def test_where_one_delegate_has_not_got_the_tool_the_next_is_asked():
    talk = begin(call("echo", text="a"))
    router, wrong, right = Agent(talk), Agent(talk), Agent(talk)
    assert (await router.ask("ask_mail_agent", ASK))[0][0] == "ask_mail_agent"
    assert await wrong.ask("send_mail") == "I cannot go on: echo was not offered."
    assert talk.missing == ["echo"]
    router.tell("I cannot go on")
    assert (await router.ask("ask_mail_agent", ASK))[0][0] == "ask_files_agent"
    assert await right.ask("echo") == [("echo", {"text": "a"})]
    assert not talk.missing


async def test_where_no_delegate_has_got_the_tool_it_is_missing():
    talk = begin(call("echo", text="a"))
    router, delegate = Agent(talk), Agent(talk)
    await router.ask(ASK)
    await delegate.ask("send_mail")
    router.tell("I cannot go on")
    assert await router.ask(ASK) == "I cannot go on: echo was not offered."
    assert (talk.missing, talk.tried) == (["echo"], ("ask_files_agent",))


async def test_a_servers_own_tool_is_no_search_of_the_agents():
    talk = begin(call("echo", text="a"), listed=[ECHO, {"name": "find_tools", "inputSchema": {}}])
    assert await Agent(talk).ask(FIND) == "I cannot go on: echo was not offered."
    assert talk.tried == ()


async def test_a_name_that_is_a_hash_is_found_by_what_the_attached_server_listed():
    talk = begin(call("echo", text="a"), listed=[{**ECHO, "name": "echo"}])
    assert await Agent(talk).ask(("t_9f3ab01c77", {"text": TEXT}), "own") == [("t_9f3ab01c77", {"text": "a"})]


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "mcp", "server_label": "srv", "server_url": "http://127.0.0.1:1/mcp"}]},
        {"tools": [{"type": "mcp_toolset", "mcp_server_name": "srv"}]},
        {"mcp_servers": [{"type": "url", "url": "http://127.0.0.1:1/mcp", "name": "srv"}]},
        {"tools": [{"mcpServers": [{"name": "srv"}]}]},
    ],
)
async def test_tools_that_the_provider_calls_are_hidden_and_not_lost(more):
    talk = begin(call("echo", text="a"))
    await Agent(talk).ask(**more)
    assert run_of(talk).hidden is Hidden.HOSTED


async def test_tools_that_stand_in_the_prompt_are_hidden_and_not_lost():
    described = {**ECHO, "name": "echo", "description": 'Say "it" to everybody who is there.'}
    talk = begin(call("echo", text="a"), listed=[described])
    await Agent(talk, system=f"<tools>{json.dumps(described)}</tools>").ask()
    assert run_of(talk).hidden is Hidden.IN_THE_PROMPT


async def test_a_summary_that_speaks_of_the_tools_hides_none_that_are_offered_afterwards():
    described = {**ECHO, "name": "echo"}
    talk = begin(call("echo", text="a"), listed=[described])
    await Agent(talk, system="The tool echo: Say it.").ask()
    assert await Agent(talk).ask("echo") == [("echo", {"text": "a"})]
    assert run_of(talk).hidden is None


async def test_an_agent_that_offers_and_tells_nothing_hides_nothing():
    talk = begin(call("echo", text="a"), listed=[ECHO])
    await Agent(talk, system="Be brief.").ask()
    assert run_of(talk).hidden is None
