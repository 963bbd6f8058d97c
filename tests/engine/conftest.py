"""A lab, and a way to put one question in this process."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from matrix.adapters.callable import CallableInstance
from matrix.engine.cell import execute
from matrix.engine.verbs import Setting
from matrix.lab.lab import Lab
from matrix.lab.servers.spec import ServerSpec, StubServer
from matrix.lab.servers.stubs import load_stub
from matrix.model import STATEFUL, Agent, Capability, Cell, Severity, Transport
from tests.engine.questions import HANG


@pytest.fixture
def lab():
    with Lab() as opened:
        yield opened


@pytest.fixture
def put(lab):
    """Return a function that puts a question to an agent: verdict, reason and evidence."""
    numbers = iter(range(1, 100))

    async def question(
        check, agent, *, transport="stdio", servers=("echo",), deadline=HANG, attached=None, start=None, unsupported=()
    ):
        async def started(_):
            return CallableInstance(agent)

        capability = Capability("test.question", "It works.", "", Severity.CORE, check, servers)
        capability = replace(capability, deadline=deadline, start_up=deadline)
        cell = Cell("tiny", "test.question", servers, Transport(transport), STATEFUL)
        setting = Setting(
            lab,
            Agent("tiny", "this test", target="tiny:agent", unsupported=frozenset(unsupported)),
            start or started,
            attached or (lambda *_: [ServerSpec(name, StubServer(load_stub(name))) for name in servers]),
            lambda *_: (),
        )
        [(outcome, evidence)] = await execute([(cell, capability)], setting, next(numbers))
        assert (outcome.cell, outcome.attempts) == (cell, (outcome.verdict,))
        assert evidence["cell"] == cell.id
        assert not {"verdict", "reason", "reproduce"} & evidence.keys(), "only the outcome tells these"
        assert json.loads(json.dumps(evidence, ensure_ascii=False).encode()) == evidence
        return SimpleNamespace(told=(outcome.verdict, outcome.reason), outcome=outcome, evidence=evidence)

    return question
