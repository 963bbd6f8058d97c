"""invoke: results of other shapes than one text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, expect
from matrix.json_access import mapping, sequence
from matrix.lab.records import NoteKind
from matrix.lab.script import call


@capability(
    "invoke.mixed-content",
    severity="expected",
    servers=["content"],
    shares_a_run=True,
)
async def mixed_content(cell: CellVerbs) -> None:
    """Several content blocks keep their order and number.

    One tool returns four texts, of which two are equal; another a text, an image and a text. Every text has to be
    shown, as often as it was returned, in its order. (Whether the image is shown is `invoke.image`.)
    """
    run = await cell.ask(call("blocks"), call("mixed"))
    for tool in ("blocks", "mixed"):
        returned = [str(each["text"]) for each in _content(cell, tool) if each.get("type") == "text"]
        _all_shown(run.result(tool), returned, tool)


@capability(
    "invoke.empty-result",
    severity="core",
    servers=["content"],
    failures=[
        "google-antigravity/antigravity-cli#953",
        "microsoft/agent-framework PR4683",
        "HKUDS/nanobot PR4660",
        "xorbitsai/xagent#1378",
    ],
    shares_a_run=True,
)
async def empty_result(cell: CellVerbs) -> None:
    """`content: []` and structured-only results reach the model and end nothing.

    One tool returns no content at all, the next one structured content and no other; the third call has to work, and
    the model to be given an answer to each. A green cell says where the values of the second were not in it: a server
    should repeat them as text (2025-11-25, server/tools, "Structured Content"), so not every client looks for them.
    """
    run = await cell.ask(call("nothing"), call("only_structured"), call("unicode"))
    for tool in ("nothing", "only_structured", "unicode"):
        expect(run.results(tool), f"the model was never given an answer to its call of {tool}")
    shown = run.result("only_structured")
    values = _structured(cell, "only_structured")
    lost = [key for key, value in values.items() if json.dumps(value).strip('"') not in shown]
    if lost:
        cell.trace.note(NoteKind.ADVICE, f"of structured content without text the model is not shown {', '.join(lost)}")


def _content(cell: CellVerbs, tool: str) -> list[Mapping[str, Any]]:
    """Return the blocks that the server answered the tool's call with."""
    results = [each.result for each in cell.trace.calls(tool) if each.result is not None]
    expect(results, f"the server never answered {tool}")
    return [mapping(each) for each in sequence(results[0].get("content"))]


def _structured(cell: CellVerbs, tool: str) -> Mapping[str, Any]:
    results = [each.result for each in cell.trace.calls(tool) if each.result is not None]
    expect(results, f"the server never answered {tool}")
    return mapping(results[0].get("structuredContent"))


def _all_shown(result: str, returned: Sequence[str], tool: str) -> None:
    at = 0
    for number, text in enumerate(returned, start=1):
        found = result.find(text, at)
        where = "out of its order" if text in result and result.count(text) >= returned.count(text) else "nowhere"
        expect(found >= 0, f"text {number} of the {len(returned)} that {tool} returned was shown {where}")
        at = found + len(text)
    for text in dict.fromkeys(returned):
        times, wanted = result.count(text), returned.count(text)
        expect(times == wanted, f"a text that {tool} returned {wanted} times was shown {times} times")
