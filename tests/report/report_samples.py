"""Matrices for the tests of the reports."""

from __future__ import annotations

from matrix.model import CONTROL, STATELESS, Severity, Verdict
from matrix.outcome import Blame, Matrix
from matrix.results.baseline import Entry
from tests.samples import header, outcome

SEVERITIES = {
    "concurrency.fan-out": Severity.EXPECTED,
    "discovery.pagination": Severity.CORE,
    "invoke.round-trip": Severity.CORE,
    "invoke.timeout": Severity.EXPECTED,
    "invoke.unicode": Severity.CORE,
    "real.probe": Severity.CORE,
    "transport.headers": Severity.OPTIONAL,
}
HEADER = header(
    SEVERITIES,
    created="2026-11-20T10:00:00+00:00",
    python="3.12.1",
    packages={"pydantic-ai-slim": "2.68.0", "mcp": "2.3.0"},
    pins={"cli": ("cli-agent==1.0",)},
    planned=19,
)
EMPTY = Matrix(header(), ())
STALE = (Entry("stan::invoke.unicode::*[*]", Verdict.FAILED, "it used to lose them"),)


def sorted_matrix(matrix: Matrix) -> Matrix:
    return matrix.in_order()


MIXED = sorted_matrix(
    Matrix(
        HEADER,
        (
            *(outcome(f"{CONTROL}::{capability}") for capability in SEVERITIES if capability != "real.probe"),
            outcome("stan::invoke.round-trip"),
            outcome("stan::invoke.unicode", "failed", "the server saw '1e5' | not 1e5"),
            outcome("stan::invoke.unicode::arguments", "failed", "the server saw '1e5' | not 1e5"),
            outcome("stan::invoke.timeout", "timed-out", "it hung", expected="waits for 300 s"),
            outcome("stan::transport.headers", "failed", "the header was dropped"),
            outcome("stan::concurrency.fan-out", "flaky", "passed 1 of 2 times; otherwise: one result was lost"),
            outcome("sofia::invoke.round-trip", "errored", "the stub ended"),
            outcome("sofia::discovery.pagination", "unsupported", "it has no such feature, and shows none"),
            outcome(f"{CONTROL}::real.probe::git[stdio,any]", "skipped", "git needs Node.js"),
            outcome("stan::real.probe::git[stdio,any]", "skipped", "git needs Node.js"),
            outcome("sofia::real.probe::git[stdio,any]", "skipped", "git needs Node.js"),
            outcome(f"sofia::discovery.pagination::many[http,{STATELESS}]"),
        ),
    )
)


def broken_row() -> Matrix:
    """Return a matrix in which a registration cannot be loaded."""
    why = "shop.agent cannot be imported: no module named 'shop'; install it"
    cells = ("invoke.round-trip", "invoke.unicode", "discovery.pagination")
    return sorted_matrix(
        Matrix(
            HEADER,
            (
                *(outcome(f"shop::{each}", "failed", why) for each in cells),
                *(outcome(f"stan::{each}") for each in cells),
            ),
        )
    )


def red_control() -> Matrix:
    """Return a matrix in which the control is red in one column of two."""
    why = "the control is failed here: the stub died"
    return sorted_matrix(
        Matrix(
            HEADER,
            tuple(
                each
                for agent in (CONTROL, "sofia", "stan")
                for each in (
                    outcome(f"{agent}::invoke.round-trip"),
                    outcome(
                        f"{agent}::invoke.unicode",
                        "errored",
                        why,
                        blamed_on=Blame.SERVER if agent == CONTROL else Blame.CONTROL,
                    ),
                )
            ),
        )
    )


def crowd() -> Matrix:
    """Return a matrix of twelve agents, seven groups and 25 cells each."""
    groups = ("discovery", "schema", "invoke", "concurrency", "transport", "lifecycle", "real")
    return Matrix(
        HEADER,
        tuple(
            outcome(
                f"agent-{number:02d}::{group}.question::server{server}",
                "failed" if (number, group, server) == (7, "schema", 3) else "passed",
                "the schema was changed" if (number, group, server) == (7, "schema", 3) else "",
            )
            for number in range(12)
            for group in groups
            for server in range(25)
        ),
    )
