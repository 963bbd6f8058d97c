"""Groups of questions that agents of the gallery are asked, and the reasons for which some are unsupported."""

from __future__ import annotations

from collections.abc import Mapping

from tests.gallery.exhibit import SAMPLE

ONE_AT_A_TIME = dict.fromkeys(
    (
        "concurrency.one-failure",
        "concurrency.order",
        "concurrency.parallel-calls",
        "concurrency.parallel-servers",
    ),
    "the agent asks its model for one call at a time",
)
TOGETHER = ("concurrency.parallel-calls", "concurrency.one-failure")
WHATEVER_IS_CALLED = ("discovery.name-collision", "schema.provider-rules", *TOGETHER, "concurrency.parallel-servers")

FOUND = ("discovery.name-collision", "discovery.pagination", "schema.provider-rules")
SCHEMAS = (
    "schema.constraints",
    "schema.enum-items",
    "schema.nullable-unions",
    "schema.odd-shapes",
    "schema.refs",
    "real.schema",
)
RUNS = (*TOGETHER, "concurrency.many-runs", "concurrency.no-cross-talk", "lifecycle.partial-failure")
SERVERS = (
    "concurrency.parallel-servers",
    "concurrency.pool",
    "concurrency.shared-server",
    "concurrency.cross-task-close",
)
BOTH = ("http", "stdio")
BARE = {"native": None}
NATIVE = ("discovery.native-tools-kept", "concurrency.parallel-calls")
LIBRARY = ("concurrency.parallel-calls",)


def by_search(tool: str) -> Mapping[str, str]:
    """Return what is said of an agent whose tools are found by one of its own."""
    told = f"the agent shows its tools by {tool}, as many as a search finds, and not all of them"
    return {"discovery.list-tools": told}


def by_caller(tool: str) -> Mapping[str, str]:
    """Return what is said of an agent whose tools are called by one of its own."""
    return {"discovery.list-tools": f"the agent's model calls every tool by {tool}, and is offered none of them itself"}


def all_of(reason: str) -> Mapping[str, str]:
    """Return the same for the whole sample."""
    return dict.fromkeys(SAMPLE, reason)


IN_TEXTS = "no native tool results: the model is told them in the user's texts"
IN_THE_PROMPT = "no native tool calls: the tools stand in the system prompt"
APART = "the calls of one turn are of tools that no one delegate of the agent has"
FUNCTIONS = "the tools are `functions`, which OpenAI replaced by `tools`; only these are played"
RESPONSES, MESSAGES, GOOGLE = ({"protocol": each} for each in ("openai-responses", "anthropic", "google"))
