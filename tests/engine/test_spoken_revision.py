"""A cell bears the label of no revision that was not spoken, and what is only recommended makes nothing red."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from matrix.adapters.control import Entry
from matrix.model import STATEFUL, Cell, Verdict
from matrix.outcome import Outcome, Reached
from tests.saboteurs.honest import Honest
from tests.saboteurs.rewriting import Rewrites
from tests.saboteurs.running import CAPABILITIES, REPOSITORY, planned, ran
from tests.saboteurs.saboteur import registered

OLDER = "2025-06-18"


class KnowsAnOlderRevision(Rewrites):
    """Has not heard of anything after 2025-06-18, and negotiates as it should."""

    mode = "legacy"

    def sent(self, message: dict[str, Any]) -> Mapping[str, Any]:
        if message.get("method") != "initialize":
            return message
        return {**message, "params": {**message["params"], "protocolVersion": OLDER}}


class LeavesSessionsOpen(Honest):
    """Closes a connection over HTTP without ending its session."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        http = await stack.enter_async_context(self.http(entry.get("headers")))
        opened = streamable_http_client(entry["url"], http_client=http, terminate_on_close=False)
        return await stack.enter_async_context(self.client(opened))


def asked(agent: type[Honest], *cells: str) -> dict[str, Outcome]:
    """Put cells, named without their agent, to an agent over HTTP; returns what they came to."""
    row = registered(f"{agent.__module__}:{agent.__qualname__}.answer", "odd", REPOSITORY)

    def wanted(cell: Cell) -> bool:
        return cell.column in cells

    return {each.cell.column: each for each in ran(planned([row], CAPABILITIES.values(), wanted))}


def test_an_agent_that_speaks_an_older_revision_passes_no_cell_of_a_newer_one() -> None:
    newer, older = f"lifecycle.version::echo[http,{STATEFUL}]", f"lifecycle.version::echo[http,{OLDER}]"
    call = f"invoke.round-trip::echo[http,{STATEFUL}]"
    found = asked(KnowsAnOlderRevision, newer, older, call)
    assert {column: each.verdict for column, each in found.items()} == {
        older: Verdict.PASSED,
        newer: Verdict.UNSUPPORTED,
        call: Verdict.UNSUPPORTED,
    }
    assert found[call].reason == f"speaks {OLDER}, not {STATEFUL}"
    assert {(each.negotiated, each.reached) for each in found.values()} == {(OLDER, Reached.SHOWN)}


def test_a_session_that_nobody_ends_is_advice_and_no_failure() -> None:
    column = f"lifecycle.shutdown::echo[http,{STATEFUL}]"
    outcome = asked(LeavesSessionsOpen, column)[column]
    assert outcome.verdict is Verdict.PASSED
    assert [each.partition(" (")[0] for each in outcome.advice] == ["the session was never ended by DELETE"]
    assert asked(Honest, column)[column].advice == ()
