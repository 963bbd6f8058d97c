"""Which cells a run will ask, and what is decided before it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from matrix.errors import UsageError
from matrix.model import ANY_REVISION, REVISIONS, STATEFUL, STATELESS, Cell, Problem, Transport, Verdict
from matrix.plan import Filters, Machine, make_plan, read_shard, server_labels, shares
from matrix.planned import Plan
from tests.samples import CONTROL_AGENT, agent, capability, real, stub

AGENTS = (CONTROL_AGENT, agent("sofia"), agent("stan"))
SERVERS = (
    stub("echo"),
    stub("postonly", transports=("http",)),
    stub("silent", revisions=(STATELESS,)),
    real("everything", "stdio", "http"),
    real("git", "stdio"),
)
CAPABILITIES = (
    capability("invoke.round-trip", "echo", revisions=(STATEFUL, STATELESS)),
    capability("invoke.timeout", "echo"),
    capability("lifecycle.two", "echo", "echo"),
    capability("real.probe", real=True),
    capability("transport.headers", "postonly"),
)


def plan(machine: Machine | None = None, shard: tuple[int, int] = (1, 1), **filters: tuple[str, ...]) -> Plan:
    return make_plan(AGENTS, CAPABILITIES, SERVERS, Filters(**filters), machine, shard=shard)


def ids(found: Plan) -> list[str]:
    return [each.cell.id for each in found.cells]


def columns(found: Plan) -> set[str]:
    return {each.cell.column for each in found.cells}


def test_without_filters_every_agent_is_asked_everything() -> None:
    found = plan()
    assert {name: sum(each.cell.agent == name for each in found.cells) for name in ("control", "sofia", "stan")} == {
        "control": 12,
        "sofia": 12,
        "stan": 12,
    }
    assert found.agents == AGENTS
    assert found.capabilities == CAPABILITIES
    assert found.asked == found.cells


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"capabilities": ("invoke.*",), "transports": ("http",), "revisions": (STATELESS,)}, 1),
        ({"capabilities": ("invoke.*",)}, 6),
        ({"capabilities": ("invoke.timeout", "real.probe")}, 5),
        ({"servers": ("e*",)}, 10),
        ({"servers": ("git",)}, 1),
        ({"transports": ("stdio",)}, 6),
        ({"revisions": (ANY_REVISION,)}, 3),
        ({"revisions": ("2025-*",)}, 7),
        ({"cells": ("stan::*::echo[http,*]",)}, 3),
    ],
)
def test_filters_narrow_the_columns_and_take_globs(filters: dict[str, tuple[str, ...]], expected: int) -> None:
    assert len(columns(plan(agents=("stan",), **filters))) == expected


def test_agents_are_chosen_by_globs() -> None:
    assert {each.cell.agent for each in plan(agents=("so*",)).cells} == {"control", "sofia"}
    assert {each.cell.agent for each in plan(agents=("s*",)).cells} == {"control", "sofia", "stan"}


def test_the_control_is_always_among_the_columns_and_only_among_them() -> None:
    found = plan(cells=(f"stan::invoke.timeout::echo[http,{STATEFUL}]",))
    assert ids(found) == [
        f"control::invoke.timeout::echo[http,{STATEFUL}]",
        f"stan::invoke.timeout::echo[http,{STATEFUL}]",
    ]


def test_the_control_can_be_asked_alone() -> None:
    assert {each.cell.agent for each in plan(agents=("control",)).cells} == {"control"}


def test_a_plan_without_a_control_has_none() -> None:
    found = make_plan([agent("stan")], CAPABILITIES, SERVERS)
    assert {each.cell.agent for each in found.cells} == {"stan"}


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ({"agents": ("stann",)}, "no agent is called 'stann'; did you mean stan?; see `python -m matrix list agents`"),
        ({"agents": ("stan", "x*")}, "no agent is called 'x*'; see `python -m matrix list agents`"),
        (
            {"capabilities": ("invoke.timeouts",)},
            (
                "no capability is called 'invoke.timeouts'; did you mean invoke.timeout or invoke.round-trip?; "
                "see `python -m matrix list capabilities`"
            ),
        ),
        ({"servers": ("ecko",)}, "no server is called 'ecko'; did you mean echo?; see `python -m matrix list servers`"),
        ({"transports": ("carrier-pigeon",)}, "no transport is called 'carrier-pigeon'; there are stdio, http, sse"),
        (
            {"revisions": ("2025-11-26",)},
            f"no revision is called '2025-11-26'; there are {STATEFUL}, {STATELESS}, any",
        ),
        (
            {"cells": (f"stan::invoke.timeout::echo[htp,{STATEFUL}]",)},
            (
                f"no cell is called 'stan::invoke.timeout::echo[htp,{STATEFUL}]'; did you mean "
                f"stan::invoke.timeout::echo[http,{STATEFUL}] or stan::invoke.timeout::echo[stdio,{STATEFUL}] or "
                f"sofia::invoke.timeout::echo[http,{STATEFUL}]?"
            ),
        ),
    ],
)
def test_a_filter_that_matches_nothing_is_answered_with_the_nearest_names(
    filters: dict[str, tuple[str, ...]], sentence: str
) -> None:
    with pytest.raises(UsageError) as refused:
        plan(**filters)
    assert str(refused.value) == sentence


def test_filters_that_contradict_each_other_are_named() -> None:
    with pytest.raises(UsageError) as refused:
        plan(agents=("stan",), servers=("git",), transports=("http",))
    assert str(refused.value) == (
        "no cell is left to ask by --agent 'stan' --server 'git' --transport 'http': "
        "each exists, but no capability asks for them together; drop one"
    )


@pytest.mark.parametrize("parts", [1, 2, 3, 5, 12, 20])
def test_shards_partition_the_columns_exactly(parts: int) -> None:
    shards = [plan(shard=(part, parts)) for part in range(1, parts + 1)]
    assert sorted(cell for shard in shards for cell in ids(shard)) == sorted(ids(plan()))
    for one, other in pairwise(shards):
        assert columns(one).isdisjoint(columns(other))


def test_shards_take_as_long_as_one_another_as_far_as_is_known() -> None:
    cells = [Cell.parse(f"stan::a.c{number}::s[http,any]") for number in range(60)]
    weights = {f"a.c{number}": 60.0 / (number + 1) for number in range(60)}
    dealt = shares(cells, 4, weights)
    loads = [sum(weights[each.capability] for each in cells if dealt[each.column] == part) for part in (1, 2, 3, 4)]
    assert max(loads[1:]) - min(loads[1:]) < 1
    assert loads[0] == max(loads[0], 60.0)
    assert dealt == shares(cells[::-1], 4, weights)


def test_a_capability_that_took_long_before_is_dealt_like_several_others() -> None:
    seconds = {each.id: 100.0 if each.id == "invoke.timeout" else 1.0 for each in CAPABILITIES}
    shards = [make_plan(AGENTS, CAPABILITIES, SERVERS, shard=(part, 3), seconds=seconds) for part in (1, 2, 3)]
    assert [{each.cell.capability for each in shard.cells} for shard in shards[:2]] == [{"invoke.timeout"}] * 2
    assert [each.shard.label for each in shards if each.shard] == ["1/3", "2/3", "3/3"]
    assert len({each.shard.plan for each in shards if each.shard}) == 1
    others = plan(shard=(1, 3)).shard
    assert others is not None
    assert shards[0].shard is not None
    assert others.plan != shards[0].shard.plan, "it was divided otherwise"


def test_each_shard_has_the_control_of_its_columns() -> None:
    for part in (1, 2, 3):
        shard = plan(shard=(part, 3), agents=("stan",))
        assert columns(shard) == {each.cell.column for each in shard.cells if each.cell.agent == "control"}


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/b", "-1/3", "1/2/3", ""])
def test_a_shard_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="should be I/N with 1 ≤ I ≤ N, such as 2/8"):
        read_shard(text)


def test_a_shard_is_read() -> None:
    assert read_shard("2/8") == (2, 8)


def test_where_servers_are_assigned_each_agent_is_asked_about_its_own_and_the_control_about_all() -> None:
    agents = [CONTROL_AGENT, agent("sofia"), agent("stan")]
    servers = [real("everything", "stdio"), replace(real("git", "stdio"), unprobed="its config has no probes")]
    asking = [capability("invoke.x", "echo"), capability("real.calls", real=True, probes=True)]
    assigned = {"sofia": ("git",), "stan": ("everything", "git")}
    found = make_plan(agents, asking, servers, assigned=assigned)
    assert {each.cell.id: each.reason for each in found.cells} == {
        "control::real.calls::everything[stdio,any]": "",
        "control::real.calls::git[stdio,any]": "git: its config has no probes",
        "sofia::real.calls::git[stdio,any]": "git: its config has no probes",
        "stan::real.calls::everything[stdio,any]": "",
        "stan::real.calls::git[stdio,any]": "git: its config has no probes",
    }


def test_real_servers_are_asked_over_the_transports_that_they_have() -> None:
    found = plan(capabilities=("real.*",), agents=("control",))
    assert ids(found) == [
        "control::real.probe::everything[http,any]",
        "control::real.probe::everything[stdio,any]",
        "control::real.probe::git[stdio,any]",
    ]


def test_a_stub_is_asked_over_the_transports_and_revisions_that_it_has() -> None:
    questions = [capability("a.b", "postonly"), capability("a.c", "silent", revisions=REVISIONS)]
    found = make_plan([CONTROL_AGENT], questions, SERVERS)
    assert ids(found) == [
        f"control::a.b::postonly[http,{STATEFUL}]",
        f"control::a.c::silent[http,{STATELESS}]",
        f"control::a.c::silent[stdio,{STATELESS}]",
    ]


def test_servers_that_are_attached_together_make_one_cell_and_are_found_by_either_name() -> None:
    found = plan(agents=("control",), capabilities=("lifecycle.*",), servers=("echo",), transports=("http",))
    assert ids(found) == [f"control::lifecycle.two::echo+echo[http,{STATEFUL}]"]


@pytest.mark.parametrize(
    ("servers", "labels"),
    [
        (("echo",), ("echo",)),
        (("echo", "slow"), ("echo", "slow")),
        (("echo", "slow", "echo"), ("echo_a", "slow", "echo_b")),
    ],
)
def test_two_servers_of_a_kind_are_told_apart_by_a_letter(servers: tuple[str, ...], labels: tuple[str, ...]) -> None:
    assert server_labels(capability("a.b", *servers)) == labels


def test_a_broken_registration_is_decided_while_planning_and_hides_no_other() -> None:
    broken = agent("broken", problem=Problem("it cannot be read", "correct it"))
    found = make_plan([*AGENTS, broken], CAPABILITIES, SERVERS, machine=Machine(agents={"broken": "absent, too"}))
    decided = [each for each in found.cells if each.cell.agent == "broken"]
    assert {(each.verdict, each.reason) for each in decided} == {(Verdict.FAILED, "it cannot be read; correct it")}
    assert {each.cell.agent for each in found.asked} == {"control", "sofia", "stan"}


def test_what_the_machine_lacks_is_skipped_with_the_reason() -> None:
    lacking = Machine(servers={"git": "git needs Node.js", "echo": "a stub lacks nothing"}, agents={"stan": "no key"})
    found = plan(lacking)
    skipped: dict[str, Any] = {each.cell.id: each.reason for each in found.cells if each.verdict is Verdict.SKIPPED}
    assert len([cell for cell in skipped if cell.startswith("stan::")]) == 12
    assert {cell: reason for cell, reason in skipped.items() if not cell.startswith("stan::")} == {
        "control::real.probe::git[stdio,any]": "git needs Node.js",
        "sofia::real.probe::git[stdio,any]": "git needs Node.js",
    }


def test_the_order_is_that_of_the_agents_then_of_the_cells_whatever_order_things_were_found_in() -> None:
    found = ids(plan())
    again = make_plan(AGENTS, CAPABILITIES[::-1], SERVERS[::-1])
    assert found == ids(again)
    assert [cell.partition("::")[0] for cell in found] == ["control"] * 12 + ["sofia"] * 12 + ["stan"] * 12
    assert found[:12] == sorted(found[:12])


def test_cell_ids_are_unique_and_round_trip() -> None:
    cells = [each.cell for each in plan().cells]
    assert [Cell.parse(cell.id) for cell in cells] == cells
    assert len({cell.id for cell in cells}) == len({cell.slug for cell in cells}) == len(cells)


@pytest.mark.parametrize(
    "text", ["", "stan", "stan::a.b::echo", "stan::a.b::echo[http]", "a::b::c::d[e,f]", "::a::b[c,d]"]
)
def test_what_is_no_cell_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no cell id; one looks like"):
        Cell.parse(text)


def test_the_slug_of_a_cell_is_a_file_name_that_tells_long_ids_apart() -> None:
    long = [Cell("a/b", "c.d", "e+f" * 100, Transport.HTTP, each) for each in REVISIONS]
    assert len({cell.slug for cell in long}) == len(long)
    assert all("/" not in cell.slug and len(cell.slug) < 200 for cell in long)
