"""The benchmark's report as Markdown; every figure is from the results, the words about them are kept in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from matrix.configs.bench.measure import PERCENTILES, SIDES, Measurement, Results, Spread, Timing

REPORT = "configs-benchmark.md"
NOTES = "configs-benchmark-notes.md"
TITLES: Mapping[str, str] = {
    "list": "list a page of 100",
    "get": "get by name",
    "agent": "an agent's servers",
    "create": "create",
    "update": "update",
    "delete": "delete",
    "import": "import 100",
}
NAMES: Mapping[str, str] = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_MEGABYTE = 2**20


def markdown(results: Results, plots: Mapping[str, str], notes: str | None) -> str:
    """Return the report; `plots` are the files of the plots by what they show, `notes` the words of the last part."""
    return "\n".join(_lines(results, plots, notes)).rstrip() + "\n"


def _lines(results: Results, plots: Mapping[str, str], notes: str | None) -> Iterator[str]:
    yield "# Configs: the old schema and the new one, measured"
    yield ""
    yield from _introduction(results)
    for title, file in plots.items():
        yield f"![{title}]({file})"
        yield ""
    for kind in dict.fromkeys(each.database for each in results.measurements):
        yield from _database(kind, [each for each in results.measurements if each.database == kind])
    if notes:
        yield "## Where the new schema is slower, and why"
        yield ""
        yield notes.strip()


def _introduction(results: Results) -> Iterator[str]:
    versions = sorted({f"{NAMES.get(each.database, each.database)} {each.version}" for each in results.measurements})
    yield "Made by `python -m matrix bench configs`; the raw figures are beside it, in `configs-benchmark.json`."
    yield ""
    yield " · ".join([*(f"{name} {value}" for name, value in results.machine.items()), *versions])
    yield ""
    yield (
        "**Old** is what code written against `mcp_servers` and `agent_mcp_servers` does, **new** is the repository on"
        " `mcp_configs`: both through the same library, one transaction for each operation, with the same data, the"
        " ugly cases included. The new side also validates what it reads, and seals secrets. Old and new take turns,"
        " round for round, in one process; **new ÷ old** is the throughput of the new through the old in the same"
        " round (above 1 the new one is faster), the median of the rounds with the lowest and the highest. Throughput"
        " is operations in a second, of an import configs in a second. Latency is of all rounds together, in ms."
        " Memory is the client process's peak above that of an idle one, with every operation of one schema in a"
        " process of its own; a migration's and a rollback's as well."
    )
    yield ""


def _database(kind: str, measurements: Sequence[Measurement]) -> Iterator[str]:
    yield f"## {NAMES.get(kind, kind)}"
    yield ""
    yield "| operation | servers | old /s | new /s | new ÷ old | " + _percentile_heads()
    yield "|---|--:|--:|--:|--:|" + "--:|" * 2 * len(PERCENTILES)
    for operation in dict.fromkeys(timing.operation for each in measurements for timing in each.timings):
        for each in measurements:
            for timing in each.timings:
                if timing.operation == operation:
                    yield _row([TITLES.get(operation, operation), _count(each.servers), *_cells(timing)])
    yield ""
    yield "| servers | assignments | agents | peak old, MB | peak new, MB | size old, MB | size new, MB |"
    yield "|--:|--:|--:|--:|--:|--:|--:|"
    for each in measurements:
        counts = (each.servers, each.assignments, each.agents)
        figures = [_megabytes(found.get(side)) for found in (each.memory, each.size) for side in SIDES]
        yield _row([*map(_count, counts), *figures])
    yield ""
    yield "| move | servers | seconds | seconds for 1000 servers | peak, MB |"
    yield "|---|--:|--:|--:|--:|"
    for kind_of_move in ("migrate", "rollback"):
        for each in measurements:
            for move in each.moves:
                if move.kind == kind_of_move:
                    total, relative = Spread.of(move.seconds), move.seconds_per_thousand(each.servers)
                    cells = [_number(total.median), _spread(relative), _megabytes(move.memory)]
                    yield _row([move.kind, _count(each.servers), *cells])
    yield ""


def _percentile_heads() -> str:
    return "".join(f"{side} p{percent} | " for percent in PERCENTILES for side in SIDES).rstrip()


def _cells(timing: Timing) -> list[str]:
    latencies = [_number(timing.milliseconds(side, percent)) for percent in PERCENTILES for side in SIDES]
    rates = [_number(timing.per_second(side).median) for side in SIDES]
    return [*rates, f"**{_number(timing.ratio().median)}** {_range(timing.ratio())}", *latencies]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(spread: Spread) -> str:
    return f"{_number(spread.median)} {_range(spread)}"


def _range(spread: Spread) -> str:
    return f"({_number(spread.low)}–{_number(spread.high)})"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _megabytes(size: int | None) -> str:
    return "–" if size is None else f"{size / _MEGABYTE:.1f}"


def _number(value: float) -> str:
    """Write a number with the digits that mean something."""
    if value >= 100:
        return _count(round(value))
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
