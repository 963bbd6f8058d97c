"""Results written: `matrix.jsonl` (header, one line per outcome, footer), and the evidence beside it.

Lines are written as cells end, so a killed run loses nothing, and without its footer it cannot look complete.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from matrix.errors import NO_ROOM, CannotWrite, FolderInUse, WritingFailed
from matrix.model import Cell
from matrix.outcome import Matrix, Outcome, RunHeader
from matrix.redaction import printable_json
from matrix.results.command import portable
from matrix.results.reading import EVIDENCE, FILE_NAME
from matrix.results.schema import FooterLine, HeaderLine, OutcomeLine, as_json

PAGE = "matrix.md"
LOCK = ".lock"


@contextmanager
def alone_in(folder: Path) -> Generator[None]:
    """Keep other runs out of a folder while one writes there. Raises UsageError where it cannot, or is not the first.

    The lock is the process's: it goes with it, however that ends.
    """
    with _writing_to(folder):
        held = _locked(folder)
    with held:
        yield


def _locked(folder: Path) -> AbstractContextManager[object]:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(folder / LOCK).acquire(timeout=0)
    except Timeout as taken:
        raise FolderInUse(folder) from taken


class ResultsWriter:
    """Writes a run's results as they come; a context manager. Raises UsageError when the folder cannot be written.

    `kept` are outcomes of earlier runs into the folder that stay there until this run has an outcome for their cell.
    A folder that goes away meanwhile is made again, with all outcomes; the evidence that was in it has gone.
    """

    def __init__(self, folder: Path, header: RunHeader, kept: Sequence[Outcome] = ()) -> None:
        self.folder = folder
        self._header = header
        self._known = {each.cell: each for each in kept}
        self._file: io.FileIO
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with _writing_to(self.folder):
            if not self._known and (self.folder / FILE_NAME).exists():  # only what a run of ours has left there
                shutil.rmtree(self.folder / EVIDENCE, ignore_errors=True)
            self._begin()
        return self

    def _begin(self) -> None:
        """Write all that is known, and go on from there."""
        (self.folder / EVIDENCE).mkdir(parents=True, exist_ok=True)
        path = self.folder / FILE_NAME
        _replace(path, map(as_json, [HeaderLine.of(self._header), *map(OutcomeLine.of, self._known.values())]))
        self._file = self._held.enter_context(io.FileIO(path, "a"))

    def keep(self, cell: Cell, evidence: Any) -> str | None:
        """Write the evidence of a cell; returns its path relative to the results, None where there is none.

        Raises WritingFailed, as `write` does: the disk may be full by now.
        """
        if evidence is None:
            return None
        path = f"{EVIDENCE}/{cell.slug}.json"
        with _going_on_in(self.folder):
            (self.folder / EVIDENCE).mkdir(parents=True, exist_ok=True)
            _replace(self.folder / path, [printable_json(evidence)])
        return path

    def write(self, outcome: Outcome) -> None:
        """Write one outcome; what was written of its cell before no longer counts."""
        self._known[outcome.cell] = outcome
        with _going_on_in(self.folder):
            if self._has_gone():
                self._begin()
            else:
                self._append(f"{as_json(OutcomeLine.of(outcome))}\n".encode())

    def _append(self, line: bytes) -> None:
        """Write a whole line, or nothing."""
        end = self._file.seek(0, os.SEEK_END)
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError:
            self._file.truncate(end)
            raise

    def _has_gone(self) -> bool:
        """Whether the file is not there any more. Raises UsageError where another run has begun in its place."""
        if not (self.folder / LOCK).exists():
            self._held.enter_context(_locked(self.folder))
        path = self.folder / FILE_NAME
        if not path.exists():
            return True
        if not os.path.samestat(path.stat(), os.fstat(self._file.fileno())):
            raise FolderInUse(self.folder)
        return False

    def __exit__(self, *_: object) -> None:
        self._held.close()


def complete_lines(matrix: Matrix) -> Iterable[str]:
    """Yield the lines of a complete run: sorted, footer included."""
    yield as_json(HeaderLine.of(matrix.header))
    for outcome in matrix.in_order().outcomes:
        yield as_json(OutcomeLine.of(outcome))
    yield as_json(FooterLine.of(matrix))


def published(matrix: Matrix) -> Matrix:
    """Return a matrix sorted, and without what differs between two equal runs or names a folder of this machine."""
    quiet = [
        replace(outcome, duration=None, evidence=None, command=portable(outcome.command))
        for outcome in matrix.in_order().outcomes
    ]
    return replace(matrix, outcomes=tuple(quiet))


def write_complete(folder: Path, matrix: Matrix) -> None:
    """Replace the lines of a run that has ended by the same lines, sorted. Raises UsageError."""
    with _writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / FILE_NAME, complete_lines(matrix))


def write_page(folder: Path, markdown: str) -> None:
    """Write the Markdown page beside the results. Raises UsageError when the folder cannot be written."""
    with _writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / PAGE, [markdown.removesuffix("\n")])


def write_merged(matrix: Matrix, files: Sequence[Path], folder: Path) -> None:
    """Write a merged matrix, with the evidence of all its parts. Raises UsageError."""
    with alone_in(folder), _writing_to(folder):
        (folder / EVIDENCE).mkdir(parents=True, exist_ok=True)
        for path in files:
            source = (path if path.is_dir() else path.parent) / EVIDENCE
            if source.is_dir() and source.resolve() != (folder / EVIDENCE).resolve():
                shutil.copytree(source, folder / EVIDENCE, dirs_exist_ok=True)
    write_complete(folder, matrix)


def _replace(path: Path, lines: Iterable[str]) -> None:
    """Write a file in one step: what was there before is there, or all of the new."""
    fresh = path.with_name(f"{path.name}.tmp")
    try:
        fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


@contextmanager
def _writing_to(folder: Path) -> Generator[None]:
    """Say in one sentence why a folder cannot be written: it is the wrong one, or its disk is full."""
    try:
        yield
    except OSError as problem:
        if problem.errno in NO_ROOM:
            raise _failed(folder, problem) from problem
        raise CannotWrite(folder, problem) from problem


@contextmanager
def _going_on_in(folder: Path) -> Generator[None]:
    """Say in one sentence why a folder, which could be written before, cannot be any more."""
    try:
        yield
    except OSError as problem:
        raise _failed(folder, problem) from problem


def _failed(folder: Path, problem: OSError) -> WritingFailed:
    return WritingFailed(folder, problem, "mend that, and go on with --resume: what is there is kept")
