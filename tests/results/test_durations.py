"""How long cells took, kept in the header for the next run: for its shards, and for the time that it has left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from matrix.model import Severity
from matrix.outcome import CapabilityHeader, Matrix
from matrix.planned import Planned
from matrix.results.continuing import renewed
from matrix.results.durations import expected_seconds, known_seconds, with_seconds
from matrix.results.writing import published, write_complete
from tests.results.runs import HEADER
from tests.samples import outcome

OUTCOMES = (
    outcome("control::invoke.round-trip", duration=1.0),
    outcome("stan::invoke.round-trip", duration=2.0),
    outcome("stan::real.probe::git[stdio,any]", "skipped", "git needs Node.js"),
)
WHOLE = Matrix(with_seconds(HEADER, OUTCOMES), OUTCOMES)


def test_a_header_says_how_long_a_cell_took_on_average() -> None:
    assert {name: each.seconds for name, each in WHOLE.header.capabilities.items()} == {"invoke.round-trip": 1.5}


def test_what_is_published_says_so_too_and_the_first_folder_that_knows_counts(tmp_path: Path) -> None:
    write_complete(tmp_path / "results", published(WHOLE))
    write_complete(tmp_path / "out", Matrix(with_seconds(HEADER, OUTCOMES[:1]), OUTCOMES[:1]))
    write_complete(tmp_path / "none", Matrix(HEADER, OUTCOMES))
    assert known_seconds(tmp_path / "none", tmp_path / "results", tmp_path / "out") == {"invoke.round-trip": 1.5}
    assert known_seconds(tmp_path / "out", tmp_path / "results") == {"invoke.round-trip": 1.0}
    assert known_seconds(tmp_path / "absent") == {}


def test_a_cell_is_expected_to_take_as_long_as_it_did_or_as_others_of_its_capability(tmp_path: Path) -> None:
    write_complete(tmp_path, WHOLE)
    asked = [*OUTCOMES[:2], outcome("sofia::invoke.round-trip"), outcome("sofia::invoke.unknown")]
    expected = expected_seconds([Planned(each.cell) for each in asked], tmp_path, tmp_path / "absent")
    assert list(expected.values()) == [1.0, 2.0, 1.5]


def test_a_narrow_run_leaves_what_is_known_of_the_whole_one() -> None:
    more = {"b.c": CapabilityHeader(Severity.CORE)}
    header = replace(HEADER, capabilities={**HEADER.capabilities, **more})
    kept = renewed(WHOLE, header, [])
    assert {name: each.seconds for name, each in kept.header.capabilities.items()} == {
        "invoke.round-trip": 1.5,
        "b.c": None,
    }
