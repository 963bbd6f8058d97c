"""The control answers every question about a stub well: what it is red on is our own fault."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from matrix.adapters.choose import starter
from matrix.engine.cell import execute
from matrix.engine.verbs import Setting
from matrix.engine.worker import HEADERS
from matrix.lab.lab import Lab
from matrix.lab.servers.spec import ServerSpec, StubServer
from matrix.lab.servers.stubs import load_stub
from matrix.model import Capability, Cell, Transport
from matrix.plan import make_plan, server_labels
from matrix.registry.discovery import find_stubs
from tests.saboteurs.running import CAPABILITIES, CONTROL, SLOW, is_the_one

pytestmark = pytest.mark.anyio
ASKED = sorted(name for name, each in CAPABILITIES.items() if not each.real and name not in SLOW)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as opened:
        yield opened


def attached(cell: Cell, capability: Capability, _: object) -> list[ServerSpec]:
    """Return the stubs of a capability as a worker attaches them."""
    headers = {} if cell.transport is Transport.STDIO else HEADERS
    labels = zip(server_labels(capability), capability.servers, strict=True)
    return [ServerSpec(label, StubServer(load_stub(name)), headers) for label, name in labels]


@pytest.mark.parametrize("name", ASKED)
async def test_a_capability_passes_on_the_control(lab: Lab, name: str) -> None:
    capability = CAPABILITIES[name]
    plan = make_plan([CONTROL], [capability], find_stubs())
    cell = next(each.cell for each in plan.cells if is_the_one(each.cell, capability, "http"))
    setting = Setting(lab, CONTROL, starter(CONTROL)(lab.folder), attached, lambda *_: ())
    [(outcome, evidence)] = await execute([(cell, capability)], setting, ASKED.index(name))
    assert (outcome.verdict, outcome.reason) == ("passed", "")
    assert evidence["model"]
