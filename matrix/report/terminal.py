"""The table that a run ends with, and the news below it, for a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from matrix.model import Verdict
from matrix.outcome import Matrix
from matrix.report.summary import EVERY_CAPABILITY, News, Score, advice, news, scores
from matrix.results.baseline import Entry
from matrix.results.command import DEFAULT_OUTPUT

_STYLE = {
    Verdict.ERRORED: "magenta",
    Verdict.FAILED: "red",
    Verdict.TIMED_OUT: "red",
    Verdict.FLAKY: "yellow",
    Verdict.UNSUPPORTED: "cyan",
    Verdict.SKIPPED: "dim",
}


def render(
    matrix: Matrix,
    outdated: Sequence[Entry] = (),
    *,
    output: str = "",
    program: str = "python -m matrix",
    elsewhere: int = 0,
) -> RenderableType:
    """Return the table, the news, the stale entries of the baseline, and the sum; to be printed with `crop=False`.

    `program` are the words that start this tool; `elsewhere` is how many cells, besides those of the matrix, earlier
    runs have left in the output folder.
    """
    told = news(matrix)
    fresh = [each for each in told if each.expected is None and each.verdict is not Verdict.SKIPPED]
    known = [each for each in told if each.expected is not None]
    skipped = [each for each in told if each.verdict is Verdict.SKIPPED and each.expected is None]
    parts: list[RenderableType] = [_table(matrix)]
    for each in fresh:
        # A command that is too long for a line is left to the terminal to wrap, so that it can be copied.
        parts += [_item(each), Text(f"  {each.reproduce}", style="dim", no_wrap=True, overflow="ignore")]
    if known:
        parts.append(Text(f"\n{len(known)} known (in the baseline, with the reason why):", style="bold"))
        parts += [_known(each) for each in known]
    parts += _skipped(skipped)
    parts += [Text(f"advice: {text}: {', '.join(agents)}") for text, agents in advice(matrix).items()]
    parts += [
        Text(f"stale: the baseline expects {each.verdict.value} of {each.cell}, which did not come true; drop it")
        for each in outdated
    ]
    parts += [
        Text(f"not pinned, so two machines may run two versions of it: {agent} ({', '.join(packages)})")
        for agent, packages in sorted(matrix.header.unpinned.items())
    ]
    parts.append(_sum(matrix, output, program, elsewhere))
    return Group(*parts)


def _table(matrix: Matrix) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("agent", no_wrap=True)
    groups = [*matrix.groups, "all"]
    for group in groups:
        # Where the terminal is narrow, a heading is folded; names and numbers stay whole.
        table.add_column(group, justify="right", overflow="fold")
    for agent, row in scores(matrix).items():
        table.add_row(agent, *(_cell(row[group]) for group in groups))
    return table


def _cell(score: Score) -> Text:
    if score.worst is not None:
        return Text(str(score), style=_STYLE[score.worst])
    return Text(str(score), style="green" if score.asked else "dim")


def _item(each: News) -> Text:
    text = Text("\n")
    text.append(f"{each.judged} ", style=f"bold {_STYLE[each.verdict]}")
    text.append(f"{each.agent} {each.capability}", style="bold")
    text.append(f" ({each.severity.value}) on {each.where}\n" if each.capability != EVERY_CAPABILITY else "\n")
    text.append(f"  {each.reason}")
    for more in (each.cause, f"the rule: {each.rule}" if each.rule else ""):
        text.append(f"\n  {more}" if more else "")
    return text


def _known(each: News) -> Text:
    text = Text("  ")
    text.append(each.verdict.value, style=_STYLE[each.verdict])
    text.append(f" {each.agent} {each.capability} on {each.where}: {each.expected}")
    return text


def _skipped(told: Sequence[News]) -> list[RenderableType]:
    """Say once what this machine lacks, however many agents would have needed it."""
    by_reason: dict[str, list[News]] = {}
    for each in told:
        by_reason.setdefault(each.reason, []).append(each)
    return [
        Text(
            f"skipped: {sum(len(each.cells) for each in those)} cells of "
            f"{', '.join(dict.fromkeys(each.agent for each in those))}: {reason}"
        )
        for reason, those in by_reason.items()
    ]


def _sum(matrix: Matrix, output: str, program: str, elsewhere: int) -> Text:
    counts = ", ".join(f"{count} {verdict.value}" for verdict, count in matrix.counts.items()) or "nothing was asked"
    text = Text(f"\n{len(matrix.outcomes)} cells: {counts}", style="bold")
    if not matrix.complete:
        text.append(f" (interrupted; {matrix.missing} not asked)")
    if output:
        where = "" if output == DEFAULT_OUTPUT else f" --output {shlex.quote(output)}"
        story = f"One cell's story: {program} show{where} CELL"
        text.append(f"\nEvidence and tables: {output}   {story}", style="not bold")
    if elsewhere:
        again = f"`{program} report {shlex.quote(output)}` shows all"
        text.append(f"\n{elsewhere} cells of earlier runs are kept there too: {again}", style="not bold")
    return text
