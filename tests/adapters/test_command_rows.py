"""Agents that are commands: what they are given, how they end, and what becomes of what they leave behind."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from matrix.adapters.base import Model, Task
from matrix.adapters.command import POLITENESS, CommandFailed, CommandInstance
from matrix.model import Agent, Command, Verdict
from tests.row_helpers import asked, tiny_argv, told
from tests.samples import A_TEST

Make = Callable[..., CommandInstance]
SERVERS: dict[str, Any] = {"echo": {"command": "echo-server", "args": [], "env": {"KEY": "value"}}}
END = 20
"""Seconds after which a process that has been killed is taken for immortal; it takes milliseconds."""


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Return a function that makes a command row's instance; whatever its runs leave is ended with the test."""
    made: list[CommandInstance] = []

    def one(*argv: str, bin_path: Path | None = None, **more: Any) -> CommandInstance:
        homes = tmp_path / "homes"
        homes.mkdir(exist_ok=True)
        made.append(CommandInstance(Command(argv, **more), homes, bin_path, tmp_path / "row"))
        return made[-1]

    yield one
    for instance in made:
        await instance.close()


def sh(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


def task(prompt: str = "what time is it?") -> Task:
    return Task(prompt, SERVERS, Model("openai-chat", "http://127.0.0.1:9/v1", "test", "some-model"))


@pytest.mark.anyio
async def test_what_a_command_prints_is_its_answer(make: Make) -> None:
    answer = await make(*sh("echo; echo ' four '; echo o\\'clock; echo noise >&2")).ask(task())
    assert answer.text == "four \no'clock"
    assert answer.history is None


@pytest.mark.anyio
async def test_output_that_is_no_text_is_still_an_answer(make: Make) -> None:
    assert (await make(*sh(r"printf 'caf\351'")).ask(task())).text == "caf\N{REPLACEMENT CHARACTER}"


@pytest.mark.anyio
async def test_a_command_that_prints_nothing_answers_nothing(make: Make) -> None:
    assert (await make("true").ask(task())).text == ""


@pytest.mark.anyio
async def test_every_placeholder_is_filled_in_the_command_line(make: Make, tmp_path: Path) -> None:
    names = ("prompt", "model_base_url", "model_api_key", "model_name", "folder", "bin", "mcp_config", "home")
    row = make("echo", *(f"<{{{name}}}>" for name in names), bin_path=tmp_path / "bin")
    *values, config, home = (await row.ask(task())).text.split("> <")
    begun = f"<what time is it?|http://127.0.0.1:9/v1|test|some-model|{tmp_path}/row|{tmp_path}/bin"
    assert values == begun.split("|")
    assert config == f"{home.removesuffix('>')}/mcp.json"


@pytest.mark.anyio
async def test_placeholders_are_filled_in_files_and_in_the_environment(make: Make) -> None:
    files = {".config/agent/settings.json": '{"url": "{model_base_url}", "keep": {"this": 1}}'}
    row = make(*sh('cat "$SETTINGS"'), files=files, env={"SETTINGS": "{home}/.config/agent/settings.json"})
    written = json.loads((await row.ask(task())).text)
    assert written == {"url": "http://127.0.0.1:9/v1", "keep": {"this": 1}}


@pytest.mark.anyio
async def test_a_prompt_that_looks_like_a_placeholder_reaches_the_agent_as_it_is(make: Make) -> None:
    assert (await make("echo", "{prompt}").ask(task("{home} {prompt} {x}"))).text == "{home} {prompt} {x}"


@pytest.mark.anyio
async def test_the_configuration_has_the_servers_as_they_are(make: Make) -> None:
    printed = (await make("cat", "{mcp_config}").ask(task())).text
    assert json.loads(printed) == {"mcpServers": SERVERS}


@pytest.mark.anyio
async def test_a_command_has_a_home_of_its_own_and_starts_in_it(make: Make, tmp_path: Path) -> None:
    row = make(*sh('echo "$HOME"; pwd; ls -A'))
    answers: list[str] = []

    async def one() -> None:
        answers.append((await row.ask(task())).text)

    async with anyio.create_task_group() as runs:
        runs.start_soon(one)
        runs.start_soon(one)
    (first, where, *listed), (second, *_) = (answer.split() for answer in answers)
    assert first == where != second
    assert listed == ["mcp.json"]
    assert list((tmp_path / "homes").glob("home-*/")) == [], "a home should go with its run"


@pytest.mark.anyio
async def test_no_variable_of_ours_reaches_a_command(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a real one")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    printed = (await make("env", env={"OWN": "{model_api_key}"}).ask(task())).text
    seen = dict(line.split("=", 1) for line in printed.splitlines())
    assert seen["OWN"] == "test"
    assert {"OPENAI_API_KEY", "PYTHONPATH"}.isdisjoint(seen)


@pytest.mark.anyio
async def test_programs_of_the_rows_environment_come_first_on_path(make: Make, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "env"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho mine\n")
    program.chmod(0o755)
    assert (await make("env", bin_path=program.parent).ask(task())).text == "mine"


@pytest.mark.anyio
async def test_a_bad_end_is_told_with_the_line_of_stderr_that_names_the_error_and_keeps_the_whole(make: Make) -> None:
    row = make(*sh("echo partial; echo 'panic: no key' >&2; echo >&2; echo 'goroutine 1 [running]:' >&2; exit 7"))
    with pytest.raises(CommandFailed, match=r"^exit code 7: panic: no key$") as raised:
        await row.ask(task())
    assert raised.value.stderr == "panic: no key\n\ngoroutine 1 [running]:\n"


@pytest.mark.anyio
async def test_what_a_command_writes_to_stderr_is_kept_of_a_good_end_too(make: Make) -> None:
    answer = await make(*sh("echo fine; echo 'Error: no such server' >&2")).ask(task())
    assert (answer.text, answer.stderr) == ("fine", "Error: no such server\n")


@pytest.mark.anyio
async def test_a_bad_end_without_a_word_is_told_as_such(make: Make) -> None:
    with pytest.raises(CommandFailed, match=r"^exit code 1: nothing on stderr$"):
        await make("false").ask(task())


@pytest.mark.anyio
async def test_an_end_by_a_signal_is_told_by_its_name(make: Make) -> None:
    with pytest.raises(CommandFailed, match=r"^ended by SIGKILL: nothing on stderr$"):
        await make(*sh("kill -9 $$")).ask(task())


@pytest.mark.anyio
async def test_of_a_flood_on_stderr_the_beginning_and_the_end_are_kept(make: Make) -> None:
    row = make(*sh("seq 200000 >&2; exit 1"))
    with pytest.raises(CommandFailed, match=r"^exit code 1: 200000$") as raised:
        await row.ask(task())
    kept = raised.value.stderr
    assert kept.startswith("1\n2\n")
    assert " bytes left out)\n" in kept
    assert kept.endswith("200000\n")
    assert len(kept) < 17_000


@pytest.mark.anyio
async def test_a_missing_program_is_one_readable_sentence(make: Make) -> None:
    with pytest.raises(CommandFailed, match=r"^the program 'no-such-agent' cannot be started: No such file"):
        await make("no-such-agent", "{prompt}").ask(task())


@pytest.mark.anyio
async def test_an_environment_that_was_never_installed_is_named_as_the_cause(make: Make, tmp_path: Path) -> None:
    row = make("{bin}/python", bin_path=tmp_path / "nowhere")
    with pytest.raises(CommandFailed, match=r"'\{bin\}/python' .*, because its environment has not been installed$"):
        await row.ask(task())


@pytest.mark.anyio
async def test_a_program_that_may_not_be_run_is_one_readable_sentence(make: Make, tmp_path: Path) -> None:
    (tmp_path / "row").mkdir()
    (tmp_path / "row" / "agent").write_text("no program")
    with pytest.raises(CommandFailed, match=r"^the program '\{folder\}/agent' cannot be started: Permission denied$"):
        await make("{folder}/agent").ask(task())


@pytest.mark.anyio
@pytest.mark.parametrize("start", ["sleep 600", "setsid sleep 600"], ids=["in its group", "in a session of its own"])
async def test_what_a_command_leaves_running_is_noticed_and_then_ended(make: Make, start: str) -> None:
    row = make(*sh(f"{start} & echo done"))
    answer = await row.ask(task())  # although the process it left holds its output open
    assert answer.text == "done"
    assert len(await row.leftovers(0)) == 1
    (run,) = row._runs
    await row.close()
    assert await run.still_alive(END) == ()


@pytest.mark.anyio
async def test_a_command_that_cleans_up_leaves_nothing_to_notice(make: Make) -> None:
    row = make(*sh("sleep 600 & kill $!; wait; echo done"))
    assert (await row.ask(task())).text == "done"
    assert await row.leftovers(END) == []


@pytest.mark.anyio
async def test_what_ends_a_moment_after_its_command_is_not_left_behind(make: Make, tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    os.mkfifo(waiting)
    row = make(*sh(f"(read line < {waiting}) & echo done"))
    await row.ask(task())
    assert len(await row.leftovers(0)) == 1
    async with anyio.create_task_group() as both:
        both.start_soon(anyio.to_thread.run_sync, waiting.write_text, "you may end\n")
        assert await row.leftovers(END) == []


@pytest.mark.anyio
async def test_a_cancelled_run_is_ended_with_everything_that_it_started(make: Make, tmp_path: Path) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    row = make(*sh(f"sleep 600 & setsid sleep 600 & echo yes > {started}; trap '' TERM INT; wait"))
    async with anyio.create_task_group() as running:
        running.start_soon(row.ask, task())
        assert await anyio.to_thread.run_sync(started.read_text) == "yes\n"
        assert len(await row.leftovers(0)) >= 3
        running.cancel_scope.cancel()
    assert await row.leftovers(END) == []


@pytest.mark.anyio
async def test_a_command_gives_way_to_the_servers_that_it_uses(make: Make, tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    os.mkfifo(waiting)
    row = make(*sh(f"read line < {waiting}; nice"))
    answers: list[str] = []

    async def ask() -> None:
        answers.append((await row.ask(task())).text)

    async with anyio.create_task_group() as running:
        running.start_soon(ask)
        await anyio.to_thread.run_sync(waiting.write_text, "go on\n")
    assert int(answers[0]) == min(os.getpriority(os.PRIO_PROCESS, 0) + POLITENESS, 19)


def row(name: str, *vice: str) -> Agent:
    return Agent(name, A_TEST, command=Command(tuple(tiny_argv(*vice))))


def test_a_command_in_plain_python_makes_a_round_trip() -> None:
    outcomes, _ = asked([row("tiny")])
    assert told(outcomes) == {"tiny": (Verdict.PASSED, "")}


def test_a_command_that_leaves_a_process_behind_is_red_for_it() -> None:
    vices = ("leaves-server", "leaves-process")
    outcomes, evidence = asked([row("clean"), *(row(vice, vice) for vice in vices)], "lifecycle.shutdown")
    assert told(outcomes) == {
        "clean": (Verdict.PASSED, ""),
        "leaves-server": (Verdict.FAILED, "1 of 1 server processes still ran 15 s after the run"),
        "leaves-process": (Verdict.FAILED, "the run left sleep running"),
    }
    assert evidence["clean"]["notes"] == []
    assert evidence["leaves-process"]["notes"] == [{"kind": "leftover", "text": "left running after the run: sleep"}]


def test_a_command_that_dies_is_told_by_its_own_last_words() -> None:
    dying = Agent("dying", A_TEST, command=Command(sh("echo 'no API key' >&2; kill -9 $$")))
    outcomes, _ = asked([dying])
    assert told(outcomes) == {
        "dying": (Verdict.FAILED, "the run ended with CommandFailed: ended by SIGKILL: no API key")
    }
