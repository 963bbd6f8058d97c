"""The baseline: what is expected not to be green, and what no longer comes true."""

from __future__ import annotations

from pathlib import Path

import pytest

from matrix.errors import ConfigurationError
from matrix.model import Verdict
from matrix.results.baseline import Entry, mark_expected, read_baseline, stale
from tests.samples import outcome

TIMEOUT = Entry("stan::invoke.timeout::*[*]", Verdict.TIMED_OUT, "waits for 300 s")


def file(folder: Path, text: str) -> Path:
    path = folder / "baseline.toml"
    path.write_text(text)
    return path


def test_a_baseline_is_read(tmp_path: Path) -> None:
    text = '[[expected]]\ncell = "stan::invoke.timeout::*[*]"\nverdict = "timed-out"\nreason = "waits for 300 s"\n'
    assert read_baseline(file(tmp_path, text)) == (TIMEOUT,)
    assert read_baseline(file(tmp_path, "")) == ()


def test_what_is_expected_is_marked_with_its_reason() -> None:
    found = [
        outcome("stan::invoke.timeout", "timed-out"),
        outcome("stan::invoke.timeout::slow", "failed"),
        outcome("sofia::invoke.timeout", "timed-out"),
        outcome("stan::invoke.unicode", "timed-out"),
    ]
    assert [each.expected for each in mark_expected(found, [TIMEOUT])] == ["waits for 300 s", None, None, None]


def test_of_several_entries_the_first_that_covers_a_cell_counts() -> None:
    entries = [TIMEOUT, Entry("*::*::*[*]", Verdict.TIMED_OUT, "everything hangs")]
    found = mark_expected([outcome("stan::invoke.timeout", "timed-out"), outcome("x::y", "timed-out")], entries)
    assert [each.expected for each in found] == ["waits for 300 s", "everything hangs"]


def test_a_mark_of_an_earlier_run_does_not_outlive_its_entry() -> None:
    marked = mark_expected([outcome("stan::invoke.timeout", "timed-out")], [TIMEOUT])
    assert mark_expected(marked, [])[0].expected is None


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("stan::invoke.timeout::echo[http,2025-11-25]", True),
        ("stan::invoke.timeout::echo[http,*]", True),
        ("*::invoke.*::*[*]", True),
        ("stan::invoke.timeout::echo[stdio,2025-11-25]", False),
        ("stan::invoke.timeout::ech[http,2025-11-25]", False),
        ("stan::invoke.timeout::echo[h]", False),
    ],
)
def test_globs_take_brackets_literally(pattern: str, covered: bool) -> None:
    assert Entry(pattern, Verdict.FAILED, "why").covers(outcome("stan::invoke.timeout", "failed")) is covered


def test_an_entry_that_came_true_somewhere_is_not_stale() -> None:
    found = [outcome("stan::invoke.timeout"), outcome("stan::invoke.timeout::slow", "timed-out")]
    assert stale(found, [TIMEOUT]) == ()


@pytest.mark.parametrize("verdict", ["passed", "failed", "flaky", "unsupported"])
def test_an_entry_of_which_nothing_came_true_is_stale(verdict: str) -> None:
    assert stale([outcome("stan::invoke.timeout", verdict)], [TIMEOUT]) == (TIMEOUT,)


@pytest.mark.parametrize("verdict", ["skipped", "errored"])
def test_an_entry_about_which_nothing_was_learnt_is_not_stale(verdict: str) -> None:
    found = [outcome("stan::invoke.timeout", verdict), outcome("stan::invoke.timeout::slow")]
    assert stale(found, [TIMEOUT]) == ()


def test_an_entry_that_was_not_asked_about_is_not_stale() -> None:
    assert stale([outcome("sofia::invoke.timeout")], [TIMEOUT]) == ()
    assert stale([], [TIMEOUT]) == ()


GOOD = 'cell = "a::b::c[*]"\nverdict = "failed"\nreason = "why"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("expected = 3\n[\n", "line 2: is no valid TOML: "),
        ("expected = 3", "expected: Input should be a valid list"),
        (f"[[expect]]\n{GOOD}", r"expect: unknown key \(the nearest is 'expected'\)"),
        (
            f"[[expected]]\n{GOOD}until = 2027-01-01\n",
            r"expected\.0\.until: unknown key \(known are cell, reason",
        ),
        (f"[[expected]]\n{GOOD}[[expected]]\n", r"expected\.1\.cell: Field required"),
        ("[[expected]]\n" + GOOD.replace("failed", "red"), r"expected\.0\.verdict: Input should be 'passed', 'failed'"),
        ("[[expected]]\n" + GOOD.replace("a::b::c[*]", "stan"), r"expected\.0\.cell: String should match pattern"),
        ("[[expected]]\n" + GOOD.replace("why", ""), r"expected\.0\.reason: String should have at least 3 characters"),
    ],
)
def test_a_file_that_is_no_baseline_is_refused_with_the_place_and_the_mend(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"baseline\.toml: {said}"):
        read_baseline(file(tmp_path, text))


def test_a_baseline_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.toml: cannot be read: No such file or directory"):
        read_baseline(tmp_path / "absent.toml")
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_baseline(tmp_path)
    (tmp_path / "picture").write_bytes(b"\xff\xd8")
    with pytest.raises(ConfigurationError, match="is no UTF-8 text"):
        read_baseline(tmp_path / "picture")
