"""Hostile agents: each strikes in the cells of one server, in its own way, and is honest in all others.

A vice is a function; what is called `answer` of it is the agent.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import ctypes
import gc
import inspect
import json
import multiprocessing
import os
import pickle
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import psutil

from matrix.adapters.control import Connection
from tests.saboteurs.honest import Honest

if TYPE_CHECKING:
    import mcp_types as types

STRUCK = "errors"
"""The stub in whose cells they strike."""
LEFT_BEHIND = "86399.25"
"""For how many seconds a child that is left behind would sleep; nothing else sleeps so long."""


class Vice:
    """An agent that does this at its first call of a tool of the server."""

    def __init__(self, strike: Callable[[], Any]) -> None:
        class Striking(Honest):
            async def call(
                self, server: Connection, tool: types.Tool, arguments: dict[str, Any]
            ) -> types.CallToolResult:
                if server.name == STRUCK and inspect.isawaitable(struck := strike()):
                    await struck
                return await super().call(server, tool, arguments)

        self.answer = Striking.answer


# The channel to the parent.


def channels() -> list[int]:
    """Return the descriptors of this process that may be its channel: what an agent can find out."""
    found: list[int] = []
    for each in Path("/proc/self/fd").iterdir():
        if int(each.name) > 2 and each.is_socket():
            with socket.socket(fileno=os.dup(int(each.name))) as end:
                if end.family == socket.AF_UNIX and not end.getsockname() and not end.getpeername():
                    found.append(int(each.name))
    return found


def written(junk: bytes) -> None:
    for each in channels():
        os.write(each, junk)


class Exploding:
    """What ends whoever unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (7,)


@Vice
def writes_a_pickle() -> None:
    body = pickle.dumps(Exploding())
    written(len(body).to_bytes(4, "big") + body)


@Vice
def writes_junk() -> None:
    written(b"\xff\x00junk" * 10)


@Vice
def writes_half_a_header() -> None:
    written(b"\0\0\1")


@Vice
def floods_the_channel() -> None:
    for each in channels():
        with socket.socket(fileno=os.dup(each)) as end:
            for _ in range(100):
                try:
                    end.send(b"\0" * 1_000_000)
                except BlockingIOError:
                    break


@Vice
def closes_the_channel() -> None:
    for each in channels():
        os.close(each)


@Vice
def closes_every_descriptor() -> None:
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


# Folders that others use too.


@Vice
def empties_its_temporary_folder() -> None:
    for each in Path(tempfile.gettempdir()).iterdir():
        shutil.rmtree(each, ignore_errors=True)


@Vice
def removes_its_temporary_folder() -> None:
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)


@Vice
def leaves_files_that_nobody_may_remove() -> None:
    folder = Path(tempfile.mkdtemp())
    (folder / "kept").write_text("")
    folder.chmod(0)


@Vice
def changes_its_working_folder() -> None:
    os.chdir(tempfile.mkdtemp())


@Vice
def removes_its_working_folder() -> None:
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    Path(folder).rmdir()


# Its own end.


@Vice
def ends_the_process() -> None:
    os._exit(7)


@Vice
def ends_it_as_if_all_were_well() -> None:
    os._exit(0)


@Vice
def exits_with_a_text() -> None:
    sys.exit("no more work")


@Vice
def exits_in_a_task() -> None:
    async def work() -> None:
        sys.exit("no more work in the background")

    return asyncio.ensure_future(work())


@Vice
def raises_keyboard_interrupt() -> None:
    raise KeyboardInterrupt


class Unheard(BaseException):
    """No `Exception`."""


@Vice
def raises_no_exception() -> None:
    raise Unheard("nobody expects this")


@Vice
def aborts() -> None:
    os.abort()


@Vice
def reads_from_nowhere() -> None:
    ctypes.string_at(0)


@Vice
def kills_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@Vice
def terminates_itself() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@Vice
def stops_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@Vice
def kills_its_group() -> None:
    os.killpg(0, signal.SIGKILL)


@Vice
def exits_with_a_thread_that_stays() -> None:
    threading.Thread(target=threading.Event().wait, daemon=False).start()
    sys.exit("nothing left to do")


# Time.


@Vice
async def hangs() -> None:
    await asyncio.Event().wait()


@Vice
async def refuses_to_be_cancelled() -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


@Vice
def never_yields() -> None:
    while True:
        time.sleep(0.1)


@Vice
def cancels_itself() -> None:
    raise asyncio.CancelledError


@Vice
def cancels_every_task() -> None:
    for each in asyncio.all_tasks():
        each.cancel()


@Vice
def stops_the_loop() -> None:
    asyncio.get_running_loop().stop()


@Vice
def closes_the_loop() -> None:
    asyncio.get_running_loop().close()


@Vice
def starts_five_hundred_threads() -> None:
    for _ in range(500):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()


@Vice
def sets_an_alarm() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.01)


# What it says.


@Vice
def babbles() -> None:
    for descriptor in (1, 2):
        os.write(descriptor, b'{"jsonrpc": \xff\x00\x1b[2J' * 10_000)
    print("Traceback (most recent call last):", "\x1b[31m", flush=True)
    print('{"verdict": "passed"}', file=sys.stderr, flush=True)


@Vice
def floods_its_output() -> None:
    for _ in range(200):
        os.write(1, b"x" * 1_000_000)


@Vice
def closes_its_standard_streams() -> None:
    for each in range(3):
        os.close(each)


# What it raises.


def raiser(kind: type[BaseException], *arguments: object) -> Vice:
    """Return a vice that raises."""

    def strike() -> None:
        raise kind(*arguments)

    return Vice(strike)


class Speechless(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Quitting(Exception):
    """Ends who asks for its text."""

    def __str__(self) -> str:
        raise SystemExit(3)


class Lying(Exception):
    """Tells no one of what class it is."""

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise RuntimeError("no class")


class Nameless(type):
    """A class without a name."""

    @property
    def __name__(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise RuntimeError("no name")


class OfNoName(Exception, metaclass=Nameless):
    """Is of a class without a name."""


class Bottomless(Exception):
    """Has arguments that cannot be had."""

    @property
    def args(self) -> tuple[object, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise RuntimeError("no arguments")


class Unprintable(str):
    """A text that is none."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (7,)


raises_what_has_no_text = raiser(Speechless)
raises_what_quits = raiser(Quitting)
raises_what_has_no_class = raiser(Lying)
raises_what_has_no_name = raiser(OfNoName)
raises_what_has_no_arguments = raiser(Bottomless)
raises_half_a_surrogate = raiser(ValueError, "\ud800")
raises_terminal_controls = raiser(ValueError, "\x1b]0;owned\x07\x1b[2J")
raises_ten_megabytes = raiser(ValueError, "x" * 10_000_000)
raises_a_text_that_is_none = raiser(ValueError, Unprintable("text"))
raises_a_group = raiser(BaseExceptionGroup, "several", [Unheard("one of them"), ValueError("another")])
raises_generator_exit = raiser(GeneratorExit, "over")
raises_stop_iteration = raiser(StopIteration, "over")
raises_memory_error = raiser(MemoryError, "no more")


@Vice
def raises_itself_as_its_cause() -> None:
    problem = ValueError("round and round")
    problem.__cause__ = problem
    raise problem


@Vice
def recurses_without_end() -> None:
    def deeper() -> None:
        deeper()

    deeper()


# What it takes, and what it replaces.


@Vice
def allows_itself_ten_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))


@Vice
def opens_every_file_it_may() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    with contextlib.suppress(OSError):
        while True:
            os.dup(0)


@Vice
def replaces_json() -> None:
    json.dumps = json.loads = refusing


@Vice
def replaces_open() -> None:
    builtins.open = refusing


@Vice
def replaces_isinstance() -> None:
    builtins.isinstance = refusing


@Vice
def replaces_sorted() -> None:
    builtins.sorted = refusing


@Vice
def replaces_the_clock() -> None:
    time.monotonic = refusing


@Vice
def empties_sys_modules() -> None:
    sys.modules.clear()


@Vice
def replaces_sys_modules() -> None:
    sys.modules = {}


@Vice
def replaces_create_task() -> None:
    asyncio.ensure_future = asyncio.create_task = refusing


@Vice
def sets_a_policy_without_loops() -> None:
    asyncio.set_event_loop_policy(WithoutLoops())


@Vice
def handles_every_signal() -> None:
    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1):
        signal.signal(each, signal.SIG_IGN)


@Vice
def clears_its_environment() -> None:
    os.environ.clear()


@Vice
def takes_two_gigabytes() -> None:
    bytearray(2_000_000_000)


@Vice
def forgets_its_memory() -> None:
    gc.disable()
    gc.collect = refusing


def refusing(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("replaced")


class WithoutLoops(asyncio.DefaultEventLoopPolicy):
    """Makes no loop."""

    def new_event_loop(self) -> NoReturn:
        raise RuntimeError("no loop")


# What it leaves running.


def left(**options: Any) -> None:
    subprocess.Popen(["sleep", LEFT_BEHIND], stdin=subprocess.DEVNULL, **options)


@Vice
def leaves_a_child() -> None:
    left()


@Vice
def leaves_a_child_in_a_session_of_its_own() -> None:
    left(start_new_session=True)


@Vice
def leaves_a_child_without_environment() -> None:
    left(env={}, start_new_session=True, cwd="/", close_fds=True)


@Vice
def leaves_a_fork() -> None:
    if os.fork() == 0:
        signal.pause()


@Vice
def leaves_a_daemon() -> None:
    if (child := os.fork()) == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        os.closerange(0, 1024)
        signal.pause()
    os.waitpid(child, 0)


@Vice
def leaves_a_stopped_child() -> None:
    if (child := os.fork()) == 0:
        signal.pause()
    os.kill(child, signal.SIGSTOP)


@Vice
def leaves_a_child_and_ends() -> None:
    left(env={}, start_new_session=True)
    os._exit(7)


@Vice
def leaves_a_pool() -> None:
    multiprocessing.get_context("spawn").Process(target=time.sleep, args=(3600,), daemon=True).start()


@Vice
def leaves_a_family() -> None:
    for _ in range(5):
        if os.fork() == 0:
            for _ in range(5):
                if os.fork() == 0:
                    os.setsid()
                    signal.pause()
            os._exit(0)


# The processes of others.


def fork_server_pid() -> int:
    return os.getppid()


def others() -> list[int]:
    """Return the processes beside this one: workers of other agents."""
    return [each.pid for each in psutil.Process(os.getppid()).children() if each.pid != os.getpid()]


def signalled(pids: list[int], number: signal.Signals) -> None:
    for each in pids:
        with contextlib.suppress(OSError):
            os.kill(each, number)


@Vice
def stops_the_fork_server() -> None:
    signalled([fork_server_pid()], signal.SIGSTOP)


@Vice
def kills_the_fork_server() -> None:
    signalled([fork_server_pid()], signal.SIGKILL)


@Vice
def stops_the_others() -> None:
    signalled(others(), signal.SIGSTOP)


@Vice
def kills_the_others() -> None:
    signalled(others(), signal.SIGKILL)
