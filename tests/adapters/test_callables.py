"""Callables as owners write them: what they may return, how they are closed, and what is told where they do not fit."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace

import pytest

from matrix.adapters.base import Answer, CannotStart, Model, Task
from matrix.adapters.callable import CallableInstance
from matrix.adapters.choose import starter
from matrix.adapters.closing import Shared
from matrix.model import Agent
from matrix.raised import Explained
from matrix.registry.importing import Broken

pytestmark = pytest.mark.anyio

TASK = Task("hello", {}, Model("openai-chat", "http://127.0.0.1:9/v1", "test", "m"))


async def stream(task):
    for piece in ("a", task.prompt):
        yield piece


def pieces(task):
    yield from ("a", task.prompt)


class Talker:
    """An agent that is an object."""

    def __init__(self) -> None:
        self.closed = 0

    async def __call__(self, task) -> str:
        return task.prompt

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("agent", "answer"),
    [
        (lambda task: task.prompt, Answer("hello")),
        (lambda task: (task.prompt, [1]), Answer("hello", [1])),
        (lambda task: SimpleNamespace(output="said"), Answer("said")),
        (lambda task: SimpleNamespace(output=7, all_messages=lambda: ["m"]), Answer("7", ["m"])),
        (lambda task: (SimpleNamespace(output="said"), [1]), Answer("said", [1])),
        (stream, Answer("ahello")),
        (pieces, Answer("ahello")),
        (Talker(), Answer("hello")),
    ],
)
async def test_an_answer_comes_in_any_of_these_forms(agent, answer):
    assert await CallableInstance(agent).ask(TASK) == answer


def create_agent(config):
    return Talker()


def text_function(prompt):
    return "I was asked " + prompt


def configured(config):
    return config["model"]


async def counting(task):
    yield 1


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (
            create_agent,
            (
                "create_agent(config) was called with a task, and returned a Talker: "
                "give config a default, or name it mcp_servers"
            ),
        ),
        (
            text_function,
            (
                'TypeError: can only concatenate str (not "Task") to str; '
                "the callable is given a task, its text is task.prompt"
            ),
        ),
        (
            configured,
            (
                "TypeError: 'Task' object is not subscriptable; configured(config) was called with a task: "
                "give config a default, or name it mcp_servers"
            ),
        ),
        (counting, "the agent yielded int; a generator should yield texts"),
        (lambda task: SimpleNamespace(output=7), "the agent returned SimpleNamespace; it should return a text, or "),
        (lambda task: sys.exit(3), "the agent called sys.exit(3); it should raise an exception, or return"),
    ],
)
async def test_what_does_not_fit_is_told_with_its_mend(agent, told):
    with pytest.raises(Explained) as raised:
        await CallableInstance(agent).ask(TASK)
    assert str(raised.value).startswith(told)


async def test_an_error_of_its_own_is_left_as_it_is():
    def prompted(prompt):
        raise ValueError("no server")

    with pytest.raises(ValueError, match=r"^no server$"):
        await CallableInstance(prompted).ask(TASK)


async def test_an_object_of_an_instances_own_is_closed_once():
    talker = Talker()
    instance = CallableInstance(talker)
    await instance.retire()
    await instance.close()
    assert talker.closed == 1


async def test_an_object_that_others_call_is_closed_only_between_runs():
    inside, go_on = asyncio.Event(), asyncio.Event()

    class Pool(Talker):
        async def __call__(self, task) -> str:
            inside.set()
            await go_on.wait()
            assert not self.closed, "closed while it ran"
            return "done"

    pool, shared = Pool(), Shared()
    running = asyncio.ensure_future(CallableInstance(pool, shared).ask(TASK))
    await inside.wait()
    other = CallableInstance(pool, shared)
    retiring = asyncio.ensure_future(other.retire())
    go_on.set()
    assert (await running).text == "done"
    await retiring
    assert pool.closed == 1
    await other.close()
    assert pool.closed == 1, "the end of a cell closes nothing that others call"


MODULE = """\
from pydantic_ai import Agent

class Talker:
    async def __call__(self, task):
        return task.prompt

class App:
    def __init__(self):
        self.assistant = Agent()

class Needy:
    def __init__(self, config):
        pass

    async def __call__(self, task):
        return ""

app = App()
talker = Talker()

def create_agent():
    return Talker()

def create_app():
    return app

def ask(prompt: str):
    return prompt

def server(scope, receive, send):
    pass
"""


@pytest.fixture
def row(tmp_path):
    """Return a function that makes a row of an attribute of the module above."""
    name = f"forms_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    return lambda attribute: Agent("shop", "this test", target=f"{name}:{attribute}", folder=str(tmp_path))


@pytest.mark.parametrize("attribute", ["Talker", "talker", "create_agent"])
async def test_a_class_an_object_and_what_a_factory_makes_are_called(row, tmp_path, attribute):
    instance = await starter(row(attribute))(tmp_path)({})
    assert (await instance.ask(TASK)).text == "hello"


async def test_each_instance_has_an_object_of_its_own_where_a_class_is_named(row, tmp_path):
    start = starter(row("Talker"))(tmp_path)
    one, other = await start({}), await start({})
    assert one._function is not other._function


@pytest.mark.parametrize(
    ("attribute", "cause", "mend"),
    [
        (
            "app",
            "is of type App, neither a pydantic_ai.Agent nor a callable",
            "name the agent inside of it, {}.assistant",
        ),
        ("ask", "takes a text (prompt: str)", "the callable is given a task, its text is task.prompt"),
        ("Needy", "cannot be called without config", "give it a default, or name a function without them"),
        (
            "server",
            "cannot be called without scope, receive, send",
            "give each a default, or name a function without them",
        ),
    ],
)
def test_what_cannot_be_an_agent_is_refused_with_the_mend_of_its_shape(row, attribute, cause, mend):
    with pytest.raises(Broken) as refused:
        starter(row(attribute))
    assert refused.value.cause.endswith(cause)
    assert refused.value.mend == mend.format(row(attribute).target)


async def test_a_factory_of_something_with_an_agent_inside_is_told_where_that_is(row, tmp_path):
    with pytest.raises(CannotStart, match=r"^its factory returned App, .*; let it return its `\.assistant`$"):
        await starter(row("create_app"))(tmp_path)({})
