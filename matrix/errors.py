"""What can go wrong before and around a run, each with one sentence that says how to mend it.

A command line that cannot be obeyed, and a file that cannot be read as what it should be, are the user's to
mend: `UsageError` and its kin, exit code 2, found before anything is started. Whatever else the tool itself
raises on purpose is a `MatrixError`, so that the top floor can tell it from a fault of ours. What goes wrong
inside a cell is never raised through it: that becomes the cell's outcome.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class MatrixError(Exception):
    """An error that this tool raises on purpose; its text is one readable sentence."""


class UsageError(MatrixError):
    """What was asked for cannot be done as asked (exit code 2)."""


class ConfigurationError(UsageError):
    """A file does not say what it should: which file, where in it, and how to mend it."""

    def __init__(self, file: Path | str, where: str | int | None, mend: str) -> None:
        self.file = str(file)
        self.where = where
        self.mend = mend
        super().__init__(": ".join(part for part in (self.file, self.place, mend) if part))

    @property
    def place(self) -> str:
        """Where in the file: a line or a key; empty for the whole."""
        return f"line {self.where}" if isinstance(self.where, int) else self.where or ""

    def __reduce__(self) -> tuple[type[ConfigurationError], tuple[str, str | int | None, str]]:
        """Survive the way from a worker process to its parent."""
        return type(self), (self.file, self.where, self.mend)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name that a mistyped one is most like; None where there is none near."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.5)), None)
