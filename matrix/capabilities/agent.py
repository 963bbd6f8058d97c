"""agent: what an agent does around MCP."""

from __future__ import annotations

from matrix.capabilities.calls import expect_arrived
from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, expect
from matrix.lab.script import call, fault, say


@capability("agent.model-errors", severity="expected", servers=["echo"], silence=60)
async def model_errors(cell: CellVerbs) -> None:
    """A 429 and a 500 of the provider are tried again and cost no tool call twice.

    The first request to the model is answered 429, the next one with a call, the one after it 500, and then with the
    end. The run has to come to its end, and the server has to see the call once.
    """
    text = cell.nonce()
    run = await cell.ask(fault(429), call("echo", text=text), fault(500), say("done"))
    expect_arrived(cell, "echo", {"text": text})
    expect(text in run.result("echo"), "the model was not shown what the server returned")
