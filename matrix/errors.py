"""What can go wrong before and around a run, in the order in which it can; each words one sentence that says the mend.

A command line that cannot be obeyed, and a file that cannot be read as what it should be, are the user's to
mend: `UsageError` and its kin, exit code 2, found before anything is started. Whatever else the tool itself
raises on purpose is a `MatrixError`, so that the top floor can tell it from a fault of ours. What goes wrong
inside a cell is never raised through it: that becomes the cell's outcome.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Mapping
from pathlib import Path

AGENTS_FAULT, USAGE, OUR_FAULT, UNWRITABLE, INTERRUPTED = 1, 2, 3, 4, 130
"""The exit codes besides 0."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a system says of a disk that is full, or broken: what may come at any moment of a run."""


class MatrixError(Exception):
    """An error that this tool raises on purpose; its text is one readable sentence."""

    exit_code = OUR_FAULT


class UsageError(MatrixError):
    """What was asked for cannot be done as asked (exit code 2)."""

    exit_code = USAGE


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


# Discovery and planning: what is asked for has to be there.


class NoAgents(UsageError):
    """Nothing is registered, and nothing was named."""

    def __init__(self, root: Path) -> None:
        super().__init__(f"no agent is registered in {root}; name one with --agent package.module:create_agent")


class NothingToImport(UsageError):
    """An interpreter was named, and nothing that it could import."""

    def __init__(self) -> None:
        super().__init__("--python is the interpreter that imports --agent package.module:attribute; name such a one")


class NoInterpreter(UsageError):
    """The interpreter that was named is not there."""

    def __init__(self, python: str) -> None:
        mend = "name a Python, such as .venv/bin/python"
        super().__init__(f"--python: {python!r} cannot be found, or is not executable; {mend}")


class NoNamespaces(UsageError):
    """Agents are to be in user namespaces, which are not to be had."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"--isolate user needs user and process namespaces: {cause}; try --isolate, which needs none")


class IsolatedLive(UsageError):
    """Two options exclude each other."""

    def __init__(self) -> None:
        super().__init__("--isolate has no real models: a harness is told where its model is; leave --live out")


class UnknownName(UsageError):
    """A filter or an argument names nothing; `listed` are the words of the command that lists what there is."""

    def __init__(self, noun: str, name: str, known: Iterable[str], listed: str | None = None) -> None:
        names = list(known)
        mend = f"; there are {', '.join(names)}"
        if listed is not None:
            mend = f"{nearest(name, names)}; see `python -m matrix {listed}`"
        super().__init__(f"no {noun} is called {name!r}{mend}")


class UnknownCell(UsageError):
    """No cell has this id, or matches it."""

    def __init__(self, cell: str, known: Iterable[str], where: str = "no cell is called {cell!r}") -> None:
        super().__init__(f"{where.format(cell=cell)}{nearest(cell, known)}")


class NothingToAsk(UsageError):
    """Filters that each name something leave nothing together."""

    def __init__(self, options: Iterable[tuple[str, str]]) -> None:
        used = " ".join(f"{option} {value!r}" for option, value in options)
        super().__init__(
            f"no cell is left to ask by {used}: each exists, but no capability asks for them together; drop one"
        )


class BadShard(UsageError):
    """A shard that is no part of a whole."""

    def __init__(self, text: str) -> None:
        super().__init__(f"--shard {text!r} should be I/N with 1 ≤ I ≤ N, such as 2/8")


class NotPinned(UsageError):
    """Rows whose packages name no exact version, where only exact ones will do."""

    def __init__(self, unpinned: Mapping[str, Iterable[str]]) -> None:
        named = "; ".join(f"{agent}: {', '.join(packages)}" for agent, packages in sorted(unpinned.items()))
        super().__init__(
            f"not pinned, so two machines may run two versions: {named}; write name==1.0 (or name@1.0.0 for npm), "
            "or leave --strict-pins out"
        )


class NeedsCheckout(UsageError):
    """A command that works with the tests, where there are none."""

    def __init__(self, command: str, folder: Path) -> None:
        super().__init__(
            f"`{command}` needs a checkout of the matrix, whose tests have the saboteurs; {folder} is none: "
            "start it in the checkout's folder"
        )


class CannotEnter(UsageError):
    """A folder to run in that cannot be run in."""

    def __init__(self, folder: Path, problem: OSError) -> None:
        super().__init__(f"cannot work in {folder}: {problem.strerror}; name another --directory")


class TemporaryFolderTooLong(UsageError):
    """A folder for temporary files whose path leaves no room for that of a socket in it."""

    def __init__(self, folder: str, limit: int) -> None:
        super().__init__(
            f"the path of the folder for temporary files, {folder}, is too long for a socket in it; set TMPDIR to one "
            f"with at most {limit} bytes"
        )


# A cell: its question could not be put.


class ServerFault(MatrixError):
    """A cell's question could not be put: the fault is the server's, and no agent's."""


# Results: written, and read back.


class CannotWrite(UsageError):
    """Results cannot be written where they should be."""

    def __init__(self, folder: Path, problem: OSError) -> None:
        super().__init__(f"cannot write to {folder}: {problem.strerror or problem}; name another folder")


class WritingFailed(MatrixError):
    """Results could not be written any more, or what is printed not; what is there is kept (exit code 4)."""

    exit_code = UNWRITABLE

    def __init__(self, where: Path | str, problem: OSError, mend: str) -> None:
        super().__init__(f"cannot write to {where}: {problem.strerror or problem}; {mend}")


class FolderInUse(UsageError):
    """A folder that another run is writing its results to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"another run is writing to {folder}; wait for its end, or name another folder with --output")


class NoResults(UsageError):
    """There are no results where some were named."""

    def __init__(self, path: Path, problem: OSError, file_name: str) -> None:
        super().__init__(f"cannot read {path}: {problem.strerror}; name the {file_name} of a run, or its folder")


class NothingKept(UsageError):
    """A file of results to which not even a whole header was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"nothing was kept in {path}, which has no whole header: run again without --resume")


class NoEvidence(UsageError):
    """A cell's evidence has gone."""

    def __init__(self, path: Path, reproduce: str) -> None:
        super().__init__(f"the evidence {path} cannot be read; run the cell again: {reproduce}")


class IncompleteRun(UsageError):
    """Results of a run that did not end, where only complete ones will do."""

    def __init__(self, path: Path | str, mend: str) -> None:
        super().__init__(f"{path} is of a run that did not end; {mend}")


class CannotMerge(UsageError):
    """A file that cannot be joined with the others: what it is, and how to mend that."""

    def __init__(self, path: Path | str, what: str, mend: str) -> None:
        super().__init__(f"{path} {what}; {mend}")


class ShardsDisagree(UsageError):
    """Two files say different things of one cell."""

    def __init__(self, path: Path | str, cell: str, verdict: str, other: str) -> None:
        super().__init__(f"{path} says {verdict} of {cell}, another file {other}")


def nearest(word: str, names: Iterable[str]) -> str:
    """Return `; did you mean …?` with the nearest names, or nothing."""
    close = nearest_names(word, names)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def nearest_names(word: str, names: Iterable[str]) -> list[str]:
    """Return up to three of the names that are like the word, the nearest first."""
    return difflib.get_close_matches(word, list(names), n=3, cutoff=0.5)
