"""The benchmark's plots as SVG: the same results make the same files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

from matrix.configs.bench.measure import SIDES, Measurement, Results, Timing
from matrix.configs.bench.report import NAMES, TITLES

_COLOURS = {"sqlite": "#0072b2", "postgresql": "#d55e00"}
_SIDE_COLOURS = {"old": "#7f7f7f", "new": "#0072b2"}
_COLUMNS = 4
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "matrix",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "figure.facecolor": "white",
}


def draw(results: Results, output: Path) -> dict[str, str]:
    """Draw every plot into a folder; returns the files' names by what they show, in the order of the report."""
    plots: Mapping[str, tuple[str, Callable[[Results], Figure]]] = {
        "Throughput of the new schema through that of the old one": ("configs-benchmark-ratio.svg", _ratios),
        "Latency of the old and of the new schema": ("configs-benchmark-latency.svg", _latencies),
        "Migration and rollback: time and memory": ("configs-benchmark-moves.svg", _moves),
    }
    with cast("Any", mpl).rc_context(_STYLE):
        for file, plot in plots.values():
            canvas = FigureCanvasSVG(plot(results))
            cast("Any", canvas).print_svg(output / file, metadata={"Date": None, "Creator": None})
    return {title: file for title, (file, _) in plots.items()}


def _kinds(results: Results) -> list[str]:
    return list(dict.fromkeys(each.database for each in results.measurements))


def _of(results: Results, kind: str) -> list[Measurement]:
    return sorted((each for each in results.measurements if each.database == kind), key=lambda each: each.servers)


def _operations(results: Results) -> list[str]:
    return list(dict.fromkeys(timing.operation for each in results.measurements for timing in each.timings))


def _series(measurements: Sequence[Measurement], operation: str) -> list[tuple[int, Timing]]:
    return [(each.servers, timing) for each in measurements for timing in each.timings if timing.operation == operation]


def _panels(rows: int, columns: int, height: float, *, sharey: bool = False) -> tuple[Figure, Any]:
    figure = Figure(figsize=(max(2.6 * columns, 6), height * rows), layout="constrained")
    return figure, cast("Any", figure).subplots(rows, columns, squeeze=False, sharey=sharey)


def _ratios(results: Results) -> Figure:
    """Draw new ÷ old with its range, a panel for each operation, a line for each database."""
    operations = _operations(results)
    figure, axes = _panels(-(-len(operations) // _COLUMNS), _COLUMNS, 2.5)
    highest, lowest = 2.0, 0.5
    for place, operation in enumerate(operations):
        axis = axes[place // axes.shape[1]][place % axes.shape[1]]
        for kind in _kinds(results):
            found = [(servers, timing.ratio()) for servers, timing in _series(_of(results, kind), operation)]
            servers, middle = [x for x, _ in found], [ratio.median for _, ratio in found]
            below, above = [r.median - r.low for _, r in found], [r.high - r.median for _, r in found]
            axis.errorbar(servers, middle, yerr=[below, above], marker="o", ms=4, lw=1.4, capsize=2, elinewidth=0.8,
                          color=_COLOURS.get(kind), label=NAMES.get(kind, kind))  # fmt: skip
            highest = max(highest, *(r.high for _, r in found))
            lowest = min(lowest, *(r.low for _, r in found))
        axis.axhline(1, color="black", lw=0.8)
        _dress(axis, TITLES.get(operation, operation), results)
    for axis in axes.flat:
        axis.set_ylim(lowest / 1.15, highest * 1.15)
        axis.set_yscale("log", base=2)
        axis.yaxis.set_major_formatter(FuncFormatter(_times))
        axis.yaxis.set_minor_formatter(NullFormatter())
    _hide(list(axes.flat)[len(operations) :])
    _legend(figure, axes, 2)
    _title(figure, "Throughput, new ÷ old: above 1 the new schema is faster (median, lowest and highest round)")
    return figure


def _latencies(results: Results) -> Figure:
    """Draw p50 and p95 of both schemas, rows of panels for each database, all on one scale."""
    operations, kinds = _operations(results), _kinds(results)
    rows = -(-len(operations) // _COLUMNS)
    figure, axes = _panels(rows * len(kinds), _COLUMNS, 2.2, sharey=True)
    for start, kind in enumerate(kinds):
        panels = list(axes[start * rows : (start + 1) * rows].flat)
        for axis, operation in zip(panels, operations, strict=False):
            series = _series(_of(results, kind), operation)
            for side in SIDES:
                for percent, line in ((50, "-"), (95, ":")):
                    values = [timing.milliseconds(side, percent) for _, timing in series]
                    axis.plot([x for x, _ in series], values, line, marker="o", ms=3, lw=1.4,
                              color=_SIDE_COLOURS[side], label=f"{side}, p{percent}")  # fmt: skip
            _dress(axis, f"{NAMES.get(kind, kind)}: {TITLES.get(operation, operation)}", results)
            axis.set_yscale("log")
            axis.yaxis.set_major_locator(LogLocator(10, (1, 3)))
            axis.yaxis.set_major_formatter(FuncFormatter(_plainly))
            axis.yaxis.set_minor_formatter(NullFormatter())
        for row in range(start * rows, (start + 1) * rows):
            axes[row][0].set_ylabel("ms")
        _hide(panels[len(operations) :])
    _legend(figure, axes, 4)
    _title(figure, "Latency by number of servers")
    return figure


def _moves(results: Results) -> Figure:
    """Draw time for a thousand servers, and peak memory, of migration and rollback."""
    figure, axes = _panels(1, 2, 2.9)
    for kind in _kinds(results):
        for direction, line in (("migrate", "-"), ("rollback", ":")):
            found = [(each, m) for each in _of(results, kind) for m in each.moves if m.kind == direction]
            servers = [each.servers for each, _ in found]
            style: dict[str, Any] = {"marker": "o", "ms": 4, "lw": 1.4, "color": _COLOURS.get(kind)}
            label = f"{direction}, {NAMES.get(kind, kind)}"
            seconds = [move.seconds_per_thousand(each.servers).median for each, move in found]
            axes[0][0].plot(servers, seconds, line, label=label, **style)
            axes[0][1].plot(servers, [move.memory / 2**20 for _, move in found], line, label=label, **style)
    _dress(axes[0][0], "seconds for 1000 servers", results)
    _dress(axes[0][1], "peak memory, MB", results)
    for axis in axes.flat:
        axis.set_ylim(bottom=0)
    _legend(figure, axes, 2)
    _title(figure, "Migration and rollback by number of servers")
    return figure


def _dress(axis: Any, title: str, results: Results) -> None:
    scales = sorted({each.servers for each in results.measurements})
    axis.set_title(title, fontsize=9)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator(scales))
    axis.xaxis.set_major_formatter(FuncFormatter(_short))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlim(scales[0] / 1.6, scales[-1] * 1.6)


def _hide(axes: Sequence[Any]) -> None:
    for axis in axes:
        axis.set_visible(False)


def _legend(figure: Figure, axes: Any, columns: int) -> None:
    handles, labels = axes.flat[0].get_legend_handles_labels()
    cast("Any", figure).legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def _title(figure: Figure, text: str) -> None:
    cast("Any", figure).suptitle(text, fontsize=10.5)


def _times(value: float, _: object) -> str:
    return f"{value:g}×"


def _plainly(value: float, _: object) -> str:
    return f"{value:g}"


def _short(value: float, _: object) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
