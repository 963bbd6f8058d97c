"""The evidence of a cell: all that the three witnesses saw, without secrets, and the same from run to run."""

from __future__ import annotations

import json

import pytest

from matrix.adapters.control import control
from matrix.capabilities.verbs import expect
from matrix.lab.script import call
from matrix.lab.servers.spec import ServerSpec, StubServer
from matrix.lab.servers.stubs import load_stub
from matrix.model import Verdict
from tests.engine.questions import raising, round_trip

pytestmark = pytest.mark.anyio

SECRET = "tell-nobody-4711"


async def test_the_evidence_holds_what_the_three_witnesses_saw(put):
    cell = await put(round_trip, control)
    asked, told = cell.evidence["model"]
    assert [each["name"] for each in asked["offered"]] == ["own_tool", "echo__echo"]
    (wanted,) = asked["asked_for"]
    nonce = wanted["arguments"]["text"]
    assert (wanted["tool"], wanted["as"]) == ("echo", "echo__echo")
    assert [(each["call_id"], each["text"]) for each in told["shown"]] == [(wanted["call_id"], nonce)]
    frames = cell.evidence["server"]["frames"]
    (called,) = (each for each in frames if each["message"].get("method") == "tools/call")
    (answered,) = (
        each for each in frames if each["direction"] == "out" and each["message"]["id"] == called["message"]["id"]
    )
    assert answered["message"]["result"]["content"][0]["text"] == nonce
    assert [each["event"] for each in cell.evidence["server"]["processes"]] == ["started", "ended"]
    (run,) = cell.evidence["agent"]
    assert (run["answer"], run["error"]) == ("done", None)
    assert nonce in run["prompt"]
    assert cell.evidence["cell"] == "tiny::test.question::echo[stdio,2025-11-25]"
    assert cell.evidence["question"] == "It works."


async def test_the_evidence_of_a_run_that_raised_is_kept_too(put):
    cell = await put(round_trip, raising(RuntimeError("no such key")))
    (run,) = cell.evidence["agent"]
    assert (run["answer"], run["error"]) == (None, "RuntimeError: no such key")


async def test_headers_and_variables_that_are_secret_are_not_in_the_evidence(put):
    headers = {"Authorization": f"Bearer {SECRET}", "X-Api-Key": SECRET, "X-Plain": "kept"}

    def over_http(*_):
        return [ServerSpec("echo", StubServer(load_stub("echo")), headers=headers)]

    def over_stdio(*_):
        env = {"SOME_API_KEY": SECRET, "DATABASE_URL": f"postgres://me:{SECRET}@db"}
        return [ServerSpec("echo", StubServer(load_stub("echo")), env=env)]

    http = await put(round_trip, control, transport="http", attached=over_http)
    stdio = await put(round_trip, control, attached=over_stdio)
    raised = await put(round_trip, raising(RuntimeError("401 for Authorization: Bearer abcdef123456")))
    assert http.told == stdio.told == (Verdict.PASSED, "")
    for cell in (http, stdio, raised):
        assert SECRET not in json.dumps(cell.evidence)
        assert "abcdef123456" not in json.dumps(cell.evidence) + cell.outcome.reason
    assert {each["headers"]["x-plain"] for each in http.evidence["server"]["http"]} == {"kept"}
    (started, _) = stdio.evidence["server"]["processes"]
    assert {"SOME_API_KEY", "DATABASE_URL"} <= set(json.loads(started["detail"])["env"])


async def test_half_a_surrogate_pair_can_be_kept_as_evidence(put):
    async def check(cell):
        await cell.ask(call("echo", text="cut \ud83d"))

    cell = await put(check, raising(RuntimeError("cut \ud83d")))
    assert cell.told == (Verdict.FAILED, "the run ended with RuntimeError: cut \\ud83d")


async def test_a_long_text_is_cut_in_evidence_and_its_length_said(put):
    async def check(cell):
        run = await cell.ask(call("large", size=300_000))
        expect(len(run.result("large")) == 300_000, "it was cut")

    cell = await put(check, control, servers=("content",))
    assert cell.told == (Verdict.PASSED, "")
    assert cell.evidence["model"][1]["shown"][0]["text"].endswith("… (300000 characters in all)")
    assert len(json.dumps(cell.evidence)) < 200_000


@pytest.mark.parametrize("transport", ["stdio", "http", "sse"])
async def test_reasons_and_nonces_are_the_same_from_run_to_run(put, transport):
    nonces = []

    async def check(cell):
        nonces.append((cell.nonce(), cell.nonce("a"), cell.nonce("b")))
        await round_trip(cell)

    async def complaining(task):
        (entry,) = task.mcp_servers.values()
        raise RuntimeError(f"{entry} at {task.model.base_url}, {object()!r}")

    first, second = [(await put(check, complaining, transport=transport)).told for _ in range(2)]
    assert first == second
    assert nonces[0] == nonces[1]
    assert len(set(nonces[0])) == 3
