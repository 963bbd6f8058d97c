"""The lines of `matrix.jsonl` as pydantic models: the wire, and its published JSON Schema.

python -m matrix.results.schema > matrix/schema.json
"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from matrix.model import SCHEMA_VERSION, Severity, Verdict


class CapabilityLine(BaseModel):
    """A capability, as the header describes it."""

    severity: Severity
    title: str


class ConfigsLine(BaseModel):
    """The config store whose servers were asked about."""

    url: str = Field(description="without its password")
    servers: dict[str, str] = Field(description="fingerprint of the config by server")


class Header(BaseModel):
    """The first line: versions of everything that matters, and what was planned. The only line with a time."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["header"]
    schema_: Literal[1] = Field(alias="schema")
    created: str = Field(description="ISO 8601, UTC")
    matrix: str
    python: str
    platform: str
    packages: dict[str, str]
    pins: dict[str, list[str]] = Field(description="what command rows pin, by agent")
    servers: dict[str, list[str]] = Field(description="what real servers pin, by server")
    configs: ConfigsLine | None = Field(
        default=None, description="only where a config store's servers were asked about"
    )
    agents: dict[str, str] = Field(description="summary by agent")
    capabilities: dict[str, CapabilityLine]
    planned: int = Field(description="how many outcomes a complete run has")


class OutcomeLine(BaseModel):
    """One cell's outcome."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["outcome"]
    cell: str = Field(description="agent::capability::server[transport,revision]")
    agent: str
    capability: str
    server: str
    transport: Literal["stdio", "http", "sse"]
    revision: str
    verdict: Verdict
    reason: str = Field(description="one sentence; empty when passed")
    attempts: list[Verdict]
    duration: float | None = Field(description="seconds; null in published results")
    evidence: str | None = Field(description="path relative to the results; null where nothing was asked")
    expected: str | None = Field(description="why the baseline expects this verdict, if it does")
    reproduce: str


class Footer(BaseModel):
    """The last line of a complete run."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["footer"]
    outcomes: int
    counts: dict[Verdict, int]


Line = Annotated[Header | OutcomeLine | Footer, Field(discriminator="kind")]


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
