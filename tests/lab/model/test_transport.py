"""While the tap is in, no request leaves the machine: the script, a service, loopback, or a refusal answers."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from contextlib import ExitStack

import anyio.to_thread
import httpx
import httpx2
import pytest

from matrix.lab.model.in_flight import CURRENT, in_flight
from matrix.lab.model.transport import intercepted
from matrix.lab.script import Script, say
from matrix.lab.trace import Trace
from tests.lab.bench import HTTP_HEADERS, INITIALIZE, answer_in, attached

pytestmark = pytest.mark.anyio

CHAT = "https://api.openai.test/v1/chat/completions"
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CLIENTS = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
REFUSAL = "this run is hermetic: example.test is neither loopback nor a service that the agent's row answers for"


def weather(router):
    """Answer for a service, as the row of an agent declares it."""
    router.get("https://weather.test/today").respond(json={"sky": "blue"})


@pytest.fixture
def play(lab):
    def answered(conversation, path, body):
        return lab.call(conversation.answer(path, body))

    return answered


@pytest.fixture
def tap(play):
    with intercepted(play, weather):
        yield


@pytest.fixture
def converse(lab):
    """Return a function that begins a conversation which says this, and makes it the current one."""
    count = iter(range(100))

    def begin(text):
        conversation = lab.converse("c0", next(count), Script((say(text),)), Trace())
        CURRENT.set(conversation)
        return conversation

    yield begin
    CURRENT.set(None)


async def asked(library=httpx2, url=CHAT):
    """Ask the model once; returns what it says."""
    async with library.AsyncClient() as http:
        response = await http.post(url, json=QUESTION)
    return response.json()["choices"][0]["message"]["content"]


@CLIENTS
@pytest.mark.usefixtures("tap")
async def test_a_model_request_is_answered_by_the_current_conversation(converse, library):
    conversation = converse("hello")
    assert await asked(library) == "hello"
    assert [each.user_text for each in conversation.trace.model] == ["hi"]


@CLIENTS
@pytest.mark.usefixtures("tap")
async def test_loopback_passes(lab, library):
    async with attached(lab, "echo", transport="http") as cell, library.AsyncClient() as http:
        for host in ("127.0.0.1", "localhost"):
            url = cell.entries["echo"]["url"].replace("127.0.0.1", host)
            answer = await http.post(url, json=INITIALIZE, headers=HTTP_HEADERS)
            assert answer_in(answer)["result"]["serverInfo"]["name"] == "echo"


@CLIENTS
@pytest.mark.usefixtures("tap")
async def test_a_model_on_loopback_is_replaced_and_an_mcp_server_with_such_a_path_is_not(converse, library):
    conversation = converse("hello")
    assert await asked(library, "http://localhost:1/v1/chat/completions") == "hello"
    async with library.AsyncClient() as http:
        with pytest.raises(library.ConnectError) as caught:  # nobody listens there
            await http.post("http://127.0.0.1:1/sse/messages", json={**INITIALIZE, "model": "m"})
    assert "hermetic" not in str(caught.value)
    assert len(conversation.trace.model) == 1


@CLIENTS
async def test_what_is_sent_to_the_lab_itself_finds_its_own_way(lab, play, library):
    conversation = lab.converse("c1", 0, Script((say("by the lab"),)), Trace())
    with intercepted(play, None, lab.url):
        assert await asked(library, f"{lab.model_url(conversation)}/v1/chat/completions") == "by the lab"


@CLIENTS
@pytest.mark.usefixtures("tap")
async def test_a_request_that_may_be_of_two_runs_is_answered_by_the_sentence_that_says_so(lab, library):
    talks = [lab.converse("c2", number, Script((say(text),)), Trace()) for number, text in enumerate("ab")]
    with ExitStack() as stack:
        for each in talks:
            stack.enter_context(in_flight(each))
        CURRENT.set(None)
        async with library.AsyncClient() as http:
            answer = await http.post(CHAT, json=QUESTION)
    assert answer.status_code == 422
    assert "which of the runs under way it belongs to" in answer.json()["error"]["message"]
    assert [len(each.trace.notes) for each in talks] == [1, 1]


@CLIENTS
@pytest.mark.usefixtures("tap")
async def test_a_foreign_host_is_refused_with_a_sentence(converse, library):
    conversation = converse("never said")
    async with library.AsyncClient() as http:
        with pytest.raises(library.ConnectError) as caught:
            await http.get("https://example.test/secret")
    assert str(caught.value) == REFUSAL
    assert not conversation.trace.model


@CLIENTS
@pytest.mark.usefixtures("tap")
async def test_a_model_request_of_no_run_is_refused_too(library):
    async with library.AsyncClient() as http:
        with pytest.raises(library.ConnectError, match=r"this run is hermetic: api\.openai\.test is neither"):
            await http.post(CHAT, json=QUESTION)


@pytest.mark.usefixtures("tap")
async def test_the_agents_own_rest_call_is_answered_by_its_service(converse):
    converse("hello")
    async with httpx.AsyncClient() as http:
        assert (await http.get("https://weather.test/today")).json() == {"sky": "blue"}
    assert await asked() == "hello"


@CLIENTS
@pytest.mark.usefixtures("tap")
def test_a_synchronous_client_is_intercepted_as_well(converse, library):
    conversation = converse("hello")
    with library.Client() as http:
        assert http.post(CHAT, json=QUESTION).json()["choices"][0]["message"]["content"] == "hello"
        with pytest.raises(library.ConnectError) as caught:
            http.get("https://example.test/secret")
        if library is httpx:
            assert http.get("https://weather.test/today").json() == {"sky": "blue"}
    assert str(caught.value) == REFUSAL
    assert len(conversation.trace.model) == 1


@CLIENTS
@pytest.mark.usefixtures("tap")
async def test_a_synchronous_client_is_answered_while_it_blocks_a_loop(converse, library):
    converse("hello")
    with library.Client() as http:
        answer = http.post(CHAT, json=QUESTION)
    assert answer.json()["choices"][0]["message"]["content"] == "hello"


@pytest.mark.usefixtures("tap")
async def test_tasks_ask_in_the_run_that_they_were_started_in(converse):
    async def after(started):
        await started.wait()
        return await asyncio.create_task(asked())

    started = asyncio.Event()
    tasks = []
    for text in ("one", "two"):
        converse(text)
        tasks.append(asyncio.create_task(after(started)))
    converse("neither")
    started.set()
    assert await asyncio.gather(*tasks) == ["one", "two"]


@pytest.mark.usefixtures("tap")
async def test_threads_ask_in_the_run_that_they_were_started_in(converse):
    answers = {}

    def ask_from_thread():
        answers["thread"] = asyncio.run(asked())

    converse("by to_thread")
    assert await asyncio.to_thread(lambda: asyncio.run(asked())) == "by to_thread"
    converse("by anyio")
    assert await anyio.to_thread.run_sync(lambda: asyncio.run(asked())) == "by anyio"
    converse("by a thread with its context")
    thread = threading.Thread(target=contextvars.copy_context().run, args=(ask_from_thread,))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert answers == {"thread": "by a thread with its context"}


@pytest.mark.usefixtures("tap")
async def test_a_query_of_the_models_path_is_kept(converse):
    converse("hello")
    url = "https://google.test/v1beta/models/m:streamGenerateContent?alt=sse"
    async with httpx2.AsyncClient() as http:
        response = await http.post(url, json={"contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
    assert response.headers["content-type"].startswith("text/event-stream")


def in_place():
    """Return what the tap replaces."""
    return [
        (each.handle_async_request if "Async" in each.__name__ else each.handle_request)
        for library in (httpx, httpx2)
        for each in (library.AsyncHTTPTransport, library.HTTPTransport)
    ]


class AgentError(Exception):
    """Something that goes wrong while the tap is in."""


def test_the_tap_is_removed_afterwards_whatever_happened(play):
    before = in_place()
    with pytest.raises(AgentError), intercepted(play, weather):
        raise AgentError if in_place() != before else AssertionError
    assert in_place() == before


@CLIENTS
async def test_a_request_goes_its_own_way_once_the_tap_is_removed(play, library):
    with intercepted(play, weather):
        pass
    async with library.AsyncClient() as http:
        with pytest.raises(library.ConnectError) as caught:
            await http.get("http://127.0.0.1:1/")  # nobody listens there
    assert "hermetic" not in str(caught.value)
