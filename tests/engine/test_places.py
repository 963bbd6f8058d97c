"""Places follow the load: more while processors are idle, fewer while too much wants to run."""

from __future__ import annotations

import time

import pytest

from matrix.engine import places
from matrix.engine.places import MOST, Load, Machine, Places


class Desk(Machine):
    """A machine of two processors whose load a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.processors = 2
        self.now = Load(2.0, 1)

    def load(self) -> Load:
        return self.now


@pytest.fixture
def desk() -> Desk:
    return Desk()


def number(held: Places) -> int:
    return held.free(0)


def test_at_first_there_are_two_places_for_each_processor(desk: Desk) -> None:
    assert number(Places(desk)) == 4


def test_more_are_given_while_processors_are_idle_and_all_places_are_taken(desk: Desk) -> None:
    held = Places(desk)
    held.follow(Load(2.0, 1), 4)
    assert number(held) == 6
    held.follow(Load(2.0, 1), 3)
    assert number(held) == 6, "places are free: there is nothing to be had from more"
    held.follow(Load(0.1, 3), 6)
    assert number(held) == 6, "the processors are busy"
    held.follow(Load(2.0, 1, memory=0.05), 6)
    assert number(held) == 6, "there is no memory for more"


def test_fewer_are_given_while_it_is_crowded_but_never_fewer_than_keep_the_processors_busy(desk: Desk) -> None:
    held = Places(desk)
    for _ in range(20):
        held.follow(Load(2.0, 1), 400)
    many = number(held)
    held.follow(Load(0.0, 40), many)
    assert number(held) < many
    for _ in range(200):
        held.follow(Load(0.0, 40), number(held))
    assert number(held) == 3


def test_there_is_an_end_to_it(desk: Desk) -> None:
    held = Places(desk)
    for _ in range(1000):
        held.follow(Load(2.0, 1), MOST)
    assert number(held) == MOST


def test_the_load_is_read_now_and_then_when_somebody_asks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Places(desk)
    assert held.free(4) == 0
    monkeypatch.setattr(places, "TICK_SECONDS", 0.0)
    assert held.free(4) == 2


def test_it_is_remembered_when_it_was_crowded(desk: Desk) -> None:
    began = time.monotonic()
    held = Places(desk)
    assert not held.was_crowded_since(began)
    held.follow(Load(0.0, 40), 4)
    assert held.was_crowded_since(began)
    assert not held.was_crowded_since(time.monotonic() + 1)


def test_this_machine_tells_its_load() -> None:
    machine = Machine()
    load = machine.load()
    assert machine.processors >= 1
    assert 0 <= load.idle <= machine.processors
    assert 0 < load.memory <= 1
    assert load.runnable >= 0
