"""The Markdown page."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from matrix.outcome import Matrix
from matrix.report import markdown
from tests.report.report_samples import EMPTY, HEADER, MIXED, broken_row, crowd, red_control
from tests.samples import header, outcome


def cells(row: str) -> list[str]:
    """Split a row of a table as a Markdown reader does: at the pipes that are not escaped."""
    guarded = row.strip().strip("|").replace("\\\\", "\0").replace("\\|", "\1")
    return [cell.strip().replace("\1", "|").replace("\0", "\\") for cell in guarded.split("|")]


def reason_row(reason: str, agent: str = "stan") -> list[str]:
    page = markdown.render(Matrix(HEADER, (outcome(f"{agent}::invoke.unicode", "failed", reason),)))
    return cells(page.rstrip().splitlines()[-1])


def test_the_page_has_the_table_the_capabilities_and_what_is_not_green(markdown_snapshot: SnapshotAssertion) -> None:
    assert markdown.render(MIXED) == markdown_snapshot(name="markdown_mixed")


def test_an_empty_matrix_makes_a_page(markdown_snapshot: SnapshotAssertion) -> None:
    assert markdown.render(EMPTY) == markdown_snapshot(name="markdown_empty")


def test_a_registration_that_cannot_be_loaded_is_told_once(markdown_snapshot: SnapshotAssertion) -> None:
    assert markdown.render(broken_row()) == markdown_snapshot(name="markdown_broken_row")


def test_a_red_control_is_told_once(markdown_snapshot: SnapshotAssertion) -> None:
    assert markdown.render(red_control()) == markdown_snapshot(name="markdown_red_control")


def test_all_green_has_no_section_about_what_is_not() -> None:
    assert "## Not green" not in markdown.render(Matrix(HEADER, (outcome("stan::invoke.unicode"),)))


def test_a_cell_of_the_capabilities_counts_only_what_was_asked_and_shows_the_worst() -> None:
    places = [f"stan::invoke.unicode::echo[{transport},2025-11-25]" for transport in ("http", "sse", "stdio")]
    seen = zip(places, ("flaky", "skipped", "failed"), strict=True)
    page = markdown.render(Matrix(HEADER, tuple(outcome(*each) for each in seen)))
    assert "| `invoke.unicode` | core | 🔴 0/2 |" in " ".join(page.split())


def test_an_interrupted_run_says_so() -> None:
    cut = Matrix(header(planned=3), (outcome("stan::invoke.unicode"),), complete=False)
    assert "**Interrupted: 2 cells were not asked.**" in markdown.render(cut)
    assert "Interrupted" not in markdown.render(MIXED)


@pytest.mark.parametrize(
    ("reason", "read"),
    [
        ("a | b || c", "a | b || c"),
        ("back\\slash and \\| both", "back\\slash and \\| both"),
        ("two\nlines\r\nof it", "two lines of it"),
        ("1e5", "1e5"),
        ("0012", "0012"),
        ("-1.50", "-1.50"),
        ("inf", "inf"),
        ("<b>bold</b>", "&lt;b>bold&lt;/b>"),
        ("<!-- gone -->", "&lt;!-- gone -->"),
    ],
)
def test_a_reason_stays_inside_of_its_cell_as_it_is(reason: str, read: str) -> None:
    assert reason_row(reason) == ["failed", "stan", "invoke.unicode", "core", "echo[http,2025-11-25]", read, ""]


def test_an_agent_that_is_called_like_a_number_keeps_its_name() -> None:
    assert reason_row("lost", agent="1e5")[1] == "1e5"
    assert "| 1e5 " in markdown.render(Matrix(HEADER, (outcome("1e5::invoke.unicode"),)))


def test_every_row_of_a_table_has_as_many_cells_as_its_heading() -> None:
    for block in markdown.render(MIXED).split("\n\n"):
        rows = [cells(line) for line in block.splitlines() if line.startswith("|")]
        assert len({len(row) for row in rows}) <= 1


def test_the_page_of_twelve_agents_is_small_enough_for_a_step_summary() -> None:
    assert len(markdown.render(crowd()).encode()) < 1024 * 1024


def test_the_page_does_not_depend_on_the_order_of_the_outcomes() -> None:
    turned = Matrix(MIXED.header, MIXED.outcomes[::-1])
    assert cells_of(markdown.render(turned)) == cells_of(markdown.render(MIXED))


def cells_of(page: str) -> list[str]:
    """Return the rows of a page without the order in which one row names several places."""
    return sorted(line for line in page.splitlines() if " and " not in line and ", " not in line)
