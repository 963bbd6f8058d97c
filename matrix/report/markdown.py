"""The matrix as a Markdown page: the table, then everything that is not green."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from matrix.model import Verdict, group_of
from matrix.outcome import Matrix, Outcome
from matrix.report.summary import News, Score, advice, brief, news, score_of, scores, sorted_by

_SIGN = {
    None: "🟢",
    Verdict.FAILED: "🔴",
    Verdict.TIMED_OUT: "🔴",
    Verdict.FLAKY: "🟡",
    Verdict.ERRORED: "🟣",
}

LEGEND = (
    "Each cell: passed/asked. 🟢 all passed · 🔴 failed or timed out · 🟡 flaky · 🟣 our fault or the server's · "
    "– nothing to ask. MCP servers that an agent brings itself are left out of its cells, unless its row says "
    "otherwise (`own_servers`)."
)


def render(matrix: Matrix) -> str:
    """Return the page; deterministic but for the header's versions and time."""
    groups = [*matrix.groups, "all"]
    table = [[_escape(agent), *(_cell(row[group]) for group in groups)] for agent, row in scores(matrix).items()]
    told = news(matrix)
    parts = [
        "# Agent matrix",
        _versions(matrix),
        *_cut_short(matrix),
        LEGEND,
        tabulate(table, headers=["agent", *groups], tablefmt="pipe", disable_numparse=True),
        "## By capability",
        _by_capability(matrix),
    ]
    if told:
        rows = [
            [
                _escape(each.judged),
                _escape(each.agent),
                _escape(each.capability),
                each.severity.value,
                _escape(each.where),
                _escape(". ".join(part for part in (brief(each.reason), each.cause, _rule(each)) if part)),
                _escape(each.expected or ""),
            ]
            for each in told
        ]
        headers = ["verdict", "agent", "capability", "severity", "where", "what was seen", "known because"]
        parts += ["## Not green", tabulate(rows, headers=headers, tablefmt="pipe", disable_numparse=True)]
    if advised := advice(matrix):
        parts += ["## Advice", "\n".join(f"- {text}: {', '.join(agents)}" for text, agents in advised.items())]
    return "\n\n".join(parts) + "\n"


def _rule(each: News) -> str:
    return f"The rule: {each.rule}" if each.rule else ""


def _by_capability(matrix: Matrix) -> str:
    capabilities = sorted({each.cell.capability for each in matrix.outcomes})
    order = {group: number for number, group in enumerate(matrix.groups)}
    capabilities.sort(key=lambda name: (order[group_of(name)], name))
    cells = sorted_by(matrix.outcomes, lambda each: (each.cell.agent, each.cell.capability))
    agents = matrix.agents
    rows = [
        [
            f"`{capability}`",
            matrix.severity(capability).value if capability in matrix.header.capabilities else "",
            *(_capability_cell(cells.get((agent, capability), ())) for agent in agents),
        ]
        for capability in capabilities
    ]
    headers = ["capability", "severity", *map(_escape, agents)]
    return tabulate(rows, headers=headers, tablefmt="pipe", disable_numparse=True)


def _capability_cell(mine: Sequence[Outcome]) -> str:
    score = score_of(mine)
    if not score.asked:
        return mine[0].verdict.value if mine else "–"
    return _SIGN[None] if score.worst is None else _cell(score)


def _versions(matrix: Matrix) -> str:
    header = matrix.header
    packages = ", ".join(f"{name} {number}" for name, number in sorted(header.packages.items()))
    pins = ", ".join(pin for _, names in sorted(header.pins.items()) for pin in names)
    unpinned = ", ".join(f"{pin} ({agent})" for agent, names in sorted(header.unpinned.items()) for pin in names)
    told = f"{packages}{'; ' + pins if pins else ''}; Python {header.python}."
    return f"{told} Not pinned, and so not the same on every machine: {unpinned}." if unpinned else told


def _cut_short(matrix: Matrix) -> tuple[str, ...]:
    return () if matrix.complete else (f"**Interrupted: {matrix.missing} cells were not asked.**",)


def _cell(score: Score) -> str:
    return f"{_SIGN.get(score.worst, '🔴')} {score}" if score.asked else "–"


def _escape(text: str) -> str:
    """Keep a text inside of its table cell."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
