"""The command that puts one question again: the words of it, and their way into a file and out of it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MODULE = ("python", "-m", "matrix")
DIRECTORY, OUTPUT, CELL = "--directory", "--output", "--cell"
_PLAIN_WORD = re.compile(r"[\w@%+=:,./-]+|'[^']*'", re.ASCII)
_PLAIN = re.compile(rf"(?:{_PLAIN_WORD.pattern})(?: (?:{_PLAIN_WORD.pattern}))*", re.ASCII)
DEFAULT_OUTPUT = "out"
"""The folder of results where no other is named."""


@dataclass(frozen=True)
class Reproduction:
    """What the commands of a run have in common.

    `program` are the words that start the tool, `directory` is where the run was started, and so what relative paths
    and import strings are relative to. `options` are those of the run without which a cell would be another one.
    """

    program: tuple[str, ...] = MODULE
    directory: Path | None = None
    output: Path | None = None
    options: tuple[str, ...] = ()

    def command(self, cell: str, registration: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the words that put a cell's question again, from any folder; `registration` are those of its agent."""
        where = () if self.directory is None else (DIRECTORY, str(self.directory))
        output = () if self.output is None else (OUTPUT, str(self.output))
        return (*self.program, "run", *where, *output, *self.options, *registration, CELL, cell)


def program() -> tuple[str, ...]:
    """Return the words that start this tool again, the shortest that do in the same shell."""
    script = Path(sys.argv[0])
    if script.stem == "agent-matrix":
        found = shutil.which(script.name)
        same = found is not None and Path(found).resolve() == script.resolve()
        return (script.name if same else str(script.absolute()),)
    found = shutil.which("python")
    same = found is not None and Path(found).absolute() == Path(sys.executable).absolute()
    return ("python" if same else sys.executable, "-m", "matrix")


def as_text(words: Sequence[str]) -> str:
    """Return the words as they are to be pasted into a shell."""
    return shlex.join(words)


def as_words(text: str) -> tuple[str, ...]:
    """Read back what `as_text` wrote; a text that is no command of a shell is one word."""
    if _PLAIN.fullmatch(text):  # as nearly all are, and shlex reads a character at a time
        return tuple(word.strip("'") for word in _PLAIN_WORD.findall(text))
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return (text,)


def into(words: Sequence[str], output: str) -> tuple[str, ...]:
    """Return a command of a run with another folder for its results, as where they have been moved."""
    kept = list(words)
    if OUTPUT in kept:
        at = kept.index(OUTPUT)
        del kept[at : at + 2]
    if output != DEFAULT_OUTPUT and "run" in kept:
        at = kept.index("run") + 1
        at += 2 * (kept[at : at + 1] == [DIRECTORY])
        kept[at:at] = [OUTPUT, output]
    return tuple(kept)


def portable(words: Sequence[str]) -> tuple[str, ...]:
    """Return a command for anybody's copy of the project, from its folder: no path of one machine is in it."""
    kept: list[str] = []
    directory: str | None = None
    rest = iter(words)
    for word in rest:
        if word == DIRECTORY:
            directory = next(rest, None)
        elif word == OUTPUT:
            next(rest, None)
        elif directory is not None and Path(word).is_absolute():
            kept.append(os.path.relpath(word, directory))
        else:
            kept.append(word)
    return (*MODULE, *kept[kept.index("run") :]) if "run" in kept else tuple(kept)
