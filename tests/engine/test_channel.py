"""What arrives from where agents live is data, or it is refused; it never makes its reader wait."""

from __future__ import annotations

import os
import pickle
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from matrix.engine.channel import LONGEST_FRAME, Channel, Intruded
from matrix.engine.messages import (
    Ask,
    CannotLoad,
    Done,
    LastWords,
    NotAsked,
    Ready,
    WorkerFault,
    asked,
    encoded,
    question,
    report,
)
from matrix.model import Cell, Verdict
from matrix.outcome import Blame, Outcome, Reached

MARK = "0123456789abcdef"
CELL = Cell.parse("tiny::invoke.round-trip::echo+files[http,2025-11-25]")
OUTCOME = Outcome(
    CELL,
    Verdict.FAILED,
    "it was “wrong”",
    attempts=(Verdict.FAILED,),
    duration=0.25,
    rule="https://modelcontextprotocol.io/specification/2025-11-25/basic#session",
    advice=("do better",),
    negotiated="2025-11-25",
    reached=Reached.CALLED,
)


class Ends:
    """A channel to read from, and the bare socket at its other end."""

    def __init__(self) -> None:
        ours, self.other = socket.socketpair()
        self.channel = Channel(ours, MARK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.other.close()

    def arrives(self, *pieces: bytes) -> list[bytes]:
        found: list[bytes] = []
        for each in pieces:
            self.other.sendall(each)
            found += self.channel.received()
        return found


@pytest.fixture
def ends() -> Iterator[Ends]:
    with Ends() as made:
        yield made


def frame(body: bytes, length: int | None = None) -> bytes:
    return MARK.encode() + struct.pack(">I", len(body) if length is None else length) + body


@pytest.mark.parametrize(
    "said",
    [
        Ready(),
        NotAsked("not live"),
        CannotLoad("no module", "install it"),
        WorkerFault("OSError: no"),
        LastWords("stopped its event loop"),
        Done(OUTCOME, {"numbers": [1, 2.0, 1e30, 10**30], "nothing": None, "text": "\0\x1b“\N{PILE OF POO}"}),
        Done(Outcome(CELL, Verdict.ERRORED, "no", Blame.SERVER)),
    ],
    ids=lambda said: type(said).__name__,
)
def test_what_a_worker_says_arrives_as_it_was_said(said, ends: Ends) -> None:
    (body,) = ends.arrives(frame(encoded(said)))
    assert repr(report(body)) == repr(said), "also 2.0 as 2.0"


def test_what_a_parent_asks_arrives_as_it_was_asked() -> None:
    ask = Ask((CELL, CELL), 3, 120.0, 30.0, 2)
    assert question(asked(ask)) == ask


def test_frames_are_read_in_whatever_pieces_they_arrive(ends: Ends) -> None:
    whole = frame(b"one") + frame(b"") + frame(b"three")
    assert ends.arrives(*(whole[at : at + 1] for at in range(len(whole)))) == [b"one", b"", b"three"]
    assert ends.arrives(whole) == [b"one", b"", b"three"]


@pytest.mark.parametrize(
    "junk",
    [
        b"x",
        b"\0" * 100_000,
        pickle.dumps(Path("/")),
        struct.pack("!i", 4) + b"junk",
        frame(b"", LONGEST_FRAME + 1),
        MARK.encode()[:8] + frame(b"{}"),
    ],
    ids=["a byte", "zeros", "a pickle", "a frame of multiprocessing", "a length beyond all bounds", "half a header"],
)
def test_what_no_worker_would_write_is_refused_at_once(junk: bytes, ends: Ends) -> None:
    with pytest.raises(Intruded):
        ends.arrives(frame(b"before"), junk)


@pytest.mark.parametrize("begun", [MARK.encode()[:3], frame(b"", 10), frame(b"12345", 10)])
def test_half_a_frame_is_not_waited_for(begun: bytes, ends: Ends) -> None:
    assert ends.arrives(begun) == []
    assert ends.channel.is_half_read


class Exploding:
    """What is called when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (7,)


@pytest.mark.parametrize(
    "body",
    [
        pickle.dumps(Exploding()),
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"[" * 1_000_000,
        b'{"kind": "done"}',
        b'{"kind": "unheard of"}',
        b'{"kind": "ready", "kind": 3}',
        encoded(Done(OUTCOME)).replace(b'"failed"', b'"wonderful"'),
        b"9" * 1_000_000,
    ],
)
def test_a_body_that_no_worker_would_say_is_an_error_of_its_value_and_nothing_else(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        report(body)


class Deep:
    """No data."""

    def __repr__(self) -> str:
        return "an object"


def test_what_cannot_be_read_back_is_not_sent() -> None:
    deep: list[object] = []
    for _ in range(240):
        deep = [deep]
    for evidence in (deep, "\ud800"):
        with pytest.raises(ValueError):  # noqa: PT011
            encoded(Done(OUTCOME, evidence))
    said = report(encoded(Done(OUTCOME, [Deep()])))
    assert isinstance(said, Done)
    assert said.evidence == ["an object"]


def test_a_closed_line_has_ended_and_still_tells_what_came_before(ends: Ends) -> None:
    ends.other.sendall(frame(b"last"))
    ends.other.close()
    assert list(ends.channel.received()) == [b"last"]
    assert not ends.channel.has_ended
    assert list(ends.channel.received()) == []
    assert ends.channel.has_ended


def test_a_frame_is_sent_whole_however_slowly_it_is_read_and_not_waited_for_without_end(ends: Ends) -> None:
    with pytest.raises(TimeoutError):
        ends.channel.send(b"x" * 10_000_000, 0.01)
    assert ends.other.recv(len(MARK)) == MARK.encode()


def test_a_channel_that_is_set_apart_has_no_usual_number(ends: Ends) -> None:
    channel, number = ends.channel, ends.channel.fileno()
    channel.set_apart()
    assert channel.fileno() >= 200 > number
    assert not os.get_inheritable(channel.fileno())
    channel.send(b"here")
    assert ends.other.recv(100) == frame(b"here")


FORKED = """\
import os, socket
from matrix.engine.channel import Channel

channel = Channel(socket.socketpair()[0], "mark")
channel.set_apart()
if (child := os.fork()) == 0:
    try:
        os.fstat(channel.fileno() if channel.fileno() >= 0 else 10_000)
    except OSError:
        os._exit(7)
    os._exit(1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_channel_that_is_set_apart_is_closed_in_a_process_that_is_forked() -> None:
    assert subprocess.run([sys.executable, "-c", FORKED], check=False, timeout=60).returncode == 7
