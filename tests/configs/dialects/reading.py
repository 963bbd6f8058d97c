"""What the tests of the dialects share: reading a document, and the smallest documents there are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from matrix.configs.model import ServerConfig
from matrix.configs.reader import Reading, read_configs


def read(document: Any, file: str = "mcp.json") -> Reading:
    return read_configs(document if isinstance(document, str) else json.dumps(document), file)


def one(document: Any, file: str = "mcp.json") -> ServerConfig:
    reading = read(document, file)
    assert reading.problems == ()
    assert len(reading.configs) == 1
    return reading.configs[0]


def servers(entry: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"mcpServers": {"server": dict(entry)}, **more}


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | WORDS,
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
