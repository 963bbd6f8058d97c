"""The fork server tells how its processes end, survives being stopped, and leaves nothing of what came from it."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from matrix.engine.fork_server import ForkServer, ForkServerGone
from tests.engine.running import on_linux

pytestmark = on_linux
SECONDS = 120
SLEEP = ["sleep", "86399.75"]


@pytest.fixture
def server() -> Iterator[ForkServer]:
    made = ForkServer()
    yield made
    made.close()
    assert asleep() == []


def asleep() -> list[int]:
    return [each.pid for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == SLEEP]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def say_how_garbage_is_looked_for() -> None:
    """End with 1 where what was imported once is looked through in every process, with 2 where nothing ever is."""
    os._exit((gc.get_freeze_count() < 100_000) + 2 * (not gc.isenabled()))


def test_it_tells_how_each_process_has_ended_and_ends_what_that_has_left(server: ForkServer) -> None:
    seven, killed, sleeping = (
        server.fork(os._exit, [7]),
        server.fork(signal.raise_signal, [signal.SIGKILL]),
        server.fork(time.sleep, [86399]),
    )
    assert server.exit_code(killed, SECONDS) == -signal.SIGKILL
    assert server.exit_code(seven, SECONDS) == 7
    assert server.exit_code(sleeping) is None
    assert server.exit_code(server.fork(say_how_garbage_is_looked_for, []), SECONDS) == 0
    leaving = server.fork(subprocess.Popen, [SLEEP, -1, None, subprocess.DEVNULL])
    assert server.exit_code(leaving, SECONDS) == 0
    assert asleep() == []
    assert server.exit_code(sleeping) is None, "the living are spared"

    # Somebody stops it: it is continued, and nobody notices.
    os.kill(server.pid, signal.SIGSTOP)
    after = server.fork(os._exit, [3])
    os.kill(server.pid, signal.SIGSTOP)
    assert server.exit_code(after, SECONDS) == 3

    # Somebody ends it: so are those that came from it.
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(ForkServerGone):
        server.exit_code(sleeping, SECONDS)
    assert server.has_gone
    until(lambda: not psutil.pid_exists(sleeping) or psutil.Process(sleeping).status() == psutil.STATUS_ZOMBIE)


def test_what_came_from_it_ends_with_it_also_what_is_stopped(server: ForkServer) -> None:
    pid = server.fork(subprocess.run, [SLEEP])
    until(lambda: len(asleep()) == 1)
    for each in (*asleep(), pid):
        os.kill(each, signal.SIGSTOP)
    server.close()
    assert asleep() == []
    with pytest.raises(ForkServerGone):
        server.fork(os._exit, [0])
