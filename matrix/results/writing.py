"""Results written: `matrix.jsonl` (header, one line per outcome, footer), and the evidence beside it.

Lines are written as cells end, so a killed run loses nothing, and without its footer it cannot look complete.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from filelock import FileLock, Timeout

from matrix.errors import CannotWrite, FolderInUse
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
        folder.mkdir(parents=True, exist_ok=True)
        try:
            held = FileLock(folder / LOCK).acquire(timeout=0)
        except Timeout as taken:
            raise FolderInUse(folder) from taken
    with held:
        yield


class ResultsWriter:
    """Writes a run's results as they come; a context manager. Raises UsageError when the folder cannot be written.

    `kept` are outcomes of earlier runs into the folder that stay there until this run has an outcome for their cell.
    """

    def __init__(self, folder: Path, header: RunHeader, kept: Sequence[Outcome] = ()) -> None:
        self.folder = folder
        self._header = header
        self._kept = kept
        self._file: IO[str]

    def __enter__(self) -> Self:
        path = self.folder / FILE_NAME
        lines = [HeaderLine.of(self._header), *map(OutcomeLine.of, self._kept)]
        with _writing_to(self.folder):
            if not self._kept and path.exists():  # only what a run of ours has left there
                shutil.rmtree(self.folder / EVIDENCE, ignore_errors=True)
            (self.folder / EVIDENCE).mkdir(parents=True, exist_ok=True)
            _replace(path, map(as_json, lines))
            self._file = path.open("a", encoding="utf-8")
        return self

    def keep(self, cell: Cell, evidence: Any) -> str | None:
        """Write the evidence of a cell; returns its path relative to the results, None where there is none.

        Raises UsageError, as `write` does: the disk may be full by now.
        """
        if evidence is None:
            return None
        path = f"{EVIDENCE}/{cell.slug}.json"
        with _writing_to(self.folder):
            (self.folder / path).write_text(printable_json(evidence) + "\n", encoding="utf-8")
        return path

    def write(self, outcome: Outcome) -> None:
        """Write one outcome; what was written of its cell before no longer counts."""
        with _writing_to(self.folder):
            self._file.write(as_json(OutcomeLine.of(outcome)) + "\n")
            self._file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


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
        (folder / PAGE).write_text(markdown, encoding="utf-8")


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
    fresh = path.with_suffix(".tmp")
    fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    fresh.replace(path)


@contextmanager
def _writing_to(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as problem:
        raise CannotWrite(folder, problem) from problem
