"""A stub's standard error, wherever that leads."""

from __future__ import annotations

import io
from collections.abc import Callable


class LineWriter(io.StringIO):
    """A text stream that hands whole lines to a function."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write
        self._begun = ""

    def write(self, text: str, /) -> int:
        """Hand on the lines that this completes; the rest of the last one waits."""
        lines, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline:
            self._write(lines + newline)
        return len(text)

    def flush(self) -> None:
        """Hand on a line that has only been begun."""
        begun, self._begun = self._begun, ""
        if begun:
            self._write(begun)
