"""invoke: whether calls and results go through the agent unharmed."""

from __future__ import annotations

import json
from typing import Any

from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, expect
from matrix.lab.script import call, call_with
from matrix.model import STATEFUL, STATELESS

UNICODE = (
    '漢字かな한글 😀 👨\u200d👩\u200d👧 🇫🇷 مرحبا שלום e\u0301 a\u0308\u0323 𠮷 |\u0001| \u2028 \\u0000 "quoted" \\back'
)
"""CJK, emoji (joined too), right to left, combining marks, beyond the basic plane, and what stands next to NUL."""


@capability("invoke.round-trip", severity="core", servers=["echo"], revisions=[STATEFUL, STATELESS])
async def round_trip(cell: CellVerbs) -> None:
    """The model's arguments reach the server and the result reaches the model, exactly.

    One call of `echo` with a text that occurs nowhere else; server and model both have to see exactly it.
    """
    text = cell.nonce()
    run = await cell.ask(call("echo", text=text))
    seen = [each.arguments for each in cell.trace.calls("echo")]
    expect(seen == [{"text": text}], f"the server saw the arguments {seen}, not the model's")
    expect(text in run.result("echo"), "the model was not shown what the server returned")


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
    expect(not added, f"the agent added arguments that the model had omitted: {', '.join(added)}")
    expect(seen == [{"text": text}], f"the server saw {seen}")


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
    seen = [each.arguments.get("text") for each in cell.trace.calls("echo")]
    expect(seen == [UNICODE], f"the server saw other characters: {seen!r}")
    shown = run.result("echo")
    expect(_holds(shown, UNICODE), f"the model was shown other characters: {shown!r}")


@capability("invoke.nested-args", severity="core", servers=["arguments"])
async def nested_args(cell: CellVerbs) -> None:
    """Deep objects and arrays arrive unchanged.

    Objects in objects, arrays in arrays, empty ones too, booleans and numbers; the server has to see them as sent.
    """
    sent: dict[str, Any] = {
        "text": cell.nonce(),
        "flag": False,
        "integer": 7,
        "items": ["a", "", "c"],
        "nested": {"name": "outer", "inner": {"rows": [[1, 2], [], [[True]], ["x"]]}},
    }
    await cell.ask(call_with("record", sent))
    seen = [dict(each.arguments) for each in cell.trace.calls("record")]
    expect(len(seen) == 1, f"the server saw {len(seen)} calls instead of one")
    changed = sorted(key for key in {*sent, *seen[0]} if sent.get(key) != seen[0].get(key))
    expect(not changed, f"these arguments arrived changed: {', '.join(changed)}")


@capability(
    "invoke.tool-error",
    severity="core",
    servers=["errors"],
    failures=["openai/openai-agents-python#2165", "langchain-ai/langchain-mcp-adapters PR540"],
)
async def tool_error(cell: CellVerbs) -> None:
    """`isError` reaches the model as an error, and the run goes on.

    A tool fails with a message; the model has to be shown the message, and a call of the next turn has to work.
    """
    message, text = cell.nonce("error"), cell.nonce("after")
    run = await cell.ask(call("fail", message=message), call("echo", text=text))
    expect(message in run.result("fail"), "the model was not shown the tool's error message")
    shown = [each for each in run.shown("fail") if each is not None]
    expect(shown[0].is_error is not False, "the model was shown the error as a success")
    expect(text in run.result("echo"), "the call after the error did not return its result")


@capability(
    "invoke.protocol-error",
    severity="core",
    servers=["errors"],
    failures=["openai/openai-agents-python#879"],
)
async def protocol_error(cell: CellVerbs) -> None:
    """A JSON-RPC error does not end the run.

    A call is answered with a JSON-RPC error; the model has to be told something, and the next call has to work.
    """
    text = cell.nonce("after")
    run = await cell.ask(call("refuse", message=cell.nonce("error")), call("echo", text=text))
    expect(run.result("refuse").strip(), "the model was told nothing of the call's failure")
    expect(text in run.result("echo"), "the call after the error did not return its result")


@capability(
    "invoke.timeout",
    severity="core",
    servers=["slow"],
    failures=["google/adk-python#3084"],
    deadline=75,
)
async def timeout(cell: CellVerbs) -> None:
    """A silent server gives a bounded, readable error.

    A tool never answers. Within 75 seconds the agent has to tell its model, or whoever called it, that it gave up.
    """
    run = await cell.attempt(call("silent"))
    expect(cell.trace.calls("silent"), run.error or "the agent never made the call")
    told = " ".join(run.results("silent")) or run.error or ""
    expect(len(told.strip()) > 10, "the agent gave up on the silent server without a readable error")


def _holds(shown: str, text: str) -> bool:
    """Whether the text was shown as it is, or inside of JSON."""
    escaped = (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    return text in shown or any(each in shown for each in escaped)
