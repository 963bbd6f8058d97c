"""One run, from discovery to exit code, with the real engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matrix.engine.prepare import Wish
from matrix.engine.run import Request, run
from matrix.errors import ConfigurationError, UsageError
from matrix.model import Verdict
from matrix.outcome import Blame, Outcome
from matrix.results.baseline import Entry
from matrix.results.reading import read_evidence, read_matrix
from matrix.results.writing import complete_lines, published
from tests.engine.projects import Ask, Asked, Witness, ask, make_project, narrowed, verdicts


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def asking(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    def asked(output: Path | None = None, **options: Any) -> Asked:
        return ask(project, output or tmp_path_factory.mktemp("out"), **options)

    return asked


@pytest.fixture(scope="module")
def first(asking: Ask) -> Asked:
    return asking()


def test_a_run_asks_every_registered_agent_and_says_who_failed(first: Asked) -> None:
    _, result, witness = first
    assert verdicts(result.matrix) == {"control": "passed", "mute": "failed", "tiny": "passed"}, result.matrix
    assert [each.blamed_on for each in result.matrix.outcomes] == [None, Blame.AGENT, None]
    assert (result.exit_code, result.interrupted, result.stale) == (1, False, ())
    assert (witness.done, witness.asked) == (0, {"control", "mute", "tiny"})
    assert result.matrix.header.planned == 3
    assert list(result.matrix.header.agents) == ["control", "mute", "tiny"]


def test_what_a_run_returns_is_what_it_has_written(first: Asked) -> None:
    folder, result, witness = first
    written = read_matrix(folder)
    assert written == result.matrix == result.whole
    assert {each.cell.agent: each for each in written.outcomes} == witness.told


def test_a_run_keeps_the_three_witnesses_of_each_cell(first: Asked) -> None:
    folder, result, _ = first
    for each in result.matrix.outcomes:
        evidence = read_evidence(folder, each)
        assert evidence["cell"] == each.cell.id
        assert evidence["agent"]
        if each.cell.agent != "mute":
            assert evidence["model"]
            assert evidence["server"]["frames"]


def test_two_runs_publish_the_same_bytes_but_for_the_header(first: Asked, asking: Ask) -> None:
    _, again, _ = asking()
    one, other = (list(complete_lines(published(each.matrix)))[1:] for each in (again, first[1]))
    assert one == other


def test_repeated_cells_have_all_their_attempts(asking: Ask) -> None:
    _, result, _ = asking(repeat=2)
    assert {each.cell.agent: [attempt.value for attempt in each.attempts] for each in result.matrix.outcomes} == {
        "control": ["passed", "passed"],
        "mute": ["failed", "failed"],
        "tiny": ["passed", "passed"],
    }


def test_a_baseline_takes_the_known_failure_out_of_the_exit_code(asking: Ask) -> None:
    known = Entry("mute::*::*[*]", Verdict.FAILED, "it says nothing")
    outdated = Entry("tiny::*::*[*]", Verdict.FAILED, "it used to fail")
    folder, result, witness = asking(filters=narrowed("mute", "tiny"), baseline=(known,))
    assert (result.exit_code, result.stale) == (0, ())
    assert [each.expected for each in read_matrix(folder).outcomes] == [None, "it says nothing", None]
    assert witness.told["mute"].expected == "it says nothing"
    _, result, _ = asking(folder, filters=narrowed("mute", "tiny"), baseline=(known, outdated), resume=True)
    assert (result.exit_code, result.stale) == (1, (outdated,))


def rewritten(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """Make the results of a complete run those of an interrupted one, with these changes."""
    lines = [json.loads(line) for line in (folder / "matrix.jsonl").read_text().splitlines()]
    kept = [lines[0], *filter(None, map(change, lines[1:-1]))]
    (folder / "matrix.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))


def test_a_resumed_run_keeps_what_is_done_and_asks_the_rest(asking: Ask) -> None:
    folder, before, _ = asking(filters=narrowed("mute"))

    def change(line: dict[str, Any]) -> dict[str, Any] | None:
        return {**line, "reason": "kept from before"} if line["agent"] == "mute" else {**line, "verdict": "errored"}

    rewritten(folder, change)
    _, result, witness = asking(folder, resume=True)
    assert (witness.done, witness.asked) == (1, {"control", "tiny"})
    assert verdicts(result.matrix) == {"control": "passed", "mute": "failed", "tiny": "passed"}
    assert result.matrix.outcomes[1].reason == "kept from before"
    assert read_evidence(folder, result.matrix.outcomes[1])["cell"] == result.matrix.outcomes[1].cell.id
    assert read_matrix(folder).complete
    assert [each.run for each in result.matrix.outcomes] == ["r2", "r1", "r2"]
    assert result.matrix.header.earlier["r1"].created == before.matrix.header.created
    assert not result.matrix.header.earlier["r1"].complete


def test_a_resumed_run_with_nothing_left_asks_nothing(first: Asked, asking: Ask) -> None:
    folder, before, _ = first
    _, result, witness = asking(folder, resume=True)
    assert (witness.done, witness.events) == (3, [])
    assert result.matrix.outcomes == before.matrix.outcomes


def test_what_cannot_be_resumed_is_refused_before_anything_is_started(asking: Ask, tmp_path: Path) -> None:
    (tmp_path / "matrix.jsonl").write_text("not even results\n")
    with pytest.raises(ConfigurationError, match="line 1: should be the header"):
        asking(tmp_path, resume=True)
    assert (tmp_path / "matrix.jsonl").read_text() == "not even results\n"


def test_a_folder_without_agents_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no agent is registered in .*; name one with --agent package\.module:create"):
        run(Request(Wish(tmp_path), tmp_path / "out"), Witness())
    assert not (tmp_path / "out").exists()


def test_registrations_that_cannot_be_loaded_are_red_rows_beside_the_others(tmp_path: Path) -> None:
    project = make_project(tmp_path, '[tool.matrix.agents]\nabsent = "nowhere:agent"\nwrong = 3\n')
    _, result, _ = ask(project, tmp_path / "out", narrowed("absent", "wrong"))
    found: dict[str, Outcome] = {each.cell.agent: each for each in result.matrix.outcomes}
    assert verdicts(result.matrix) == {"control": "passed", "absent": "failed", "wrong": "failed"}
    assert "nowhere cannot be imported: no module named 'nowhere'" in found["absent"].reason
    assert "is neither a text nor a table" in found["wrong"].reason
    assert result.exit_code == 1


def test_a_given_row_whose_name_fits_no_cell_is_a_red_row_that_says_so(tmp_path: Path) -> None:
    given = tmp_path / "my agent.toml"
    given.write_text('factory = "mute:agent"\n')
    _, result, _ = ask(make_project(tmp_path), tmp_path / "out", narrowed(str(given)))
    assert verdicts(result.matrix) == {"control": "passed", "my_agent": "failed"}
    (red,) = (each for each in result.matrix.outcomes if each.cell.agent == "my_agent")
    assert red.reason.startswith("an agent cannot be called 'my agent'; use letters, digits and `_.+-`")


def test_a_row_that_declares_absent_what_is_not_optional_says_so(tmp_path: Path) -> None:
    row = '[tool.matrix.agents.mute]\nfactory = "mute:agent"\nunsupported = ["invoke.round-trip"]\n'
    _, result, _ = ask(make_project(tmp_path, row), tmp_path / "out", narrowed("mute"))
    (red,) = (each for each in result.matrix.outcomes if each.cell.agent == "mute")
    assert red.verdict is Verdict.FAILED
    assert red.reason.startswith("unsupported: 'invoke.round-trip' is no optional capability")
    assert "; correct `unsupported` in " in red.reason


def test_the_header_says_how_often_cells_were_asked_and_whether_of_real_models(asking: Ask) -> None:
    _, result, _ = asking(repeat=2)
    assert (result.matrix.header.repeat, result.matrix.header.live) == (2, False)


TURNING = """\
from pathlib import Path
from matrix.adapters.control import control

async def agent(task):
    # Every second time it forgets to ask.
    count = Path(__file__).with_name("asked")
    before = len(count.read_text()) if count.exists() else 0
    count.write_text("x" * (before + 1))
    return await control(task) if before % 2 == FIRST else "no"
"""


@pytest.mark.parametrize("first_passes", [0, 1], ids=["passes first", "fails first"])
def test_a_flaky_cell_keeps_the_verdict_of_each_attempt_and_the_evidence_of_the_one_that_failed(
    tmp_path: Path, first_passes: int
) -> None:
    turning = TURNING.replace("FIRST", str(first_passes))
    project = make_project(tmp_path, '[tool.matrix.agents]\nturning = "turning:agent"\n', turning=turning)
    folder, result, _ = ask(project, tmp_path / "out", narrowed("turning"), repeat=4)
    control, flaky = result.matrix.outcomes
    assert [each.value for each in control.attempts] == ["passed"] * 4
    turns = ["passed", "failed"] if first_passes == 0 else ["failed", "passed"]
    assert [each.value for each in flaky.attempts] == turns * 2
    assert (flaky.verdict, flaky.blamed_on, result.exit_code) == (Verdict.FLAKY, Blame.AGENT, 1)
    assert flaky.reason.startswith("passed 2 of 4 times; otherwise: ")
    assert "asked no model" in flaky.reason
    evidence = read_evidence(folder, flaky)
    assert (evidence["model"], [each["answer"] for each in evidence["agent"]]) == ([], ["no"])
