"""The command that puts one question again: its words, in a file and out of it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from matrix.outcome import Outcome
from matrix.results.command import Reproduction, as_text, as_words, portable
from matrix.results.schema import OutcomeLine
from tests.samples import outcome

CELL = "x::a.b::echo[http,any]"
AWKWARD = ("--agent", 'my rows/x\'s "best" $HOME `id` *.toml', "--cell", CELL)


def test_a_command_starts_where_the_run_did_and_writes_where_it_wrote() -> None:
    common = Reproduction(("agent-matrix",), Path("/p q"), Path("all"), ("--live",))
    assert common.command(CELL, ("--agent", "x.toml")) == (
        *("agent-matrix", "run", "--directory", "/p q", "--output", "all", "--live"),
        *("--agent", "x.toml", "--cell", CELL),
    )
    assert Reproduction().command(CELL) == ("python", "-m", "matrix", "run", "--cell", CELL)


def test_an_outcome_is_reproduced_by_one_line_that_a_shell_reads_as_the_same_words() -> None:
    found = outcome("x::a.b", command=AWKWARD)
    assert "\n" not in found.reproduce
    assert tuple(shlex.split(found.reproduce)) == AWKWARD


def test_without_a_command_of_its_own_an_outcome_names_its_cell() -> None:
    assert shlex.split(outcome("x::a.b").reproduce)[-2:] == ["--cell", outcome("x::a.b").cell.id]


def test_a_command_is_read_back_as_it_was_written() -> None:
    assert as_words(as_text(AWKWARD)) == AWKWARD
    written = OutcomeLine.of(outcome("x::a.b", command=AWKWARD)).model_dump_json(by_alias=True)
    read: Outcome = OutcomeLine.model_validate_json(written).outcome()
    assert read.command == AWKWARD
    assert OutcomeLine.of(read) == OutcomeLine.model_validate_json(written)


def test_what_no_shell_can_read_stays_as_it_is() -> None:
    assert as_words("it's") == ("it's",)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("/v/bin/python", "-m", "matrix", "run", "--directory", "/p", "--output", "/r", "--agent", "/p/a b/x.toml"),
            ("python", "-m", "matrix", "run", "--agent", "a b/x.toml"),
        ),
        (
            ("/v/bin/agent-matrix", "run", "--directory", "/p", "--agent", "pkg:agent", "--cell", CELL),
            ("python", "-m", "matrix", "run", "--agent", "pkg:agent", "--cell", CELL),
        ),
        (
            ("agent-matrix", "run", "--directory", "/w/p", "--agent", "/w/x.toml", "--baseline", "/w/p/b.toml"),
            ("python", "-m", "matrix", "run", "--agent", "../x.toml", "--baseline", "b.toml"),
        ),
        (("python", "-m", "matrix", "run", "--cell", CELL), ("python", "-m", "matrix", "run", "--cell", CELL)),
        (("make", "it"), ("make", "it")),
    ],
)
def test_a_published_command_is_for_anybodys_copy_of_the_project(
    words: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert portable(words) == expected
    assert portable(expected) == expected
