"""Results in and out: `matrix.jsonl` (header, one line per outcome, footer) and the evidence beside it.

Lines are written as cells end, so a killed run loses nothing, and without its footer it cannot look complete.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from matrix.errors import ConfigurationError, UsageError
from matrix.model import SCHEMA_VERSION, Cell, Matrix, Outcome, Verdict

FILE_NAME = "matrix.jsonl"
EVIDENCE = "evidence"


class ResultsWriter:
    """Writes a run's results as they come; a context manager. Raises UsageError when the folder cannot be written."""

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        self.folder = folder
        self._header = header
        self._counts: dict[str, int] = {}
        self._file: IO[str]

    def __enter__(self) -> ResultsWriter:
        try:
            (self.folder / EVIDENCE).mkdir(parents=True, exist_ok=True)
            self._file = (self.folder / FILE_NAME).open("w", encoding="utf-8")
        except OSError as problem:
            msg = f"cannot write to {self.folder}: {problem.strerror}; name another folder with --output"
            raise UsageError(msg) from problem
        self._line({"kind": "header", "schema": SCHEMA_VERSION, **self._header})
        return self

    def write(self, outcome: Outcome, evidence: Any = None) -> Outcome:
        """Write one outcome and its evidence; returns the outcome with the evidence's path in it."""
        path = outcome.evidence
        if evidence is not None:
            path = f"{EVIDENCE}/{outcome.cell.slug}.json"
            text = json.dumps(evidence, ensure_ascii=False, indent=1, default=str)
            (self.folder / path).write_bytes(text.encode("utf-8", "backslashreplace") + b"\n")
        written = Outcome(
            outcome.cell,
            outcome.verdict,
            outcome.reason,
            outcome.attempts,
            outcome.duration,
            path,
            outcome.expected,
        )
        self._line(as_line(written))
        self._counts[written.verdict.value] = self._counts.get(written.verdict.value, 0) + 1
        return written

    def finish(self) -> None:
        """Write the footer: the run is complete."""
        self._line(footer(self._counts))

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _line(self, document: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(document, ensure_ascii=True, default=str) + "\n")
        self._file.flush()


def footer(counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the last line of complete results."""
    ordered = {verdict.value: counts[verdict.value] for verdict in Verdict if counts.get(verdict.value)}
    return {"kind": "footer", "outcomes": sum(counts.values()), "counts": ordered}


def as_line(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as its line says it."""
    cell = outcome.cell
    return {
        "kind": "outcome",
        "cell": cell.id,
        "agent": cell.agent,
        "capability": cell.capability,
        "server": cell.server,
        "transport": cell.transport,
        "revision": cell.revision,
        "verdict": outcome.verdict.value,
        "reason": outcome.reason,
        "attempts": [each.value for each in outcome.attempts],
        "duration": outcome.duration,
        "evidence": outcome.evidence,
        "expected": outcome.expected,
        "reproduce": outcome.reproduce,
    }


def read_matrix(path: Path) -> Matrix:
    """Read results back; the last line of a cell counts. Raises UsageError or ConfigurationError, naming the line."""
    if path.is_dir():
        path = path / FILE_NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        msg = f"cannot read {path}: {problem.strerror}; name the {FILE_NAME} of a run, or its folder"
        raise UsageError(msg) from problem
    except UnicodeDecodeError as problem:
        raise ConfigurationError(path, None, f"is not the {FILE_NAME} of a run: no UTF-8") from problem
    header: dict[str, Any] | None = None
    outcomes: dict[str, Outcome] = {}
    complete = False
    for number, line in enumerate(lines, start=1):
        try:
            document = json.loads(line)
            kind = document["kind"]
            if kind == "header":
                header = document
            elif kind == "outcome":
                outcome = _outcome(document)
                outcomes[outcome.cell.id] = outcome
            elif kind == "footer":
                complete = True
        except (ValueError, KeyError, TypeError) as problem:
            if number == len(lines):
                break  # the run was killed while it wrote this line
            raise ConfigurationError(path, number, f"is no line of a {FILE_NAME}: {problem!r}") from problem
    if header is None:
        raise ConfigurationError(path, 1, f"should be the header; is this the {FILE_NAME} of a run?")
    if header.get("schema") != SCHEMA_VERSION:
        raise ConfigurationError(path, 1, f"has schema {header.get('schema')!r}; this version reads {SCHEMA_VERSION}")
    return Matrix(header, tuple(outcomes.values()), complete)


def sorted_matrix(matrix: Matrix) -> Matrix:
    """Return the same matrix in the stable order: the control first, then by cell."""
    order = {name: number for number, name in enumerate(matrix.agents)}
    outcomes = sorted(matrix.outcomes, key=lambda each: (order[each.cell.agent], each.cell))
    return Matrix(matrix.header, tuple(outcomes), matrix.complete)


def published_lines(matrix: Matrix) -> Iterable[str]:
    """Yield the lines of a published matrix: sorted, and without what differs between two equal runs."""
    yield json.dumps({**matrix.header, "kind": "header"}, ensure_ascii=True)
    for outcome in sorted_matrix(matrix).outcomes:
        line = as_line(outcome)
        yield json.dumps({**line, "duration": None, "evidence": None}, ensure_ascii=True)
    yield json.dumps(footer(matrix.counts), ensure_ascii=True)


def _outcome(document: Mapping[str, Any]) -> Outcome:
    return Outcome(
        cell=Cell.parse(document["cell"]),
        verdict=Verdict(document["verdict"]),
        reason=document.get("reason", ""),
        attempts=tuple(Verdict(each) for each in document.get("attempts", ())),
        duration=document.get("duration"),
        evidence=document.get("evidence"),
        expected=document.get("expected"),
    )
