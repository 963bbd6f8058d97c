"""The published JSON Schema is the one of the code, and real results keep to it."""

import json
from pathlib import Path

import jsonschema
import pytest
from pydantic import TypeAdapter

from matrix.results.schema import Line, schema

ROOT = Path(__file__).parents[2]


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert json.loads((ROOT / "matrix/schema.json").read_text()) == json.loads(json.dumps(schema()))


def test_the_published_results_keep_to_the_schema() -> None:
    lines = [json.loads(line) for line in (ROOT / "results/matrix.jsonl").read_text().splitlines()]
    validator = jsonschema.Draft202012Validator(schema())
    assert [error.message for line in lines for error in validator.iter_errors(line)] == []
    assert [lines[0]["kind"], lines[-1]["kind"]] == ["header", "footer"]


@pytest.mark.parametrize("change", [{"verdict": "green"}, {"transport": "carrier pigeon"}, {"extra": 1}])
def test_a_line_with_something_else_in_it_is_refused(change: dict[str, object]) -> None:
    line = {
        "kind": "outcome",
        "cell": "a::b.c::d[stdio,any]",
        "agent": "a",
        "capability": "b.c",
        "server": "d",
        "transport": "stdio",
        "revision": "any",
        "verdict": "passed",
        "reason": "",
        "attempts": ["passed"],
        "duration": None,
        "evidence": None,
        "expected": None,
        "reproduce": "x",
    }
    adapter = TypeAdapter(Line)
    assert adapter.validate_python(line).cell == "a::b.c::d[stdio,any]"
    with pytest.raises(ValueError, match="1 validation error"):
        adapter.validate_python({**line, **change})
