"""Server-sent events, read as their bytes go by.

What an event means is read by the decoder of `httpx-sse`. It takes lines of text and keeps none of the bytes that they
came in, and its own splitter of lines takes text as well, while whoever stands between a server and its client has to
pass on what it does not change as it came: so the lines are cut here. The decoder is public in `httpx_sse` through
`EventSource` only, which reads a whole response of `httpx`; it is imported from its module in this one place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from httpx_sse._decoders import SSEDecoder

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True)
class Event:
    """One event: its lines as they came, their ends and the blank one included, and its data (`""`: it has none)."""

    lines: tuple[bytes, ...]
    data: str

    @property
    def raw(self) -> bytes:
        """The bytes of the event."""
        return b"".join(self.lines)

    def with_data(self, data: bytes) -> bytes:
        """Return the bytes of the event with other data, on one line in the place of the first."""
        lines: list[bytes] = []
        replaced = False
        for line in self.lines:
            if not _is_data(line):
                lines.append(line)
            elif not replaced:
                replaced = True
                lines.append(b"data: " + data + line[len(line.rstrip(b"\r\n")) :])
        return b"".join(lines)


class EventReader:
    """Reads one stream, in whatever pieces it comes; an event that the stream breaks off is none."""

    def __init__(self) -> None:
        self._decoder = SSEDecoder()
        self._begun: list[bytes] = []
        """Pieces of a line whose end has not come."""
        self._lines: list[bytes] = []
        self._is_first = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that this piece completes."""
        if not chunk:
            return []
        events: list[Event] = []
        start = 0
        if self._after_cr and chunk.startswith(b"\n"):
            # The other half of a line end, whose first was taken for a whole one: nobody waits for what may not come.
            start = 1
            if self._lines:
                self._lines[-1] += b"\n"
            else:
                events.append(Event((b"\n",), ""))
        self._after_cr = chunk.endswith(b"\r")
        for end in _LINE_END.finditer(chunk, start):
            text = b"".join([*self._begun, chunk[start : end.start()]])
            self._begun.clear()
            start = end.end()
            if (event := self._line(text, end[0])) is not None:
                events.append(event)
        if start < len(chunk):
            self._begun.append(chunk[start:])
        return events

    def _line(self, text: bytes, end: bytes) -> Event | None:
        self._lines.append(text + end)
        if self._is_first:
            self._is_first = False
            text = text.removeprefix(_BOM)
        decoded = self._decoder.decode(text.decode("utf-8", "replace"))
        if text:
            return None
        event = Event(tuple(self._lines), "" if decoded is None else decoded.data)
        self._lines.clear()
        return event


def _is_data(line: bytes) -> bool:
    return line.removeprefix(_BOM).rstrip(b"\r\n").partition(b":")[0] == b"data"
