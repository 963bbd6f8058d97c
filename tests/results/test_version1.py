"""Results of schema 1 are still read, with the blame that they did not say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from matrix.errors import ConfigurationError
from matrix.model import Severity, Verdict
from matrix.outcome import Blame
from matrix.results.reading import read_matrix
from matrix.results.writing import write_complete

PUBLISHED = Path(__file__).parents[2] / "results"


def line(cell: str, verdict: str, reason: str = "") -> dict[str, Any]:
    """Return an outcome's line as schema 1 had it."""
    agent, capability, where = cell.split("::")
    return {
        "kind": "outcome",
        "cell": cell,
        "agent": agent,
        "capability": capability,
        "server": where.partition("[")[0],
        "transport": "http",
        "revision": "any",
        "verdict": verdict,
        "reason": reason,
        "attempts": [verdict],
        "duration": 1.5,
        "evidence": None,
        "expected": None,
        "reproduce": f"python -m matrix run --agent my rows/x.toml --cell '{cell}'",
    }


HEADER = {
    "created": "2026-11-22T23:04:38+00:00",
    "matrix": "0.1.0",
    "python": "3.11.7",
    "platform": "Linux x86_64",
    "packages": {},
    "pins": {"cli": ["cli==1"]},
    "servers": {},
    "agents": {},
    "capabilities": {"a.b": {"severity": "core"}},
    "planned": 5,
    "kind": "header",
    "schema": 1,
}
COLUMN, OTHER = "a.b::echo[http,any]", "a.c::echo[http,any]"
WHY = "the control is failed here: the stub died"
LINES = [
    HEADER,
    line(f"control::{COLUMN}", "errored", WHY),
    line(f"stan::{COLUMN}", "errored", WHY),
    line(f"stan::{OTHER}", "errored", "the worker failed"),
    line(f"sofia::{COLUMN}", "skipped", "no key"),
    line(f"sofia::{OTHER}", "timed-out", "it hung"),
    {"kind": "footer", "outcomes": 5, "counts": {"errored": 3, "skipped": 1, "timed-out": 1}},
]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return results of schema 1."""
    (tmp_path / "matrix.jsonl").write_text("".join(json.dumps(each) + "\n" for each in LINES))
    return tmp_path


def test_the_header_and_all_outcomes_are_read(old: Path) -> None:
    matrix = read_matrix(old)
    assert matrix.complete
    assert (matrix.header.matrix, matrix.header.pins, matrix.header.planned) == ("0.1.0", {"cli": ("cli==1",)}, 5)
    assert (matrix.header.run, matrix.header.earlier, matrix.header.unpinned) == ("r1", {}, {})
    assert matrix.severity("a.b") is Severity.CORE
    assert [(each.verdict.value, each.reason) for each in matrix.outcomes] == [
        ("errored", WHY),
        ("errored", WHY),
        ("errored", "the worker failed"),
        ("skipped", "no key"),
        ("timed-out", "it hung"),
    ]


def test_the_blame_that_schema_1_did_not_say_follows_from_the_verdict_and_the_control(old: Path) -> None:
    assert {each.cell.id: each.blamed_on for each in read_matrix(old).outcomes} == {
        f"control::{COLUMN}": Blame.MATRIX,
        f"stan::{COLUMN}": Blame.CONTROL,
        f"stan::{OTHER}": Blame.MATRIX,
        f"sofia::{COLUMN}": Blame.MACHINE,
        f"sofia::{OTHER}": Blame.AGENT,
    }


def test_written_again_they_are_of_schema_2_and_say_the_same(old: Path, tmp_path: Path) -> None:
    matrix = read_matrix(old)
    write_complete(tmp_path / "new", matrix)
    assert json.loads((tmp_path / "new" / "matrix.jsonl").read_text().splitlines()[0])["schema"] == 2
    assert read_matrix(tmp_path / "new").outcomes == matrix.in_order().outcomes


def test_a_line_of_schema_1_that_is_none_is_named(old: Path) -> None:
    path = old / "matrix.jsonl"
    lines = path.read_text().splitlines()
    lines[3] = json.dumps({**LINES[3], "verdict": "green"})
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigurationError, match="line 4: is no outcome: verdict: Input should be 'passed'"):
        read_matrix(path)


def test_the_published_matrix_of_this_repository_is_read_whatever_its_schema() -> None:
    text = (PUBLISHED / "matrix.jsonl").read_text(encoding="utf-8").splitlines()
    verdicts = Counter(each["verdict"] for each in map(json.loads, text) if each["kind"] == "outcome")
    matrix = read_matrix(PUBLISHED)
    assert matrix.complete
    assert {each.value: count for each, count in matrix.counts.items()} == dict(verdicts)
    assert len(matrix.outcomes) == matrix.header.planned
    for each in matrix.outcomes:
        assert (each.blamed_on is None) == (each.verdict in {Verdict.PASSED, Verdict.UNSUPPORTED}), each.cell.id
