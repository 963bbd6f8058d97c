"""What is known here, as rows, and one capability explained."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from matrix.model import Command, Problem
from matrix.report.catalogue import agent_row, capability_row, explain, listing, server_row
from tests.samples import agent, capability, real, stub


def test_agents_are_listed_with_what_is_wrong_with_them(snapshot: SnapshotAssertion) -> None:
    agents = [
        agent("stan", summary="A seller."),
        agent("unsaid"),
        agent("a-command-with-a-long-name", command=Command(("node", "cli.js"))),
        agent("broken", summary="Sells.", problem=Problem("argv: is\n  empty", "correct it")),
    ]
    assert listing([agent_row(each) for each in agents]) + "\n" == snapshot(name="list_agents")


def test_a_broken_agent_says_so_to_scripts_too() -> None:
    assert (
        agent_row(agent("broken", problem=Problem("it is empty", "correct it")))["problem"] == "it is empty; correct it"
    )
    assert agent_row(agent("stan"))["problem"] is None


def test_servers_and_capabilities_are_listed(snapshot: SnapshotAssertion) -> None:
    rows = [server_row(stub("echo")), server_row(real("git", "stdio")), capability_row(capability("a.b", "echo"))]
    assert listing(rows) + "\n" == snapshot(name="list_others")


def test_nothing_is_listed_as_nothing() -> None:
    assert listing([]) == ""


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("real", capability("real.probe", real=True, severity="expected")),
        ("stubs", capability("lifecycle.two", "echo", "slow", "echo", failures=("a/b#1", "c/d#2"))),
    ],
)
def test_a_capability_is_explained(snapshot: SnapshotAssertion, name: str, question: object) -> None:
    assert explain(question) + "\n" == snapshot(name=f"explain_{name}")  # type: ignore[arg-type]
