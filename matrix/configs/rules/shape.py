"""Names, sizes and numbers of a config."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from matrix.configs.model import EVERY_AGENT, ServerConfig, canonical
from matrix.configs.rules.model import Policy, Violation
from matrix.json_access import mapping, sequence


def check_shape(config: ServerConfig, policy: Policy) -> Iterator[Violation]:
    """Check what every config has, whatever its type."""
    yield from _names(config, policy)
    yield from _sizes(config.to_json(), policy)
    limits = policy.limits
    if not limits.timeout_least <= config.timeout <= limits.timeout_most:
        between = f"{limits.timeout_least} and {limits.timeout_most}"
        yield Violation("timeout-range", "timeout", f"is not between {between} milliseconds")
    if config.retry_count > limits.retries_most:
        yield Violation("retry-range", "retry_count", f"is more than {limits.retries_most}")


def _names(config: ServerConfig, policy: Policy) -> Iterator[Violation]:
    names = policy.names
    if len(config.name) > names.length or not re.fullmatch(names.server, config.name):
        mend = f"is not of the form {names.server} with at most {names.length} characters; rename the server"
        yield Violation("name-form", "name", mend)
    if config.name.casefold() in {each.casefold() for each in names.reserved}:
        yield Violation("name-reserved", "name", "is reserved; rename the server")
    for number, agent in enumerate(config.agents, 1):
        if agent != EVERY_AGENT and (len(agent) > names.length or not re.fullmatch(names.agent, agent)):
            mend = f"has an agent (number {number}) that is not of the form {names.agent}"
            yield Violation("agent-form", "agents", f"{mend} with at most {names.length} characters")


def _sizes(data: Mapping[str, Any], policy: Policy) -> Iterator[Violation]:
    sizes = policy.sizes
    if len(canonical(data).encode("utf-8", "surrogatepass")) > sizes.bytes:
        yield Violation("size-bytes", "", f"is larger than {sizes.bytes} bytes of JSON")
    depth = keys = 0
    pending: list[tuple[int, Any]] = [(1, data)]
    while pending:
        level, value = pending.pop()
        depth = max(depth, level)
        if isinstance(value, Mapping):
            inner = mapping(cast("object", value))
            keys += len(inner)
            pending += [(level + 1, each) for each in inner.values() if isinstance(each, Mapping | list)]
        else:
            items = sequence(cast("object", value))
            pending += [(level + 1, each) for each in items if isinstance(each, Mapping | list)]
    if depth > sizes.depth:
        yield Violation("size-depth", "", f"nests deeper than {sizes.depth} levels")
    if keys > sizes.keys:
        yield Violation("size-keys", "", f"has more than {sizes.keys} keys")
