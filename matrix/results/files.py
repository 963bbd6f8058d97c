"""Results in and out: `matrix.jsonl` (header, one line per outcome, footer) and the evidence beside it.

Lines are written as cells end, so a killed run loses nothing, and without its footer it cannot look complete.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from matrix.errors import ConfigurationError, UsageError
from matrix.json_access import mapping
from matrix.model import SCHEMA_VERSION, Cell, Matrix, Outcome, Severity, Verdict

FILE_NAME = "matrix.jsonl"
EVIDENCE = "evidence"


class ResultsWriter:
    """Writes a run's results as they come; a context manager. Raises UsageError when the folder cannot be written."""

    def __init__(self, folder: Path, header: Mapping[str, Any], kept: Sequence[Outcome] = ()) -> None:
        self.folder = folder
        self._header = header
        self._kept = kept
        self._counts = Counter(outcome.verdict.value for outcome in kept)
        self._file: IO[str]

    def __enter__(self) -> Self:
        path = self.folder / FILE_NAME
        head: Mapping[str, Any] = {"kind": "header", "schema": SCHEMA_VERSION, **self._header}
        lines = [head, *map(as_line, self._kept)]
        with _writing_to(self.folder):
            if not self._kept and path.exists():  # only what a run of ours has left there
                shutil.rmtree(self.folder / EVIDENCE, ignore_errors=True)
            (self.folder / EVIDENCE).mkdir(parents=True, exist_ok=True)
            _replace(path, "".join(json.dumps(line) + "\n" for line in lines))
            self._file = path.open("a", encoding="utf-8")
        return self

    def write(self, outcome: Outcome, evidence: Any = None) -> Outcome:
        """Write one outcome and its evidence; returns the outcome with the evidence's path in it."""
        path = outcome.evidence
        if evidence is not None:
            path = f"{EVIDENCE}/{outcome.cell.slug}.json"
            text = json.dumps(evidence, ensure_ascii=False, indent=1, default=str)
            (self.folder / path).write_bytes(text.encode("utf-8", "backslashreplace") + b"\n")
        written = replace(outcome, evidence=path)
        self._line(as_line(written))
        self._counts[written.verdict.value] += 1
        return written

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
    documents = _read_lines(path)
    header = documents[0] if documents else {}
    if header.get("kind") != "header":
        raise ConfigurationError(path, 1, f"should be the header; is this the {FILE_NAME} of a run?")
    if header.get("schema") != SCHEMA_VERSION:
        raise ConfigurationError(path, 1, f"has schema {header.get('schema')!r}; this version reads {SCHEMA_VERSION}")
    outcomes: dict[str, Outcome] = {}
    for number, document in enumerate(documents, start=1):
        if document.get("kind") == "outcome":
            try:
                outcome = _outcome(document)
            except (ValueError, KeyError, TypeError) as problem:
                raise ConfigurationError(path, number, f"is no outcome: {problem}") from problem
            outcomes[outcome.cell.id] = outcome
    return Matrix(header, tuple(outcomes.values()), documents[-1].get("kind") == "footer")


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines; a last line that was being written when the run was killed does not count."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        msg = f"cannot read {path}: {problem.strerror}; name the {FILE_NAME} of a run, or its folder"
        raise UsageError(msg) from problem
    except UnicodeDecodeError as problem:
        raise ConfigurationError(path, None, f"is not the {FILE_NAME} of a run: no UTF-8") from problem
    documents: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            documents.append(dict(mapping(json.loads(line))))
        except ValueError as problem:
            if number < len(lines):
                raise ConfigurationError(path, number, f"is no line of a {FILE_NAME}: {problem}") from problem
    return documents


def sorted_matrix(matrix: Matrix) -> Matrix:
    """Return the same matrix in the stable order: the control first, then by cell."""
    order = {name: number for number, name in enumerate(matrix.agents)}
    outcomes = sorted(matrix.outcomes, key=lambda each: (order[each.cell.agent], each.cell))
    return Matrix(matrix.header, tuple(outcomes), matrix.complete)


def complete_lines(matrix: Matrix) -> Iterable[str]:
    """Yield the lines of a complete run: sorted, footer included."""
    yield json.dumps({**matrix.header, "kind": "header", "schema": SCHEMA_VERSION}, ensure_ascii=True)
    for outcome in sorted_matrix(matrix).outcomes:
        yield json.dumps(as_line(outcome), ensure_ascii=True)
    yield json.dumps(footer(matrix.counts), ensure_ascii=True)


def published_lines(matrix: Matrix) -> Iterable[str]:
    """Return the lines of a published matrix: sorted, and without what differs between two equal runs."""
    quiet = [replace(outcome, duration=None, evidence=None) for outcome in matrix.outcomes]
    return complete_lines(replace(matrix, outcomes=tuple(quiet)))


def write_complete(path: Path, matrix: Matrix) -> None:
    """Replace the lines of a run that has ended by the same lines, sorted."""
    _replace(path, "".join(f"{line}\n" for line in complete_lines(matrix)))


def write_page(folder: Path, markdown: str) -> None:
    """Write the Markdown page beside the results. Raises UsageError when the folder cannot be written."""
    with _writing_to(folder):
        (folder / "matrix.md").write_text(markdown, encoding="utf-8")


def publish(matrix: Matrix, folder: Path, markdown: str) -> None:
    """Write the published matrix: sorted, free of what differs between two equal runs. Raises UsageError."""
    with _writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / FILE_NAME, "".join(f"{line}\n" for line in published_lines(matrix)))
    write_page(folder, markdown)


def severities(matrix: Matrix) -> dict[str, Severity]:
    """Return the severity of every capability that the header knows."""
    known: Mapping[str, Any] = matrix.header.get("capabilities", {})
    return {name: Severity(each["severity"]) for name, each in known.items()}


def read_evidence(folder: Path, outcome: Outcome) -> Any:
    """Return a cell's evidence, None where nothing was asked. Raises UsageError when its file has gone."""
    if outcome.evidence is None:
        return None
    path = (folder if folder.is_dir() else folder.parent) / outcome.evidence
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        msg = f"the evidence {path} cannot be read; run the cell again: {outcome.reproduce}"
        raise UsageError(msg) from problem


def merge_runs(runs: Sequence[tuple[Path, Matrix]]) -> Matrix:
    """Return the matrix of all shards. Raises UsageError when one did not end, or two disagree on a cell."""
    outcomes: dict[Cell, Outcome] = {}
    for path, matrix in runs:
        if not matrix.complete:
            msg = f"{path} is of a run that did not end; run that shard again, with --resume"
            raise UsageError(msg)
        for outcome in matrix.outcomes:
            known = outcomes.setdefault(outcome.cell, outcome)
            if known.verdict is not outcome.verdict:
                msg = f"{path} says {outcome.verdict.value} of {outcome.cell.id}, another file {known.verdict.value}"
                raise UsageError(msg)
    header = dict(runs[0][1].header)
    for key in ("agents", "capabilities", "pins", "servers"):
        header[key] = {name: each for _, matrix in runs for name, each in matrix.header.get(key, {}).items()}
    header["planned"] = len(outcomes)
    return sorted_matrix(Matrix(header, tuple(outcomes.values())))


def write_merged(matrix: Matrix, files: Sequence[Path], folder: Path) -> None:
    """Write a merged matrix, with the evidence of all its parts. Raises UsageError."""
    with _writing_to(folder):
        (folder / EVIDENCE).mkdir(parents=True, exist_ok=True)
        for path in files:
            source = (path if path.is_dir() else path.parent) / EVIDENCE
            if source.is_dir() and source.resolve() != (folder / EVIDENCE).resolve():
                shutil.copytree(source, folder / EVIDENCE, dirs_exist_ok=True)
        write_complete(folder / FILE_NAME, matrix)


def _replace(path: Path, text: str) -> None:
    """Write a file in one step: what was there before is there, or all of the new."""
    fresh = path.with_suffix(".tmp")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


@contextmanager
def _writing_to(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as problem:
        msg = f"cannot write to {folder}: {problem.strerror or problem}; name another folder"
        raise UsageError(msg) from problem


def _outcome(document: Mapping[str, Any]) -> Outcome:
    return Outcome(
        cell=Cell.parse(document["cell"]),
        verdict=Verdict(document["verdict"]),
        reason=document.get("reason", ""),
        attempts=tuple(Verdict(each) for each in document.get("attempts", ())),
        duration=document.get("duration"),
        evidence=document.get("evidence"),
        expected=document.get("expected"),
        registration=_registration(document.get("reproduce", "")),
        configs=_configs(document.get("reproduce", "")),
    )


def _registration(reproduce: str) -> str | None:
    """Return what the reproducing command gives to `--agent`."""
    found = re.search(r" --agent (\S+) --cell ", reproduce)
    return None if found is None else found[1]


def _configs(reproduce: str) -> str:
    """Return the options by which the reproducing command names a config store."""
    found = re.search(r" run (--configs (?:(?! run ).)+?) (?:--agent|--cell) ", reproduce)
    return "" if found is None else found[1]
