"""In a live run the provider is asked itself, and the same is recorded as in a hermetic one."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import httpx2
import pytest
from pydantic_ai import Agent

from matrix.adapters.base import base_url
from matrix.capabilities.verbs import Run
from matrix.engine.messages import NOT_LIVE
from matrix.lab.lab import Lab
from matrix.lab.model.conversation import Conversation
from matrix.lab.model.in_flight import CURRENT
from matrix.lab.model.live import recorded
from matrix.lab.model.protocols import PROTOCOLS
from matrix.lab.model.transport import intercepted
from matrix.lab.script import Script, call, fault, say, together
from matrix.lab.trace import Trace
from matrix.model import STATEFUL
from matrix.results.reading import read_matrix

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
PROMPT = "What is one and two?"
SCRIPT = Script((together(call("add", a=1, b=2), call("own", text="x")), call("add", a=3, b=4), say("seven")))
MODELS = {
    "openai-chat": "openai-chat:gpt-test",
    "openai-responses": "openai-responses:gpt-test",
    "anthropic": "anthropic:claude-test",
    "google": "google:gemini-test",
}
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY")
URLS = {"openai": "OPENAI_BASE_URL", "anthropic": "ANTHROPIC_BASE_URL", "google": "GOOGLE_GEMINI_BASE_URL"}
CLIENTS = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])


@pytest.fixture(autouse=True)
def _no_run(monkeypatch):
    for key in KEYS:
        monkeypatch.setenv(key, "test")
    for url in URLS.values():
        monkeypatch.delenv(url, raising=False)
    yield
    CURRENT.set(None)


@pytest.fixture
def provider():
    """Return the lab that plays the real provider."""
    with Lab() as opened:
        yield opened


def fresh(script=SCRIPT):
    """Return a run that no lab answers for."""
    return Conversation("c0-r0", 0, script, Trace())


def adder(protocol):
    """Return an agent with a renamed tool, which has a stub's marker, and one that has none."""
    agent = Agent(MODELS[protocol], instructions="Be brief.")

    @agent.tool_plain
    def srv__sum(a: int, b: int) -> str:
        """Add two numbers. [mcp:srv/add]"""
        return f"sum {a + b}"

    @agent.tool_plain
    def my_own(text: str) -> str:
        """Say it."""
        return text

    return agent


async def ran(agent, conversation, streamed):
    CURRENT.set(conversation)
    async with agent:  # closes the provider's client afterwards
        if not streamed:
            return (await agent.run(PROMPT)).output
        async with agent.run_stream(PROMPT) as result:
            return await result.get_output()


def facts(trace):
    """Return what a trace has of the model, but for when, and for what it said."""
    return [
        (
            (each.run, each.protocol, each.system, each.user_text, each.note),
            each.offered,
            each.asked,
            each.shown,
            each.names,
            each.call_ids,
            [(one.tool, one.arguments) for one in (each.reply.calls if each.reply else ())],
        )
        for each in trace.model
    ]


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_the_same_is_recorded_as_in_a_hermetic_run(lab, provider, monkeypatch, protocol, streamed):
    hermetic = lab.converse("c0", 0, SCRIPT, Trace())
    with intercepted(lambda conversation, path, body: lab.call(conversation.answer(path, body)), None):
        assert await ran(adder(protocol), hermetic, streamed) == "seven"
    there, live = provider.converse("c0", 0, SCRIPT, Trace()), fresh()
    monkeypatch.setenv(URLS[protocol.partition("-")[0]], base_url(protocol, provider.model_url(there)))
    with recorded():
        assert await ran(adder(protocol), live, streamed) == "seven"
    assert facts(live.trace) == facts(hermetic.trace)
    assert not live.trace.notes
    run = Run(0, "seven", None, (), tuple(live.trace.model))
    assert (run.results("add"), run.results("add", on="srv")) == (["sum 3", "sum 7"], ["sum 3", "sum 7"])
    assert (run.results("own"), run.system) == (["x"], "Be brief.")
    assert live.trace.model[-1].reply is None


def chat(*made, tools=("t",)):
    """Return a chat request after these calls."""
    messages = [{"role": "user", "content": "hi"}]
    for name in made:
        one = {"id": name, "type": "function", "function": {"name": name[0], "arguments": "{}"}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [one]},
            {"role": "tool", "tool_call_id": name, "content": f"said {name}"},
        ]
    return {"model": "m", "messages": messages, "tools": [declared(name) for name in tools]}


def declared(name):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


async def test_what_comes_between_takes_no_calls(provider):
    """A request that is repeated after a fault, another agent's run within a call, a title in the end."""
    there = provider.converse("c0", 0, Script((fault(500),)), Trace())
    url = f"{provider.model_url(there)}/v1/chat/completions"
    conversation = fresh(Script(()))
    CURRENT.set(conversation)
    sent = [chat(), chat(), chat(tools=("u",)), chat("u1", tools=("u",)), chat("t1"), chat("t1", "t2"), chat(tools=())]
    with recorded():
        async with httpx2.AsyncClient() as http:
            for body in sent:
                await http.post(url, json=body)
    assert [each.call_ids for each in conversation.trace.model] == [(), ("t1",), ("u1",), (), ("t2",), (), ()]


async def test_the_calls_of_an_earlier_run_are_not_of_this_one(provider):
    there = provider.converse("c0", 0, Script(()), Trace())
    conversation = fresh(Script(()))
    CURRENT.set(conversation)
    with recorded():
        async with httpx2.AsyncClient() as http:
            for body in (chat("t1"), chat("t1", "t2")):
                await http.post(f"{provider.model_url(there)}/v1/chat/completions", json=body)
    assert [each.call_ids for each in conversation.trace.model] == [("t2",), ()]


@CLIENTS
async def test_every_kind_of_client_is_recorded_and_only_within_a_run(provider, library):
    url = f"{provider.model_url(provider.converse('c0', 0, Script(()), Trace()))}/v1"
    conversation = fresh()
    with recorded():
        async with library.AsyncClient() as http:
            await http.post(f"{url}/chat/completions", json=chat())
            CURRENT.set(conversation)
            answer = await http.post(f"{url}/chat/completions", json=chat())
            await http.get(f"{url}/models")
            await http.post(f"{url}/messages", json={"content": "no model is asked"})
        with library.Client() as http:
            await asyncio.to_thread(http.post, f"{url}/chat/completions", json=chat())
    assert answer.json()["choices"][0]["message"]["content"] == "done"
    assert len(conversation.trace.model) == 2
    assert not conversation.trace.notes


def test_nothing_stays_in_place_afterwards():
    kinds = [kind for library in (httpx, httpx2) for kind in (library.AsyncHTTPTransport, library.HTTPTransport)]
    before = [vars(kind).copy() for kind in kinds]
    with recorded():
        assert [vars(kind) for kind in kinds] != before
    assert [vars(kind) for kind in kinds] == before


class TinyProvider(BaseHTTPRequestHandler):
    """Speaks chat completions: calls `echo` with the text that the prompt names, then says that it is done."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"role": "assistant", "content": "done"}
        if all(each["role"] != "tool" for each in body["messages"]):
            prompt = next(each["content"] for each in body["messages"] if each["role"] == "user")
            arguments = re.search(r"arguments (\{.*\})\.", prompt)[1]
            functions = [tool["function"] for tool in body["tools"]]
            name = next(each["name"] for each in functions if "/echo]" in each["description"])
            function = {"name": name, "arguments": arguments}
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_live", "type": "function", "function": function}],
            }
        finish = "tool_calls" if "tool_calls" in message else "stop"
        choice = {"index": 0, "message": message, "finish_reason": finish}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice]}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def tiny_provider():
    server = ThreadingHTTPServer(("127.0.0.1", 0), TinyProvider)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


TINY = """\
from pydantic_ai import Agent

def create_agent():
    return Agent("openai-chat:gpt-test")
"""


def run_live(folder, rows, **environment):
    """Run these rows live; returns the exit code, and verdict and reason by agent."""
    (folder / "live_tiny.py").write_text(TINY)
    (folder / "live_mute.py").write_text("def agent(task):\n    return 'no'\n")
    (folder / "tiny.toml").write_text('factory = "live_tiny:create_agent"\nlive_keys = ["OPENAI_API_KEY"]\n')
    (folder / "mute.toml").write_text('factory = "live_mute:agent"\n')
    (folder / "line.toml").write_text('argv = ["true"]\n')
    named = [part for row in rows for part in ("--agent", str(folder / f"{row}.toml"))]
    column = ["--capability", "invoke.round-trip", "--transport", "stdio", "--revision", STATEFUL]
    command = [sys.executable, "-m", "matrix", "run", "--live", *named, *column, "--output", str(folder / "out")]
    kept = {key: value for key, value in os.environ.items() if key not in KEYS}
    done = subprocess.run(command, cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, check=False)
    outcomes = read_matrix(folder / "out").outcomes
    return done.returncode, {each.cell.agent: (each.verdict.value, each.reason) for each in outcomes}


def test_a_whole_live_run(tmp_path, tiny_provider):
    environment = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": tiny_provider}
    code, outcomes = run_live(tmp_path, ["tiny", "mute", "line"], **environment)
    assert outcomes == {
        "control": ("passed", ""),
        "tiny": ("passed", ""),
        "mute": ("skipped", NOT_LIVE),
        "line": ("skipped", NOT_LIVE),
    }
    assert code == 0
    (path,) = (tmp_path / "out").glob("evidence/tiny*.json")
    asked, told = json.loads(path.read_text())["model"]
    assert [(each["call_id"], each["tool"]) for each in asked["asked_for"]] == [("call_live", "echo")]
    assert told["shown"][0]["text"].endswith(asked["asked_for"][0]["arguments"]["text"])


def test_without_its_keys_a_row_is_skipped_and_nothing_was_asked(tmp_path):
    code, outcomes = run_live(tmp_path, ["tiny"])
    assert outcomes == {
        "control": ("passed", ""),
        "tiny": ("skipped", "--live needs OPENAI_API_KEY in the environment"),
    }
    assert code == 3
