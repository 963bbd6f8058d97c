"""Servers that are forked by a process which has imported their program: the same to whoever starts them."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from matrix.lab.servers.preforking import interpreter, preforking
from tests.lab.bench import bridging
from tests.lab.servers.children import child, child_pid, ends, forked, listening

pytestmark = pytest.mark.anyio

TELLS = """
import json, os, sys
print("ready", os.getpid(), file=sys.stderr, flush=True)
for line in sys.stdin:
    seeks = sys.stdout.seekable() or sys.stdin.seekable()
    told = {"seeks": seeks, "argv": sys.argv, "cwd": os.getcwd(), "env": dict(os.environ), "path": sys.path[0]}
    print(json.dumps({"id": json.loads(line)["id"], "result": told}), flush=True)
"""


async def test_it_is_a_child_of_the_process_that_has_imported_its_program(lab, tmp_path):
    async with forked(lab, tmp_path) as cell, bridging(cell.entries["child"]) as line:
        server = psutil.Process(await child_pid(line))
        assert "prefork.py" in " ".join(server.parent().cmdline())
        await line.end()
        assert await ends(server.pid)


async def test_it_has_the_environment_folder_and_arguments_that_it_was_started_with(lab, tmp_path):
    async with forked(lab, tmp_path, TELLS) as cell, bridging(cell.entries["child"]) as line:
        await child_pid(line)
        await line.send({"id": 1, "method": "tell"})
        told = (await line.read())["result"]
        await line.end()
    assert told["env"]["KEPT"] == "yes"
    assert not told["seeks"]
    assert "AGENT_MATRIX_WORKER" not in told["env"]
    assert Path(told["cwd"]) == tmp_path
    assert told["argv"] == [str(tmp_path / "program.py")]


async def test_it_ends_when_its_bridge_is_killed(lab, tmp_path):
    async with forked(lab, tmp_path) as cell, bridging(cell.entries["child"]) as line:
        pid = await child_pid(line)
        line.process.send_signal(signal.SIGKILL)
        assert await ends(pid)
        await line.end()


async def test_where_nobody_forks_the_bridge_starts_the_server_itself(lab, tmp_path):
    async with (
        child(lab, tmp_path, prefork=tmp_path / "nobody.sock") as cell,
        bridging(cell.entries["child"]) as line,
    ):
        server = psutil.Process(await child_pid(line))
        assert "bridge.py" in " ".join(server.parent().cmdline())
        await line.end()


async def test_all_of_them_end_with_the_run(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(f"#!{sys.executable}\nimport signal\nif __name__ == '__main__':\n    signal.pause()\n")
    with preforking({"one": program}, tmp_path) as sockets:
        await listening(sockets["one"])
        ours = [each.pid for each in psutil.Process().children() if str(program) in each.cmdline()]
        assert len(ours) == 1
    assert not psutil.pid_exists(ours[0])


def test_only_python_scripts_can_be_forked(tmp_path):
    with preforking({"node": tmp_path / "missing"}, tmp_path) as sockets:
        assert sockets == {}
    shell = tmp_path / "shell"
    shell.write_text("#!/bin/sh\n")
    assert interpreter(shell) is None
    shell.write_text("#!/opt/x/bin/python3.11\n")
    assert interpreter(shell) == "/opt/x/bin/python3.11"
    assert interpreter(Path(os.devnull)) is None
