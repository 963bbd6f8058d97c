"""Agents in processes of their own, where nothing of the tool is, or in user namespaces, where nobody else is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from matrix.engine.local import LocalEngine
from matrix.engine.options import Options
from matrix.engine.prepare import Wish, prepare
from matrix.errors import IsolatedLive, NoNamespaces
from matrix.events import Finished
from matrix.model import STATEFUL, Agent, Verdict
from matrix.outcome import Outcome
from matrix.plan import Filters
from matrix.registry.isolation import Isolation, check_that_it_can_be_had, isolated
from tests.hostile.table import TABLE
from tests.saboteurs.running import CAPABILITIES, CONTROL, REPOSITORY, planned
from tests.saboteurs.saboteur import registered

KEPT = CAPABILITIES["discovery.native-tools-kept"]
STRUCK = CAPABILITIES["invoke.tool-error"]
"""In this one the hostile do what they do."""


def asked(agents: list[Agent], capability: object, **options: object) -> dict[str, Outcome]:
    plan = planned(agents, [capability], lambda cell: (cell.transport, cell.revision) == ("http", STATEFUL))
    events = LocalEngine(plan, Options(**options)).run()
    return {each.outcome.cell.agent: each.outcome for each in events if isinstance(each, Finished)}


@pytest.fixture
def namespaces() -> None:
    try:
        check_that_it_can_be_had(Isolation.USER)
    except NoNamespaces as problem:
        pytest.skip(str(problem))


def test_a_bundled_agent_and_its_services_work_in_a_process_apart() -> None:
    filters = Filters(agents=("simple",), capabilities=(KEPT.id,))
    wish = Wish(REPOSITORY, filters, isolation=Isolation.PROCESS)
    simple = next(each for each in prepare(wish, lambda _: None).plan.agents if each.name == "simple")
    assert simple.harness is not None
    assert simple.services is not None
    outcome = asked([simple], KEPT)["simple"]
    assert (outcome.verdict, outcome.reason) == (Verdict.PASSED, "")


@pytest.mark.usefixtures("namespaces")
def test_an_agent_in_a_user_namespace_has_nobody_to_stop_or_to_end() -> None:
    rows = [each.agent for each in TABLE["others"]]
    honest = registered("tests.saboteurs.honest:Honest.answer", "honest", REPOSITORY)
    hostile = [isolated(each, Isolation.USER) for each in rows]
    told = asked([CONTROL, honest, *hostile], STRUCK, keep_apart=False)
    assert {name: (each.verdict, each.reason) for name, each in told.items()} == dict.fromkeys(
        ["control", "honest", *(each.name for each in rows)], (Verdict.PASSED, "")
    )


def test_the_control_has_no_process_to_keep_apart() -> None:
    assert isolated(CONTROL, Isolation.USER) == CONTROL


def test_a_command_is_started_in_the_namespace(tmp_path: Path) -> None:
    wish = Wish(REPOSITORY, Filters(agents=("simple",), capabilities=(KEPT.id,)))
    simple = next(each for each in prepare(wish, lambda _: None).plan.agents if each.name == "simple")
    apart = isolated(simple, Isolation.USER)
    assert apart.harness is not None
    assert apart.harness.argv[0] == "unshare"


def test_a_process_apart_has_no_real_model() -> None:
    with pytest.raises(IsolatedLive, match="leave --live out"):
        prepare(Wish(REPOSITORY, live=True, isolation=Isolation.PROCESS), lambda _: None)


def test_a_system_without_namespaces_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NoNamespaces, match="`unshare` of util-linux cannot be found on PATH; try --isolate, which"):
        check_that_it_can_be_had(Isolation.USER)


def test_what_the_system_says_is_told_where_it_allows_no_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "unshare"
    program.write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoNamespaces, match="namespaces: unshare: unshare failed: Operation not permitted; try"):
        check_that_it_can_be_had(Isolation.USER)
