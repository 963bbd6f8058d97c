"""Dealing cells to several machines, and taking back what a lost one had: without any machine."""

from __future__ import annotations

import pytest

from matrix.engine.several.dealing import LEAST_SECONDS, Batch, Dealing, Run
from matrix.model import STATEFUL, Capability, Cell, Severity, Transport


def capability(name: str, **more: bool) -> Capability:
    return Capability(name, "It works.", "", Severity.CORE, lambda: None, ("echo",), **more)


CAPABILITIES = {
    each.id: each
    for each in (
        capability("test.quick"),
        capability("test.one", shares_a_run=True),
        capability("test.two", shares_a_run=True),
        capability("test.all", together=True),
    )
}


def cell(agent: str, name: str, server: str = "echo") -> Cell:
    return Cell(agent, name, (server,), Transport.STDIO, STATEFUL)


def anybody(_: Run) -> bool:
    return True


def dealing(*cells: Cell, seconds: float = LEAST_SECONDS, share: bool = True) -> Dealing:
    """Return a dealing in which every cell takes so long."""
    return Dealing(cells, CAPABILITIES, {each.id: seconds for each in cells}, share)


def dealt(cards: Dealing, machines: int = 2, processors: int = 2) -> list[tuple[Cell, ...]]:
    """Deal everything."""
    batches: list[tuple[Cell, ...]] = []
    while (batch := cards.next(machines, processors, anybody)) is not None:
        batches.append(batch.cells)
    assert cards.is_over
    return batches


def test_batches_become_smaller_towards_the_end_and_every_cell_is_in_one() -> None:
    cells = [cell(agent, "test.quick", f"s{number}") for agent in ("a", "b", "c") for number in range(40)]
    batches = dealt(dealing(*cells, seconds=LEAST_SECONDS / 2))
    assert sorted(each for batch in batches for each in batch) == sorted(cells)
    sizes = [len(each) for each in batches]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (30, 2)


def test_a_batch_has_the_cells_of_few_agents_and_several_machines_share_one_agents() -> None:
    cells = [cell(f"agent-{name}", "test.quick", f"s{number}") for name in range(9) for number in range(9)]
    batches = dealt(dealing(*cells), processors=2)
    assert {len({each.agent for each in batch}) for batch in batches[:3]} == {3}
    alone = dealt(dealing(*(each for each in cells if each.agent == "agent-0")))
    assert len(alone) > 2


def test_a_machine_goes_on_with_the_agents_that_it_has() -> None:
    cells = [cell(f"agent-{name}", "test.quick", f"s{number}") for name in range(9) for number in range(9)]
    batch = dealing(*cells).next(2, 1, anybody, known={"agent-3", "agent-7"})
    assert batch is not None
    assert {each.agent for each in batch.cells} == {"agent-3", "agent-7"}


def test_the_longest_are_dealt_first() -> None:
    cells = [cell("a", "test.quick", f"s{number}") for number in range(9)]
    known = {each.id: 1000.0 * (number == 7) for number, each in enumerate(cells)}
    first = Dealing(cells, CAPABILITIES, known, share=True).next(2, 2, anybody)
    assert first == Batch((cells[7],))


def test_cells_that_may_share_a_run_are_not_parted_unless_they_are_to_be() -> None:
    cells = (cell("a", "test.one"), cell("a", "test.two"))
    assert dealt(dealing(*cells)) == [cells]
    assert sorted(dealt(dealing(*cells, share=False))) == sorted([(each,) for each in cells])


def test_a_question_for_all_agents_at_once_goes_whole_and_last() -> None:
    all_of_them = (cell("a", "test.all"), cell("b", "test.all"))
    other = cell("a", "test.quick")
    assert dealt(dealing(*all_of_them, other)) == [(other,), all_of_them]


def test_what_one_machine_may_not_ask_another_one_gets() -> None:
    node, plain = cell("a", "test.quick", "node"), cell("a", "test.quick", "plain")
    cards = dealing(node, plain)

    def without_node(run: Run) -> bool:
        return run != (node,)

    assert cards.next(2, 2, without_node) == Batch((plain,))
    assert cards.next(2, 2, without_node) is None
    assert cards.next(2, 2, anybody) == Batch((node,))


def test_what_was_in_flight_is_asked_again_by_itself_and_after_everything_else() -> None:
    killer, innocent, waiting, other = (cell("a", "test.quick", name) for name in ("w", "x", "y", "z"))
    cards = dealing(killer, innocent, waiting, other, seconds=1)
    batch = cards.next(1, 2, anybody)
    assert batch is not None
    assert not cards.lost(batch, [killer, innocent, waiting], {killer.id, innocent.id})
    assert dealt(cards) == [(waiting,), (killer,), (innocent,)]


def test_what_was_lost_by_itself_is_not_asked_any_more() -> None:
    killer = cell("a", "test.quick")
    cards = dealing(killer)
    first = cards.next(1, 2, anybody)
    assert first is not None
    assert cards.lost(first, [killer], {killer.id}) == ()
    second = cards.next(1, 2, anybody)
    assert second == Batch((killer,), again=True)
    assert cards.lost(second, [killer], {killer.id}) == (killer,)
    assert cards.is_over


def test_a_machine_that_is_lost_before_it_can_say_what_it_asks_does_not_go_on_for_ever() -> None:
    killer = cell("a", "test.quick")
    cards = dealing(killer)
    for again in (False, False, True):
        batch = cards.next(1, 2, anybody)
        assert batch == Batch((killer,), again=again)
        blamed = cards.lost(batch, [killer], ())
    assert blamed == (killer,)


@pytest.mark.parametrize("begun", [(), ("all",)])
def test_a_question_for_all_agents_is_asked_once_more_whole(begun: tuple[str, ...]) -> None:
    column = (cell("a", "test.all"), cell("b", "test.all"))
    cards = dealing(*column)
    batch = cards.next(1, 2, anybody)
    assert batch == Batch(column, together=True)
    assert cards.lost(batch, column, begun) == ()
    again = cards.next(1, 2, anybody)
    assert again == Batch(column, together=True, again=True)
    assert cards.lost(again, column, begun) == column
