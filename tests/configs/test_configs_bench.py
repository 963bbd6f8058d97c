"""The benchmark: its figures are right, a tiny run reports everything, and nothing here depends on how fast it is."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import quantiles
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix.cli.bench import bench
from matrix.configs.bench import child, plots, run_benchmark, write_report
from matrix.configs.bench.measure import Measurement, Move, Results, Spread, Timing, percentile
from matrix.configs.bench.report import NOTES, TITLES, markdown
from matrix.configs.bench.run import RESULTS
from matrix.configs.bench.workloads import (
    IMPORTED,
    OPERATIONS,
    PAGE,
    Amounts,
    NewSchema,
    OldSchema,
    Schema,
    fresh_configs,
    inputs,
)
from matrix.configs.database import Database
from matrix.configs.generator.fill import fill_legacy
from matrix.configs.migration import migrate
from matrix.configs.secrets import Sealer, new_key
from matrix.configs.store import DuplicateServer, UnknownServer
from matrix.errors import ConfigurationError, MatrixError, UsageError

TINY = Amounts(rounds=2, pages=1, gets=2, agents=2, writes=2, imports=1, moves=1)
TIMES = st.lists(st.floats(0.001, 100), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7], 99, 7),
        ([3, 1, 2], 50, 2),
        ([1, 2, 3, 4], 50, 2.5),
        (range(101), 95, 95),
        (range(101), 99, 99),
        ([1, 2], 100, 2),
        ([2, 1], 0, 1),
        ([0, 10], 95, 9.5),
    ],
)
def test_a_percentile_lies_between_its_neighbours_in_proportion(values: Any, percent: float, expected: float) -> None:
    assert percentile(list(values), percent) == pytest.approx(expected)


@given(st.lists(st.floats(0.001, 100), min_size=2, max_size=40))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_percentiles_are_those_of_the_standard_library(values: list[float]) -> None:
    expected = quantiles(values, n=100, method="inclusive")
    assert [percentile(values, percent) for percent in (50, 95, 99)] == pytest.approx(
        [expected[percent - 1] for percent in (50, 95, 99)]
    )


@given(TIMES)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_a_spread_holds_its_median(values: list[float]) -> None:
    spread = Spread.of(values)
    assert min(values) == spread.low <= spread.median <= spread.high == max(values)


def test_throughput_counts_what_each_operation_handles() -> None:
    timing = Timing("import", 100, old=[[0.5, 0.5], [0.25]], new=[[1.0, 1.0], [1.0]])
    assert timing.per_second("old") == Spread(300, 200, 400)
    assert timing.per_second("new") == Spread(100, 100, 100)


def test_a_ratio_compares_the_same_round_of_both_sides() -> None:
    timing = Timing("get", 1, old=[[1.0], [10.0], [1.0]], new=[[0.5], [5.0], [2.0]])
    assert timing.ratio() == Spread(2.0, 0.5, 2.0)


def test_latency_is_of_all_rounds_in_milliseconds() -> None:
    timing = Timing("get", 1, old=[[0.001, 0.002], [0.003]], new=[[0.01], [0.02]])
    assert timing.milliseconds("old", 50) == pytest.approx(2)
    assert timing.milliseconds("new", 100) == pytest.approx(20)


def test_a_move_is_told_for_a_thousand_servers() -> None:
    assert Move("migrate", [2.0, 4.0, 3.0], 0).seconds_per_thousand(500) == Spread(6.0, 4.0, 8.0)


def results(servers: int = 100) -> Results:
    timings = [Timing(each.name, each.each, [[0.01, 0.02]], [[0.02, 0.03]]) for each in OPERATIONS]
    moves = [Move("migrate", [1.5], 2**20), Move("rollback", [0.5], 2**21)]
    sizes: Any = {"old": 2**20, "new": 2**21}
    measured = [
        Measurement(kind, "1.2", scale, 6, 155, timings, moves, sizes, sizes if kind == "postgresql" else {})
        for kind in ("sqlite", "postgresql")
        for scale in (servers, 10 * servers)
    ]
    return Results({"date": "2025-01-02", "machine": "2 cores"}, measured)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results().write(tmp_path / RESULTS)
    assert Results.read(tmp_path / RESULTS) == results()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"machine": {}, "measurements": [{}]}', '{"machine": 1}'])
def test_a_file_that_holds_no_results_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / RESULTS).write_text(text)
    with pytest.raises(ConfigurationError, match=r"configs-benchmark.json: holds no benchmark's results"):
        Results.read(tmp_path / RESULTS)


@pytest.mark.soak
def test_the_same_results_make_the_same_plots(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        plots.draw(results(), folder)
    files = sorted(path.name for path in first.iterdir())
    assert len(files) == 3
    for name in files:
        assert (first / name).read_bytes() == (second / name).read_bytes()
        assert b"<dc:date>" not in (first / name).read_bytes()


def test_the_report_has_a_row_for_every_operation_and_scale_and_ends_in_the_notes() -> None:
    text = markdown(results(), {"A plot": "plot.svg"}, "- **Create** is slower.\n")
    for title in TITLES.values():
        assert text.count(f"| {title} | 100 |") == text.count(f"| {title} | 1 000 |") == 2
    assert "![A plot](plot.svg)" in text
    assert "| 100 | 155 | 6 | 1.0 | 2.0 | – | – |" in text
    assert "| migrate | 100 | 1.50 | 15.0 (15.0–15.0) | 1.0 |" in text
    assert text.endswith("## Where the new schema is slower, and why\n\n- **Create** is slower.\n")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A whole run on 20 servers in an empty folder: where it wrote by default, and what it told on the way."""
    here, told = tmp_path_factory.mktemp("bench"), list[str]()
    output = Path(next(each.default for each in bench.commands["configs"].params if each.name == "output"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        run_benchmark(output, scales=[20], databases=["sqlite"], amounts=TINY, progress=told.append)
    assert [path.name for path in here.iterdir()] == ["out"]
    (here / output / NOTES).write_text("- Some words.\n", encoding="utf-8")
    write_report(Results.read(here / output / RESULTS), here / output)
    return here / output, told


def test_a_tiny_run_measures_every_operation_on_both_schemas(tiny: tuple[Path, list[str]]) -> None:
    (measured,) = Results.read(tiny[0] / RESULTS).measurements
    assert [timing.operation for timing in measured.timings] == list(TITLES)
    for timing in measured.timings:
        assert [len(timing.old), len(timing.new)] == [TINY.rounds, TINY.rounds]
        assert all(time > 0 for rounds in (timing.old, timing.new) for times in rounds for time in times)
    assert [(move.kind, len(move.seconds)) for move in measured.moves] == [("migrate", 1), ("rollback", 1)]
    assert set(measured.memory) == {"old", "new"}
    assert (measured.database, measured.servers, measured.agents) == ("sqlite", 20, 5)


def test_a_tiny_run_writes_a_report_with_plots(tiny: tuple[Path, list[str]]) -> None:
    output, told = tiny
    report = (output / "configs-benchmark.md").read_text(encoding="utf-8")
    assert all(f"| {title} | 20 |" in report for title in TITLES.values())
    assert report.endswith("- Some words.\n")
    pictures = sorted(output.glob("*.svg"))
    assert [path.name in report for path in pictures] == [True] * 3
    assert {ElementTree.parse(path).getroot().tag for path in pictures} == {"{http://www.w3.org/2000/svg}svg"}
    assert told[0] == "sqlite, 20 servers: generating"
    assert told[-1] == "writing the report"


@pytest.mark.soak
def test_a_report_can_be_made_again_from_its_results(tiny: tuple[Path, list[str]], tmp_path: Path) -> None:
    output = tiny[0]
    (tmp_path / NOTES).write_bytes((output / NOTES).read_bytes())
    again = write_report(Results.read(output / RESULTS), tmp_path)
    assert json.loads((output / RESULTS).read_text())["measurements"]
    assert again.read_text(encoding="utf-8") == (output / "configs-benchmark.md").read_text(encoding="utf-8")


def test_a_run_that_cannot_be_done_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="there can be no folder"):
        run_benchmark(tmp_path / "file", databases=["sqlite"], progress=told.append)
    with pytest.raises(UsageError, match="there is no PostgreSQL"):
        run_benchmark(tmp_path, progress=told.append)
    with pytest.raises(UsageError, match="is no scale"):
        run_benchmark(tmp_path, scales=["vast"], databases=["sqlite"], progress=told.append)
    assert told == []


def test_a_child_raises_what_its_work_raises(tmp_path: Path) -> None:
    place = child.Place(f"sqlite:///{tmp_path / 'missing.db'}", new_key())
    with pytest.raises(MatrixError, match="configs init"):
        child.in_child(child.move, place, "migrate")


def test_rounds_use_names_that_are_free_and_agents_that_there_are() -> None:
    agents = ["a", "b", "c"]
    found = list(inputs(3, TINY, ["one", "two"], agents))
    names = [c.name for each in found for c in (*each.created, *(c for all_ in each.imported for c in all_))]
    assert len(names) == len(set(names)) == 3 * (TINY.writes + IMPORTED)
    assert {agent for each in found for config in each.created for agent in config.agents} <= set(agents)
    assert [config.name for config in found[0].changed] == [config.name for config in found[0].created]


@pytest.fixture
async def both(matrix_legacy_database: Any) -> Any:
    """A database that holds the same servers in both schemas."""
    sealer = Sealer(new_key())
    async with Database(matrix_legacy_database.url) as database:
        await fill_legacy(database, 150)
        await migrate(database, sealer)
        yield {"old": OldSchema(database), "new": NewSchema(database, sealer)}


def facts(side: str, found: Any) -> list[tuple[str, list[str]]]:
    if side == "new":
        return [(each.name, sorted(each.config.agents)) for each in found]
    return [(each["name"], sorted(each["agents"])) for each in found]


@pytest.mark.anyio
async def test_both_schemas_answer_with_the_same_facts(both: dict[str, Schema]) -> None:
    pages = {side: facts(side, await schema.list_page("")) for side, schema in both.items()}
    assert len(pages["old"]) == len(pages["new"]) == PAGE
    for name, agents in pages["new"]:
        (old,) = facts("old", await both["old"].get(name))
        (new,) = facts("new", [await both["new"].get(name)])
        assert old == new == (name, agents)
    for agent in ("concierge-desk-1", "triage-desk-2"):
        old_names = [each["name"] for each in await both["old"].of_agent(agent)]
        new_names = [each.name for each in await both["new"].of_agent(agent)]
        assert sorted(old_names) == new_names != []


@pytest.mark.anyio
@pytest.mark.parametrize("side", ["old", "new"])
async def test_a_schema_creates_changes_imports_and_deletes(both: dict[str, Schema], side: str) -> None:
    schema = both[side]
    created, *imported = list(fresh_configs(0, 31, ["concierge-desk-1", "triage-desk-2"]))
    await schema.create(created)
    with pytest.raises(DuplicateServer):
        await schema.create(created)
    await schema.update(created.model_copy(update={"description": "changed"}))
    found = await schema.get(created.name)
    assert (found[0]["description"] if side == "old" else found.config.description) == "changed"
    await schema.import_all(imported)
    with pytest.raises(DuplicateServer):
        await schema.import_all(imported)
    for config in (created, *imported):
        await schema.delete(config.name)
        with pytest.raises(UnknownServer):
            await schema.get(config.name)
