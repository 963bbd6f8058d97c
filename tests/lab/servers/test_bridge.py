"""The stdio bridge as a process: what the agent that has started it sees, and what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys

import pytest

from matrix.lab.servers import bridge
from tests.lab.bench import alive, attached, bridging, python, started, tools_call
from tests.lab.servers.children import DEAF, LINE, SERVER, child, child_pid, ends, forked, private

pytestmark = pytest.mark.anyio

every_way = pytest.mark.parametrize("attach", [child, forked, private])
"""A server that the bridge starts by itself, one that is forked for it, and one that it starts on the lab's word."""

BRIDGE = [sys.executable, "-I", "-S", "-E", bridge.__file__]


@contextlib.asynccontextmanager
async def lab_of_our_own(folder):
    """Listen as a lab does; gives the socket, and the queue of what bridges send and where they are written to."""
    bridges = asyncio.Queue()

    async def accept(reader, writer):
        await bridges.put((reader, writer))

    async with await asyncio.start_unix_server(accept, str(folder / "s")) as server:
        yield folder / "s", bridges
        server.close()


async def test_the_bridge_starts_isolated_and_imports_only_the_standard_library(lab):
    async with attached(lab, "echo") as cell:
        args = cell.entries["echo"]["args"]
    assert [cell.entries["echo"]["command"], *args[:4]] == BRIDGE
    code = f"""
import runpy, sys
sys.argv[1:] = ["/nonexistent", "k"]
try:
    runpy.run_path({bridge.__file__!r}, run_name="__main__")
except OSError:
    print(*sys.modules)
"""
    async with started(*BRIDGE[:-1], "-c", code) as line:
        _, out, _ = await line.end()
    imported = {name.partition(".")[0] for name in out.decode().split()}
    assert imported <= set(sys.stdlib_module_names) | {"__main__"}
    assert "subprocess" not in imported  # stubs do without, and it is a third of the start-up
    assert "asyncio" not in imported


async def test_a_stub_ends_with_code_0_when_its_stdin_does(lab):
    async with attached(lab, "echo") as cell, bridging(cell.entries["echo"]) as line:
        await line.shake_hands()
        assert await line.end() == (0, b"", b"")
        assert await cell.ended()


async def test_a_stub_passes_lines_of_two_megabytes(lab):
    async with attached(lab, "echo") as cell, bridging(cell.entries["echo"]) as line:
        await line.shake_hands()
        await line.send(tools_call(1, "echo", text=LINE))
        assert (await line.read())["result"]["content"][0]["text"] == LINE


async def test_a_last_line_without_its_newline_is_taken(lab):
    async with attached(lab, "echo") as cell, bridging(cell.entries["echo"]) as line:
        await line.shake_hands()
        line.process.stdin.write(json.dumps(tools_call(1, "echo", text="x")).encode())
        assert (await line.end())[0] == 0
        assert await cell.ended()
    assert [dict(each.arguments) for each in cell.trace.calls()] == [{"text": "x"}]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_stub_dies_with_its_bridge(lab, number):
    async with attached(lab, "echo") as cell, bridging(cell.entries["echo"]) as line:
        await line.shake_hands()
        line.process.send_signal(number)
        assert await line.gone() == -number
        assert await cell.ended()


async def test_a_bridge_whose_lab_is_not_there_fails_at_once(tmp_path):
    async with started(*BRIDGE, str(tmp_path / "none"), "k") as line:
        code, out, err = await line.end()
    assert (code, out) == (1, b"")
    assert b"FileNotFoundError" in err


@pytest.mark.parametrize("command", [(), ("--", *python(SERVER))], ids=["stub", "child"])
async def test_a_bridge_ends_when_its_lab_goes_away(tmp_path, command):
    async with lab_of_our_own(tmp_path) as (path, bridges), started(*BRIDGE, str(path), "k", *command) as line:
        reader, writer = await bridges.get()
        hello = json.loads((await reader.readline())[1:])
        assert (hello["key"], hello["pid"]) == ("k", line.process.pid)
        pid = await child_pid(line) if command else line.process.pid
        writer.close()
        await line.gone()
        assert await ends(pid)


@pytest.mark.parametrize("code", [0, 1, 3, 255])
async def test_a_bridge_exits_with_the_code_that_the_lab_says(tmp_path, code):
    async with lab_of_our_own(tmp_path) as (path, bridges), started(*BRIDGE, str(path), "k") as line:
        _, writer = await bridges.get()
        writer.write(b'1{"to": "stdout"}\n2to stderr\nx%d\n1{"too": "late"}\n' % code)
        assert await line.end() == (code, b'{"to": "stdout"}\n', b"to stderr\n")
        writer.close()


@every_way
async def test_a_child_is_served_and_every_line_of_it_recorded(lab, tmp_path, attach):
    async with attach(lab, tmp_path) as cell, bridging(cell.entries["child"]) as line:
        pid = await child_pid(line)
        await line.send({"id": 1, "method": "ask"})
        assert await line.read() == {"id": 1, "result": {"id": 1, "method": "ask"}}
        assert await line.end() == (0, b"", b"seen the end\n")
        assert await cell.ended()
    assert [(each.direction, each.message["id"]) for each in cell.trace.frames] == [("in", 1), ("out", 1)]
    assert [each.detail for each in cell.happened("stderr")] == [f"ready {pid}", "seen the end"]
    assert cell.happened("ended")[0].detail == "0"


async def test_a_child_has_the_folder_and_the_variables_of_its_entry(lab, tmp_path):
    code = "import os; print(os.getcwd(), os.environ['KEPT'], 'MATRIX' in os.environ)"
    async with child(lab, tmp_path, *python(code)) as cell, bridging(cell.entries["child"]) as line:
        assert (await line.end())[1].decode() == f"{tmp_path} yes False\n"
        assert await cell.ended()
    (noise,) = cell.happened("noise")  # what is no JSON on stdout is recorded as such
    assert noise.detail.startswith(str(tmp_path))


async def test_a_child_passes_lines_of_two_megabytes(lab, tmp_path):
    async with child(lab, tmp_path) as cell, bridging(cell.entries["child"]) as line:
        message = {"id": 1, "method": "ask", "text": LINE}
        await line.send(message)
        assert await line.read() == {"id": 1, "result": message}
        assert (await line.end())[0] == 0
        assert await cell.ended()
    assert [each.direction for each in cell.trace.frames] == ["in", "out"]


@every_way
@pytest.mark.parametrize(
    ("message", "code", "recorded"),
    [
        ({"method": "exit", "code": 0}, 0, "0"),
        ({"method": "exit", "code": 7}, 7, "7"),
        ({"method": "die", "signal": 9}, 137, "-9"),
    ],
)
async def test_a_bridge_exits_as_its_child_does(lab, tmp_path, attach, message, code, recorded):
    async with attach(lab, tmp_path) as cell, bridging(cell.entries["child"]) as line:
        await line.send(message)
        assert await line.gone() == code
        assert await cell.ended()
    assert cell.happened("ended")[0].detail == recorded


async def test_a_child_ends_with_a_bridge_that_is_told_to(lab, tmp_path):
    async with child(lab, tmp_path) as cell, bridging(cell.entries["child"]) as line:
        pid = await child_pid(line)
        line.process.terminate()
        await line.gone()
        assert not alive(pid)
        assert await cell.ended()


async def test_a_child_does_not_survive_a_bridge_that_is_killed(lab, tmp_path):
    async with child(lab, tmp_path) as cell, bridging(cell.entries["child"]) as line:
        pid = await child_pid(line)
        line.process.kill()
        assert await line.gone() == -signal.SIGKILL
        assert await ends(pid)  # its stdin has come to an end
        assert await cell.ended()


@every_way
async def test_closing_a_cell_ends_the_children_that_an_agent_left_behind(lab, tmp_path, attach):
    async with attach(lab, tmp_path, *python(DEAF)) as cell, bridging(cell.entries["child"]) as line:
        pid = await child_pid(line)
        await lab.call(lab.close("c0"))
        await line.gone()
        assert not alive(pid)
        assert await cell.ended()


async def test_a_child_of_another_language_is_bridged_too(lab, tmp_path):
    script = 'read -r line; printf "%s\\n" "$line"; echo over >&2; exit 5'
    async with child(lab, tmp_path, "sh", "-c", script) as cell, bridging(cell.entries["child"]) as line:
        await line.send({"id": 1})
        assert await line.read() == {"id": 1}
        assert await line.end() == (5, b"", b"over\n")


async def test_a_command_that_is_not_there_ends_the_bridge_with_the_reason(lab, tmp_path):
    missing = str(tmp_path / "none")
    async with child(lab, tmp_path, missing) as cell, bridging(cell.entries["child"]) as line:
        assert await line.end() == (127, b"", f"{missing}: No such file or directory\n".encode())
        assert await cell.ended()
    assert [each.detail for each in cell.happened("stderr")] == [f"{missing}: No such file or directory"]
    assert cell.happened("ended")[0].detail == "127"
