"""Results read back: what is no result is refused, with the line that says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from matrix.errors import ConfigurationError, NoEvidence, NoResults, NothingKept
from matrix.json_access import mapping
from matrix.outcome import Matrix, Outcome, RunHeader
from matrix.redaction import all_printable
from matrix.results import schema, version1

FILE_NAME = "matrix.jsonl"
EVIDENCE = "evidence"
_BEGINNING = '{"kind": "header"'
"""What a file begins with, as far as it was written: else it is not ours, and nothing that a run may replace."""


def read_matrix(path: Path) -> Matrix:
    """Read results back; the last line of a cell counts. Raises UsageError and its kin, naming the line.

    A run that was killed may have left half a line, which does not count.
    """
    if path.is_dir():
        path = path / FILE_NAME
    documents = _read_lines(path)
    first: Mapping[str, Any] = documents[0] if documents else {}
    if first.get("kind") != "header":
        raise ConfigurationError(path, 1, f"should be the header; is this the {FILE_NAME} of a run?")
    old = first.get("schema") == version1.SCHEMA_VERSION
    if not old and first.get("schema") != schema.SCHEMA_VERSION:
        known = f"{version1.SCHEMA_VERSION} and {schema.SCHEMA_VERSION}"
        raise ConfigurationError(path, 1, f"has schema {first.get('schema')!r}; this version reads {known}")
    header: RunHeader | None = None
    outcomes: dict[str, Outcome] = {}
    complete = False
    for number, document in enumerate(documents, start=1):
        line = _line(path, number, version1.upgraded(document) if old else document)
        complete = isinstance(line, schema.FooterLine)
        if isinstance(line, schema.HeaderLine):
            header = line.header()
        elif isinstance(line, schema.OutcomeLine):
            outcomes[line.cell] = line.outcome()
        elif line.outcomes != len(outcomes):
            mend = f"counts {line.outcomes} outcomes, and {len(outcomes)} are there: lines are missing; run it again"
            raise ConfigurationError(path, number, mend)
    found = version1.blamed(outcomes.values()) if old else tuple(outcomes.values())
    return Matrix(header or RunHeader(), found, complete)


def read_evidence(folder: Path, outcome: Outcome) -> Any:
    """Return a cell's evidence, None where nothing was asked. Raises UsageError when its file has gone."""
    if outcome.evidence is None:
        return None
    path = (folder if folder.is_dir() else folder.parent) / outcome.evidence
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise NoEvidence(path, outcome.reproduce) from problem


@cache
def _lines() -> TypeAdapter[Any]:
    return TypeAdapter(schema.Line)


def _line(path: Path, number: int, document: Mapping[str, Any]) -> Any:
    try:
        return _lines().validate_python(document)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        kind = document.get("kind", "line of results")
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(path, number, f"is no {kind}: {where}: {said}") from problem


def _read_lines(path: Path) -> list[Mapping[str, Any]]:
    """Read JSON lines; a last line that was being written when the run was killed does not count."""
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except OSError as problem:
        raise NoResults(path, problem, FILE_NAME) from problem
    except UnicodeDecodeError as problem:
        raise ConfigurationError(path, None, f"is not the {FILE_NAME} of a run: no UTF-8") from problem
    documents: list[Mapping[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            document = mapping(json.loads(line))
            # What is no character is no text for the model either; it can be there escaped, or as it is.
            plain = "\\" not in line and line.isascii() and line.isprintable()
            documents.append(document if plain else all_printable(document))
        except (ValueError, RecursionError) as problem:
            if number == len(lines) == 1 and _BEGINNING.startswith(line[: len(_BEGINNING)]):
                raise NothingKept(path) from problem
            if number < len(lines):
                raise ConfigurationError(path, number, f"is no line of a {FILE_NAME}: {problem}") from problem
    return documents
