"""The line between a run and a worker: data only, and nothing on it is trusted that a worker of ours would not write.

Agents live where one end is, so what arrives at the other may be theirs: junk, half a frame, a flood, a crafted
object. A frame is the worker's mark, the length of what follows, and that; it is read without ever waiting for more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import select
import socket
import struct
from collections.abc import Iterator

LONGEST_FRAME = 256 * 1024 * 1024
"""Bytes; evidence is cut long before."""
_LENGTH = struct.Struct(">I")
_AT_ONCE = 1024 * 1024
_LOWEST, _HIGHEST = 200, 1000
"""Between these a worker's descriptor has its number: beyond what a program numbers, within what select can take."""


class Intruded(Exception):
    """What arrived is nothing that a worker of ours would have written."""


class Channel:
    """One end of the line; `mark` is what each frame begins with, the same at both ends."""

    def __init__(self, end: socket.socket, mark: str) -> None:
        end.setblocking(False)
        self._end = end
        self._mark = mark.encode("ascii")
        self._unread = bytearray()
        self.has_ended = False
        """Whether nothing will arrive any more."""

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._end.fileno()

    def set_apart(self) -> None:
        """Move to a descriptor that nobody stumbles over, and that no fork of this process inherits."""
        low = min(random.randint(_LOWEST, _HIGHEST), os.sysconf("SC_OPEN_MAX") - 1)  # noqa: S311  (no secret)
        moved = socket.socket(fileno=fcntl.fcntl(self._end.fileno(), fcntl.F_DUPFD_CLOEXEC, low))
        moved.setblocking(False)
        self._end.close()
        self._end = moved
        os.register_at_fork(after_in_child=self.close)

    def send(self, body: bytes, seconds: float | None = None) -> None:
        """Send a frame, waiting for so long for whoever does not read. Raises OSError where it cannot be sent."""
        rest = memoryview(self._mark + _LENGTH.pack(len(body)) + body)
        while rest:
            try:
                rest = rest[self._end.send(rest) :]
            except BlockingIOError:
                if not self._polled(select.POLLOUT, seconds):
                    raise TimeoutError from None

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until something has arrived, or the line has ended; returns False where neither happens in time."""
        return self._polled(select.POLLIN, seconds)

    def received(self, most: int = _AT_ONCE) -> Iterator[bytes]:
        """Yield the bodies that are whole by now, without waiting; reads up to so many bytes. Raises Intruded."""
        try:
            read = self._end.recv(most)
        except BlockingIOError:
            return
        except OSError:
            read = b""
        self.has_ended = not read
        self._unread += read
        yield from self._whole()

    @property
    def is_half_read(self) -> bool:
        """Whether a frame has begun whose end has not arrived."""
        return bool(self._unread)

    def close(self) -> None:
        """End the line from here."""
        with contextlib.suppress(OSError):
            self._end.close()

    def _whole(self) -> Iterator[bytes]:
        begins, head = len(self._mark), len(self._mark) + _LENGTH.size
        while self._unread:
            if not self._mark.startswith(self._unread[:begins]):
                raise Intruded
            if len(self._unread) < head:
                return
            (length,) = _LENGTH.unpack_from(self._unread, begins)
            if length > LONGEST_FRAME:
                raise Intruded
            if len(self._unread) < head + length:
                return
            body = bytes(self._unread[head : head + length])
            del self._unread[: head + length]
            yield body

    def _polled(self, event: int, seconds: float | None) -> bool:
        poll = select.poll()
        poll.register(self._end, event)
        return bool(poll.poll(None if seconds is None else seconds * 1000))
