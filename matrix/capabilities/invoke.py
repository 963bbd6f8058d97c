"""invoke: whether arguments go through the agent unharmed, and a result comes back as it was."""

from __future__ import annotations

from typing import Any

from matrix.capabilities.calls import expect_arrived, expect_shown, text_to_echo
from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, expect
from matrix.lab.script import call, call_with
from matrix.model import STATEFUL, STATELESS
from matrix.symptom import Symptom

UNICODE = (
    '漢字かな한글 😀 👨\u200d👩\u200d👧 🇫🇷 مرحبا שלום e\u0301 a\u0308\u0323 𠮷 |\u0001| \u2028 \\u0000 "quoted" \\back'
)
"""CJK, emoji (joined too), right to left, combining marks, beyond the basic plane, and what stands next to NUL."""
NUMBERS: dict[str, Any] = {
    "integer": 2**53 + 1,
    "number": -0.0,
    "numbers": [1e308, 0.30000000000000004, 3.141592653589793, 5e-324, -1.5],
}
"""One more than a double can count, a negative zero, the ends of a double's range, and all its seventeen digits."""


@capability("invoke.round-trip", severity="core", servers=["echo"], revisions=[STATEFUL, STATELESS], shares_a_run=True)
async def round_trip(cell: CellVerbs) -> None:
    """The model's arguments reach the server and the result reaches the model, exactly.

    One call of `echo` with a text that occurs nowhere else, with white space at its ends, doubled, and with line
    breaks. The server has to see it, and the model to be shown it once, plain or as a string of JSON, with nothing
    of it changed. What an agent puts around results is its own; a dump of a library's object is not the text.
    """
    text = text_to_echo(cell)
    run = await cell.ask(call("echo", text=text))
    expect_arrived(cell, "echo", {"text": text})
    expect_shown(run, "echo", text)


@capability(
    "invoke.optional-args",
    severity="core",
    servers=["arguments"],
    failures=["anthropics/claude-code#95212", "NVIDIA/NeMo-Agent-Toolkit#1269"],
)
async def optional_args(cell: CellVerbs) -> None:
    """An argument that the model omitted stays omitted.

    Only the one required argument of fourteen is given; the server must not see nulls or defaults for the others.
    """
    text = cell.nonce()
    await cell.ask(call("record", text=text))
    seen = [dict(each.arguments) for each in cell.trace.calls("record")]
    added = sorted(set(seen[0]) - {"text"}) if seen else []
    expect(
        not added,
        f"the agent added arguments that the model had omitted: {', '.join(added)}",
        symptom=Symptom.ADDED_ARGUMENTS,
    )
    expect_arrived(cell, "record", {"text": text})


@capability(
    "invoke.null-args",
    severity="expected",
    servers=["nulls"],
    failures=["anthropics/claude-code#95239"],
)
async def null_args(cell: CellVerbs) -> None:
    """An allowed null arrives as null.

    Nulls as the value of a required argument, among the items of an array and within an object; each has to arrive.
    """
    sent: dict[str, Any] = {"note": None, "readings": [1.5, None, 2.5], "place": {"name": "here", "room": None}}
    await cell.ask(call_with("keep", sent))
    expect_arrived(cell, "keep", sent)


@capability(
    "invoke.number-fidelity",
    severity="expected",
    servers=["arguments"],
    failures=["modelcontextprotocol/go-sdk#1201", "NousResearch/hermes-agent#55314", "aaif-goose/goose PR5478"],
)
async def number_fidelity(cell: CellVerbs) -> None:
    """2^53+1, -0.0, 1e308 and long decimals arrive as sent.

    The server has to see the same numbers with the same types: an integer is no decimal, and minus zero keeps its sign.
    """
    sent = {"text": cell.nonce(), **NUMBERS}
    await cell.ask(call_with("record", sent))
    expect_arrived(cell, "record", sent)


@capability(
    "invoke.unicode",
    severity="core",
    servers=["echo"],
    failures=["MoonshotAI/kimi-code#886"],
)
async def unicode(cell: CellVerbs) -> None:
    """CJK, emoji, right-to-left text, combining marks and control characters round-trip.

    One call with all of them; the server has to see the very same characters, and the model to be shown them.
    """
    run = await cell.ask(call("echo", text=UNICODE))
    expect_arrived(cell, "echo", {"text": UNICODE})
    expect_shown(run, "echo", UNICODE)


@capability("invoke.nested-args", severity="core", servers=["arguments"])
async def nested_args(cell: CellVerbs) -> None:
    """Deep objects and arrays arrive unchanged.

    Objects in objects, arrays in arrays, empty ones too, booleans and numbers; the server has to see them as sent, an
    integer as an integer.
    """
    sent: dict[str, Any] = {
        "text": cell.nonce(),
        "flag": False,
        "integer": 7,
        "items": ["a", "", "c"],
        "nested": {"name": "outer", "inner": {"rows": [[1, 2], [], [[True]], ["x"], [0, False]]}},
    }
    await cell.ask(call_with("record", sent))
    expect_arrived(cell, "record", sent)
