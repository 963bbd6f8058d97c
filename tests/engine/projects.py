"""Projects with small agents, and runs of them in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from matrix.engine.prepare import Wish
from matrix.engine.run import Request, RunResult, run
from matrix.events import Finished, Revised, RunEvent, Started
from matrix.model import STATEFUL
from matrix.outcome import Matrix, Outcome
from matrix.plan import Filters
from matrix.planned import Plan

QUESTION = Filters(capabilities=("invoke.round-trip",), transports=("stdio",), revisions=(STATEFUL,))
CELL = f"invoke.round-trip::echo[stdio,{STATEFUL}]"

ROWS = """\
[tool.matrix.agents]
mute = "mute:agent"
tiny = { factory = "tiny:create_agent", env = { OPENAI_API_KEY = "none" } }
"""
MUTE = """\
def agent(task):
    return "no"
"""
TINY = """\
from pydantic_ai import Agent

def create_agent():
    return Agent("openai:gpt-4.1-mini")
"""


def make_project(folder: Path, rows: str = ROWS, **modules: str) -> Path:
    """Write a project with these rows, and modules of these names beside those that the usual rows need."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(rows)
    for name, text in {"mute": MUTE, "tiny": TINY, **modules}.items():
        (folder / f"{name}.py").write_text(text)
    return folder


class Witness:
    """An observer that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.done = -1
        self.events: list[RunEvent] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def planned(self, plan: Plan, done: int, expected: Mapping[str, float]) -> None:
        self.done = done

    def happened(self, event: RunEvent) -> None:
        self.events.append(event)

    @property
    def asked(self) -> set[str]:
        """The agents whose cells came to their end."""
        return {event.outcome.cell.agent for event in self.events if isinstance(event, Finished)}

    @property
    def told(self) -> dict[str, Outcome]:
        """The last that it was told of each agent's cell."""
        return {each.outcome.cell.agent: each.outcome for each in self.events if not isinstance(each, Started)}

    @property
    def revised(self) -> set[str]:
        """The agents whose cells were told again."""
        return {event.outcome.cell.agent for event in self.events if isinstance(event, Revised)}


Asked = tuple[Path, RunResult, Witness]
Ask = Callable[..., Asked]


def ask(project: Path, output: Path, filters: Filters = QUESTION, **options: Any) -> Asked:
    """Run a project's agents; return the folder of the results, what the run came to, and what was told meanwhile."""
    witness = Witness()
    request = replace(Request(Wish(project, filters), output), **options)
    return output, run(request, witness), witness


def verdicts(matrix: Matrix) -> dict[str, str]:
    """Return the verdicts of a matrix of one question, by agent."""
    return {each.cell.agent: each.verdict.value for each in matrix.outcomes}


def narrowed(*agents: str) -> Filters:
    """Return the usual question, put to these agents only."""
    return replace(QUESTION, agents=agents)
