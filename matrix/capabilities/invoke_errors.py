"""invoke: whether the model is told that something failed, and the run goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from matrix.capabilities.exact import canonical
from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, Run, expect
from matrix.lab.records import NoteKind, ShownResult
from matrix.lab.script import call, call_unknown

_WORD = re.compile(r"\w+")


@capability(
    "invoke.tool-error",
    severity="core",
    servers=["errors"],
    failures=["openai/openai-agents-python#2165", "langchain-ai/langchain-mcp-adapters PR540"],
)
async def tool_error(cell: CellVerbs) -> None:
    """`isError` reaches the model as an error, and the run goes on.

    One tool is called three times: it fails with a text, and then succeeds twice with other texts. The model has to be
    shown each, and to be able to tell the failure: by its protocol's own mark (Anthropic's `is_error`, Google's key
    `error`), or by words that the successes do not have. OpenAI's protocols have no mark.
    """
    texts = [cell.nonce(label) for label in ("error", "first", "second")]
    failing, *others = texts
    run = await cell.ask(
        call("attempt", text=failing, fails=True), *(call("attempt", text=text, fails=False) for text in others)
    )
    error, *successes = _shown(run, "attempt", 3)
    expect(failing in error.text, "the model was not shown the tool's error message")
    for each, text in zip(successes, others, strict=True):
        expect(text in each.text, "the call after the error did not return its result")
        expect(each.is_error is not True, "the model was shown a success as an error")
    expect(error.is_error is not False, "the model was shown the error as a success")
    alike = error.is_error is None and _are_alike(error, successes, texts)
    expect(not alike, "the model cannot tell that the call failed: it was shown in the same words as a success")


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


@capability("invoke.unknown-tool", severity="expected", servers=["echo"])
async def unknown_tool(cell: CellVerbs) -> None:
    """A call to a tool that does not exist is answered to the model, not crashed on.

    The model calls a tool that nobody offered; it has to be told something, and the next call has to work.
    """
    text = cell.nonce("after")
    run = await cell.ask(call_unknown("no_such_tool", text=cell.nonce("lost")), call("echo", text=text))
    expect(run.result("no_such_tool").strip(), "the model was told nothing of the tool that does not exist")
    expect(text in run.result("echo"), "the call after the unknown tool did not return its result")


@capability(
    "invoke.timeout",
    severity="core",
    servers=["slow"],
    failures=["google/adk-python#3084"],
    deadline=75,
    bounds_a_call=True,
)
async def timeout(cell: CellVerbs) -> None:
    """A silent server gives a bounded, readable error.

    A tool never answers. Within 75 seconds of the call the agent has to tell its model, or whoever called it, that it
    gave up; a green cell says where the model was not told.
    """
    run = await cell.attempt(call("silent"))
    expect(cell.trace.calls("silent"), run.error or "the agent never made the call")
    shown = " ".join(run.results("silent")).strip()
    expect(len(shown or run.error or "") > 10, "the agent gave up on the silent server without a readable error")
    if not shown:
        cell.trace.note(NoteKind.ADVICE, "the run ended with the time-out: its model was not told, and could not go on")


@capability(
    "invoke.server-death",
    severity="core",
    servers=["mortal", "echo"],
    deadline=75,
    bounds_a_call=True,
    failures=["MoonshotAI/kimi-code#2109"],
)
async def server_death(cell: CellVerbs) -> None:
    """A server that dies in the middle of a call gives a bounded, readable error, and the run goes on.

    Of two servers one ends during a call, which stays unanswered. Within 75 seconds of it the model has to be told, and
    a call of the other server has to work.
    """
    mortal, other = cell.servers
    text = cell.nonce("after")
    run = await cell.ask(call("die", on=mortal), call("echo", on=other, text=text))
    told = run.result("die").strip()
    expect(len(told) > 10, f"the model was told of the server's death only {told!r}")
    expect(text in run.result("echo", on=other), "the other server's tool did not return its result")


def _shown(run: Run, tool: str, number: int) -> list[ShownResult]:
    shown = [each for each in run.shown(tool) if each is not None]
    expect(len(shown) == number, f"the model was shown {len(shown)} results of {number} calls of {tool}")
    return shown


def _are_alike(error: ShownResult, successes: Sequence[ShownResult], texts: Sequence[str]) -> bool:
    """Whether the error stands in the same words as a success, apart from the tools' own texts.

    Where the successes differ too (by durations, numbers, ids), words with digits say nothing.
    """
    failed, *well = (_apart_from(each, texts) for each in (error, *successes))
    if len(set(well)) == 1:
        return failed in well
    return _without_digits(failed) in map(_without_digits, well)


def _without_digits(text: str) -> str:
    """Return a text without the words that have a digit."""
    return _WORD.sub(lambda word: "" if any(map(str.isdigit, word[0])) else word[0], text)


def _apart_from(shown: ShownResult, texts: Sequence[str]) -> str:
    whole = f"{shown.text}\n{canonical(list(shown.parts))}"
    for text in texts:
        whole = whole.replace(text, "…")
    return whole
