"""The harness, with real processes: what its agent is given, how its runs end, and what becomes of its process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from matrix.adapters.base import CannotStart, Model, Task
from matrix.adapters.harness import instance as harness_instance
from matrix.adapters.harness.instance import BLOCKED, AgentRaised, HarnessStarter
from matrix.adapters.harness.process import Lost
from matrix.harness_spec import Harness, HarnessKind
from matrix.model import Agent
from matrix.raised import Explained
from matrix.registry.loading import Broken
from tests.samples import A_TEST

pytestmark = pytest.mark.anyio
HERE = Path(__file__).parent
Make = Callable[..., HarnessStarter]
SERVERS: dict[str, Any] = {"echo": {"command": "echo-server", "args": [], "env": {"KEY": "value"}}}


def task(prompt: str = "hello", history: Any = None) -> Task:
    return Task(prompt, SERVERS, Model("openai-chat", "http://127.0.0.1:9/v1", "test", "some-model"), history)


@pytest.fixture
def make() -> Iterator[Make]:
    """Return a function that makes what starts a row's agent; its process ends with the test."""
    made: list[HarnessStarter] = []

    def one(attribute: str, argv: tuple[str, ...] = (sys.executable,), kind: str = "python", **more: Any):
        agent = Agent("shop", A_TEST, target=f"harnessed:{attribute}", folder=str(HERE), **more)
        made.append(HarnessStarter(agent, Harness(HarnessKind(kind), argv), None, None))
        return made[-1]

    yield one
    for each in made:
        if each._running is not None:
            each._running.process.end("the test is over")


async def asked(start: HarnessStarter, *prompts: str) -> list[Any]:
    """Ask one instance all of these at once; returns texts, and exceptions."""
    made = await start(SERVERS)
    answers = await asyncio.gather(*(made.ask(task(each)) for each in prompts), return_exceptions=True)
    return [each if isinstance(each, BaseException) else each.text for each in answers]


async def test_an_agent_answers_and_what_it_prints_reaches_nobody(make: Make) -> None:
    start = make("echo")
    assert await asked(start, "one", "caf\N{LATIN SMALL LETTER E WITH ACUTE}\n\u2028") == ["one", "caf\xe9\n\u2028"]
    assert start.losses == 0


async def test_several_tasks_are_in_flight_in_one_process(make: Make) -> None:
    assert await asked(make("meeting"), "a", "b") == ["met", "met"]


async def test_a_synchronous_agent_runs_in_a_thread(make: Make) -> None:
    assert await asked(make("sync"), "work") == ["work in a thread"]


async def test_a_history_that_no_json_can_hold_stays_where_it_is(make: Make) -> None:
    made = await make("remembering")(SERVERS)
    first = await made.ask(task("one"))
    second = await made.ask(task("two", first.history))
    assert second.text == "one two"
    assert (await made.ask(task("other"))).text == "other"


async def test_a_factory_is_handed_the_servers_and_its_product_is_closed_when_it_retires(make: Make) -> None:
    made = await make("create")(SERVERS)
    assert (await made.ask(task())).text == "['echo'] open"
    await made.retire()
    assert (await made.ask(task())).text == "['echo'] closed"
    await made.close()


async def test_a_factory_that_raises_says_why_nothing_was_made(make: Make) -> None:
    with pytest.raises(CannotStart, match=r"^its factory raised RuntimeError: no database$"):
        await make("broken_factory")(SERVERS)


async def test_what_an_agent_raises_is_told_in_its_words_with_its_traceback(make: Make) -> None:
    start = make("raising")
    (raised,) = await asked(start, "luck")
    assert isinstance(raised, AgentRaised)
    assert str(raised) == "ValueError: no luck"
    assert "in raising" in raised.stderr
    assert start.losses == 0


async def test_a_variable_that_is_missing_is_named_with_its_mend(make: Make) -> None:
    (raised,) = await asked(make("lacking"), "x")
    assert str(raised).endswith('; give it a value in `env` of the row: env = { SHOP_TOKEN = "…" }')


async def test_an_agent_that_calls_sys_exit_is_told_to_raise(make: Make) -> None:
    (raised,) = await asked(make("leaving"), "x")
    assert isinstance(raised, Explained)
    assert str(raised) == "the agent called sys.exit(3); it should raise an exception, or return"


async def test_a_process_that_ends_takes_its_runs_along_and_the_next_instance_has_a_new_one(make: Make) -> None:
    start = make("dying")
    assert await asked(start, "fine") == ["fine"]
    (lost,) = await asked(start, "die")
    assert isinstance(lost, Lost)
    assert str(lost) == "the agent ended its process with exit code 7: the last words"
    assert start.losses == 1
    assert await asked(start, "well") == ["well"]
    assert start.losses == 1


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """Return a pipe that an agent writes to when its run has begun."""
    os.mkfifo(tmp_path / "begun")
    return tmp_path / "begun"


async def test_a_cancelled_run_ends_and_the_process_goes_on(make: Make, begun: Path) -> None:
    start = make("waiting", env={"BEGUN": str(begun)})
    made = await start(SERVERS)
    run = asyncio.ensure_future(made.ask(task()))
    assert await asyncio.to_thread(begun.read_text) == "begun"
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert start.losses == 0


async def test_a_run_that_blocks_the_loop_and_is_cancelled_takes_the_process_along(
    make: Make, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness_instance, "CANCEL_SECONDS", 0.5)
    start = make("blocking", env={"BEGUN": str(begun)})
    made = await start(SERVERS)
    guilty, other = (asyncio.ensure_future(made.ask(task(each))) for each in ("block", "wait"))
    assert await asyncio.to_thread(begun.read_text) == "begun"
    guilty.cancel()
    with pytest.raises(Lost, match=f"^{BLOCKED}$"):
        await other
    with pytest.raises(asyncio.CancelledError):
        await guilty
    assert start.losses == 1


async def test_an_agent_that_writes_to_the_channel_is_told_so(make: Make) -> None:
    (lost,) = await asked(make("shouting"), "x")
    assert str(lost) == "the agent wrote to the channel of its harness: a line that is no JSON"


async def test_an_agent_finds_few_variables_a_home_of_its_own_and_none_of_our_packages(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a real one")
    monkeypatch.setenv("A_SECRET_OF_THE_HOST", "secret")
    monkeypatch.setenv("SSL_CERT_FILE", "/the/one/certificate.pem")
    (text,) = await asked(make("environment", env={"OWN": "value"}), "x")
    found = json.loads(text)
    assert found["env"]["OPENAI_API_KEY"] == "placeholder"
    assert found["env"]["OWN"] == "value"
    assert found["env"]["SSL_CERT_FILE"] == "/the/one/certificate.pem"
    assert "A_SECRET_OF_THE_HOST" not in found["env"]
    assert found["env"]["HOME"] != os.environ.get("HOME")
    assert (found["cwd"], found["argv"], found["path"][0]) == (str(HERE), [], str(HERE))
    assert not [each for each in found["path"] if each.endswith("adapters/harness")]


@pytest.mark.parametrize(
    ("attribute", "cause", "mend"),
    [
        ("nothing", "harnessed has no 'nothing'", "name one that it has, such as "),
        ("no_agent", "harnessed:no_agent is of type int, neither a pydantic_ai.Agent nor a callable", "name an agent"),
    ],
)
def test_what_cannot_be_an_agent_is_told_before_anything_is_asked(
    make: Make, attribute: str, cause: str, mend: str
) -> None:
    with pytest.raises(Broken) as broken:
        make(attribute).load()
    assert broken.value.cause == cause
    assert broken.value.mend.startswith(mend)


def test_a_module_that_this_interpreter_cannot_import_is_told_with_what_it_lacks(make: Make, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import no_such_package\n")
    agent = Agent("shop", A_TEST, target="shop:agent", folder=str(tmp_path))
    with pytest.raises(Broken) as broken:
        HarnessStarter(agent, Harness(HarnessKind.PYTHON, (sys.executable,)), None, None).load()
    assert (broken.value.cause, broken.value.mend) == (
        "shop cannot be imported: no module named 'no_such_package'",
        "install it",
    )


def test_a_module_that_ends_the_process_while_it_is_imported_is_told_so(make: Make, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import os, sys\nprint('no licence', file=sys.stderr)\nos._exit(4)\n")
    agent = Agent("shop", A_TEST, target="shop:agent", folder=str(tmp_path))
    with pytest.raises(Broken) as broken:
        HarnessStarter(agent, Harness(HarnessKind.PYTHON, (sys.executable,)), None, None).load()
    assert broken.value.cause == "shop:agent cannot be loaded: the agent ended its process with exit code 4: no licence"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo no harness", "wrote to the channel of its harness: a line that is no JSON"),
        ("echo '[1]'", "wrote to the channel of its harness: a line that is no message"),
        ("kill -9 $$", "was ended by SIGKILL"),
        ("exit 0", "ended its process with exit code 0"),
    ],
)
def test_what_is_no_harness_is_told_as_what_it_does(make: Make, script: str, told: str) -> None:
    with pytest.raises(Broken, match=re.escape(told)):
        make("echo", ("sh", "-c", script), "own").load()


def test_a_program_that_is_not_there_is_told_so(make: Make) -> None:
    with pytest.raises(Broken, match=r"^no-such-python cannot be started: No such file or directory; "):
        make("echo", ("no-such-python",)).load()
