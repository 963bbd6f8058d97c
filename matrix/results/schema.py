"""The lines of `matrix.jsonl`: the one model by which they are written, read, and published as JSON Schema.

python -m matrix.results.schema > matrix/schema.json
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from matrix.model import Cell, Severity, Verdict
from matrix.outcome import (
    Blame,
    CapabilityHeader,
    ConfigsHeader,
    EarlierRun,
    Finding,
    Matrix,
    Outcome,
    Reached,
    RunHeader,
)
from matrix.redaction import all_printable, printable
from matrix.results.command import as_text, as_words
from matrix.shard import Shard
from matrix.symptom import Symptom

SCHEMA_VERSION = 2
_cell = lru_cache(maxsize=2)(Cell.parse)
"""A line's cell is read twice, to see that it is one and to have it."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CapabilityLine(_Line):
    """A capability, as the header describes it."""

    severity: Severity
    title: str
    needs: tuple[str, ...] = Field((), description="the capabilities that it rests on, besides its transport's own")
    seconds: float | None = Field(None, description="how long a cell of it took in the last whole run, on average")


class ShardLine(_Line):
    """Which part of a whole run it was."""

    part: int
    parts: int
    plan: str = Field(description="tells the whole plan, and how it was divided, from any other")
    cells: int = Field(description="how many cells the part has")


class FindingLine(_Line):
    """What a cell came to by itself."""

    verdict: Verdict
    reason: str
    blamed_on: Blame | None
    rule: str | None


class ConfigsLine(_Line):
    """The config store whose servers were asked about."""

    url: str = Field(description="without its password")
    servers: dict[str, str] = Field(description="fingerprint of the config by server")


class EarlierLine(_Line):
    """An earlier run into the same folder, from which outcomes were kept."""

    created: str = Field(description="ISO 8601, UTC")
    matrix: str
    python: str
    packages: dict[str, str]
    complete: bool = Field(description="whether it came to its end")


class HeaderLine(_Line):
    """The first line: versions of everything that matters, and what was planned. The only line with a time."""

    kind: Literal["header"]
    schema_: Literal[2] = Field(alias="schema")
    created: str = Field(description="ISO 8601, UTC")
    matrix: str
    python: str
    platform: str
    packages: dict[str, str]
    pins: dict[str, tuple[str, ...]] = Field(description="what rows with an environment of their own ask for, by agent")
    unpinned: dict[str, tuple[str, ...]] = Field(description="those of the pins that name no exact version, by agent")
    servers: dict[str, tuple[str, ...]] = Field(description="what real servers pin, by server")
    configs: ConfigsLine | None = Field(description="only where a config store's servers were asked about")
    agents: dict[str, str] = Field(description="summary by agent")
    capabilities: dict[str, CapabilityLine]
    planned: int = Field(description="how many outcomes a complete run has")
    run: str = Field(description="id of this run, among those whose outcomes are in this file")
    earlier: dict[str, EarlierLine] = Field(description="the other runs whose outcomes are in this file, by id")
    resumed: tuple[str, ...] = Field((), description="those of them whose finished cells it did not ask again")
    shard: ShardLine | None = Field(None, description="which part of a whole run it was")
    live: bool = Field(default=False, description="whether agents had their real models")
    repeat: int = Field(default=1, description="how often each cell was asked")

    @classmethod
    def of(cls, header: RunHeader) -> HeaderLine:
        """Return a header as its line."""
        said = TypeAdapter(RunHeader).dump_python(header, mode="json")
        return cls.model_validate({"kind": "header", "schema": SCHEMA_VERSION, **all_printable(said)})

    def header(self) -> RunHeader:
        """Return the header that the line says."""
        return RunHeader(
            created=self.created,
            matrix=self.matrix,
            python=self.python,
            platform=self.platform,
            packages=self.packages,
            pins=self.pins,
            unpinned=self.unpinned,
            servers=self.servers,
            configs=None if self.configs is None else ConfigsHeader(self.configs.url, self.configs.servers),
            agents=self.agents,
            capabilities={
                name: CapabilityHeader(each.severity, each.title, each.needs, each.seconds)
                for name, each in self.capabilities.items()
            },
            planned=self.planned,
            run=self.run,
            earlier={
                name: EarlierRun(each.created, each.matrix, each.python, each.packages, each.complete)
                for name, each in self.earlier.items()
            },
            resumed=self.resumed,
            shard=None if self.shard is None else Shard(**self.shard.model_dump()),
            live=self.live,
            repeat=self.repeat,
        )


class OutcomeLine(_Line):
    """One cell's outcome."""

    kind: Literal["outcome"]
    cell: str = Field(description="agent::capability::server[transport,revision]")
    agent: str
    capability: str
    server: str
    transport: Literal["stdio", "http", "sse"]
    revision: str
    verdict: Verdict
    reason: str = Field(description="one sentence; empty when passed")
    blamed_on: Blame | None = Field(description="whom a cell that is not green is blamed on")
    attempts: tuple[Verdict, ...] = Field(description="the verdict of each attempt, in order")
    duration: float | None = Field(description="seconds; null in published results")
    evidence: str | None = Field(description="path relative to the results; null where nothing was asked")
    expected: str | None = Field(description="why the baseline expects this verdict, if it does")
    reproduce: str = Field(description="the command that puts this one question again, for a shell")
    run: str = Field(description="id of the run that it comes from")
    rule: str | None = Field(None, description="address of the specification's rule that was broken")
    advice: tuple[str, ...] = Field((), description="what the specification recommends, and the agent did not do")
    negotiated: str | None = Field(None, description="the revision that was spoken, where one was agreed on")
    reached: Reached | None = Field(None, description="how far the agent got with its servers")
    rests_on: str | None = Field(None, description="the cell whose cause this one only repeats")
    symptom: Symptom | None = Field(None, description="the capability that asks about what is wrong here, too")
    finding: FindingLine | None = Field(None, description="what it came to by itself, where that is not what counts")

    @field_validator("cell")
    @classmethod
    def _is_an_id(cls, text: str) -> str:
        _cell(text)
        return text

    @classmethod
    def of(cls, outcome: Outcome) -> OutcomeLine:
        """Return an outcome as its line."""
        cell = outcome.cell
        return cls.model_validate(
            {
                "kind": "outcome",
                "cell": cell.id,
                "agent": cell.agent,
                "capability": cell.capability,
                "server": cell.server,
                "transport": str(cell.transport),
                "revision": cell.revision,
                "verdict": outcome.verdict,
                "reason": outcome.reason,
                "blamed_on": outcome.blamed_on,
                "attempts": outcome.attempts,
                "duration": outcome.duration,
                "evidence": outcome.evidence,
                "expected": outcome.expected,
                "reproduce": printable(as_text(outcome.command)) or outcome.reproduce,
                "run": outcome.run,
                "rule": outcome.rule,
                "advice": outcome.advice,
                "negotiated": outcome.negotiated,
                "reached": outcome.reached,
                "rests_on": outcome.rests_on,
                "symptom": outcome.symptom,
                "finding": None if outcome.finding is None else vars(outcome.finding),
            }
        )

    def outcome(self) -> Outcome:
        """Return the outcome that the line says."""
        return Outcome(
            cell=_cell(self.cell),
            verdict=self.verdict,
            reason=self.reason,
            blamed_on=self.blamed_on,
            attempts=self.attempts,
            duration=self.duration,
            evidence=self.evidence,
            expected=self.expected,
            command=as_words(self.reproduce),
            run=self.run,
            rule=self.rule,
            advice=self.advice,
            negotiated=self.negotiated,
            reached=self.reached,
            rests_on=self.rests_on,
            symptom=self.symptom,
            finding=None if self.finding is None else Finding(**dict(self.finding)),
        )


class FooterLine(_Line):
    """The last line of a complete run."""

    kind: Literal["footer"]
    outcomes: int
    counts: dict[Verdict, int]

    @classmethod
    def of(cls, matrix: Matrix) -> FooterLine:
        """Return the footer of a complete matrix."""
        return cls(kind="footer", outcomes=len(matrix.outcomes), counts=matrix.counts)


Line = Annotated[HeaderLine | OutcomeLine | FooterLine, Field(discriminator="kind")]


def as_json(line: HeaderLine | OutcomeLine | FooterLine) -> str:
    """Return a line's JSON, in ASCII: no character in it can end the line."""
    return json.dumps(line.model_dump(mode="json", by_alias=True), ensure_ascii=True)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a line."""
    described = TypeAdapter[Any](Line).json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line of matrix.jsonl, schema {SCHEMA_VERSION}",
        **described,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=1, sort_keys=True) + "\n")
