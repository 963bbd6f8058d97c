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
    end. The run has to come to its end, the server to see the call once, and the request that is made again after the
    500 to hold the call's result still: a model that has lost it would make the call anew.
    """
    text, after = cell.nonce(), fault(500)
    run = await cell.ask(fault(429), call("echo", text=text), after, say("done"))
    expect_arrived(cell, "echo", {"text": text})
    expect(text in run.result("echo"), "the model was not shown what the server returned")
    failed = next(
        at for at, each in enumerate(run.exchanges) if each.reply is not None and each.reply.fault == after.fault
    )
    held = any(text in shown.text for each in run.exchanges[failed + 1 :] for shown in each.shown)
    expect(held, "after the 500 the request to the model no longer held the result of echo")
