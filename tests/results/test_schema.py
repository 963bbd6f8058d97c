"""The published JSON Schema is the one of the code, and what is written keeps to it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import TypeAdapter

from matrix.model import Severity, Verdict
from matrix.outcome import Blame, CapabilityHeader, ConfigsHeader, EarlierRun, Reached, RunHeader
from matrix.results.reading import read_matrix
from matrix.results.schema import HeaderLine, Line, schema
from tests.results.runs import FAILED, KNOWN, PASSED, lines, written
from tests.samples import outcome

ROOT = Path(__file__).parents[2]
WHOLE = RunHeader(
    created="2026-11-20T10:00:00+00:00",
    matrix="1",
    python="3.12.1",
    platform="Linux x86_64",
    packages={"mcp": "2.3.0"},
    pins={"cli": ("cli==1", "more")},
    unpinned={"cli": ("more",)},
    servers={"git": ("mcp-server-git==1",)},
    configs=ConfigsHeader("postgresql://me@db/x", {"desk": "0af3"}),
    agents={"cli": "a program"},
    capabilities={"a.b": CapabilityHeader(Severity.OPTIONAL, "It works.", ("a.c",))},
    planned=2,
    run="r2",
    earlier={"r1": EarlierRun("2026-11-19T10:00:00+00:00", "0", "3.11", {"mcp": "2"}, complete=False)},
)
ALL = (
    PASSED,
    FAILED,
    KNOWN,
    *(outcome(f"x::a.b::s{verdict}", verdict, "why") for verdict in Verdict),
    *(outcome(f"x::a.c::s{blame}", "errored", "why", blamed_on=blame) for blame in Blame),
    outcome(
        "x::a.d",
        "unsupported",
        "rests on x",
        rule="https://example.org/rule",
        advice=("end it",),
        negotiated="2025-06-18",
        reached=Reached.LISTED,
        rests_on="x::a.b::s[http,any]",
    ),
)


def test_the_published_schema_is_what_its_module_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "matrix.results.schema"], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert printed.stdout == (ROOT / "matrix/schema.json").read_text()
    assert json.loads(printed.stdout) == json.loads(json.dumps(schema()))


def test_what_is_written_keeps_to_the_schema(tmp_path: Path) -> None:
    found = lines(written(tmp_path, *ALL, head=WHOLE))
    validator = jsonschema.Draft202012Validator(schema())
    assert [error.message for line in found for error in validator.iter_errors(line)] == []
    assert [found[0]["kind"], found[-1]["kind"]] == ["header", "footer"]
    assert len(found) == len(ALL) + 2


def test_a_header_and_every_outcome_are_read_back_as_they_were(tmp_path: Path) -> None:
    assert HeaderLine.of(WHOLE).header() == WHOLE
    matrix = read_matrix(written(tmp_path, *ALL, head=WHOLE))
    assert matrix.header == WHOLE
    found = {each.cell: each for each in matrix.outcomes}
    for each in ALL:
        read = found[each.cell]
        assert (read.verdict, read.reason, read.blamed_on) == (each.verdict, each.reason, each.blamed_on)
        assert (read.attempts, read.expected, read.reproduce) == (each.attempts, each.expected, each.reproduce)
        assert (read.rule, read.advice, read.rests_on) == (each.rule, each.advice, each.rests_on)
        assert (read.negotiated, read.reached) == (each.negotiated, each.reached)


def test_a_line_of_before_these_fields_is_read_with_their_defaults() -> None:
    read = TypeAdapter[Any](Line).validate_python(line()).outcome()
    assert (read.rule, read.advice, read.negotiated, read.reached, read.rests_on) == (None, (), None, None, None)


def line(**change: object) -> dict[str, Any]:
    """Return a line of an outcome with this change."""
    return {
        "kind": "outcome",
        "cell": "a::b.c::d[stdio,any]",
        "agent": "a",
        "capability": "b.c",
        "server": "d",
        "transport": "stdio",
        "revision": "any",
        "verdict": "passed",
        "reason": "",
        "blamed_on": None,
        "attempts": ["passed"],
        "duration": None,
        "evidence": None,
        "expected": None,
        "reproduce": "x",
        "run": "r1",
        **change,
    }


@pytest.mark.parametrize(
    "change", [{"verdict": "green"}, {"transport": "carrier pigeon"}, {"blamed_on": "nobody"}, {"extra": 1}]
)
def test_a_line_with_something_else_in_it_is_refused(change: dict[str, object]) -> None:
    adapter = TypeAdapter[Any](Line)
    assert adapter.validate_python(line()).cell == "a::b.c::d[stdio,any]"
    with pytest.raises(ValueError, match="1 validation error"):
        adapter.validate_python(line(**change))
    assert not jsonschema.Draft202012Validator(schema()).is_valid(line(**change))
