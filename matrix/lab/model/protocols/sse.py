"""What goes out on the wire: JSON bodies, server-sent events, and the numbers that every provider reports.

Everything here is a constant or a function of its arguments, so that two runs render the same bytes.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from matrix.lab.model.protocols.base import WireResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INPUT_TOKENS = 32
"""Tokens that every request is said to have had. A constant: real counts would differ from run to run."""

OUTPUT_TOKENS = 8
"""Tokens that every reply is said to have had."""

CREATED = 1_700_000_000
"""Seconds since 1970 at which every reply was made: 2023-11-14T22:13:20Z, whatever the clock says."""

MODEL_ID = "scripted"
"""The one model that the providers' model lists name."""

_PIECES = 4

# Line breaks to some clients' readers of server-sent events, though not to the standard; and lone
# surrogates, which UTF-8 cannot carry. JSON may escape both.
_TO_ESCAPE = re.compile("[\u0085\u2028\u2029\ud800-\udfff]")


def to_json(value: Any) -> str:
    """Return compact JSON on one line, with everything beyond ASCII as itself."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def event(data: Mapping[str, Any], *, name: str | None = None, newline: str = "\n") -> bytes:
    """Return one server-sent event, with an `event:` line where the provider sends one."""
    head = f"event: {name}{newline}" if name else ""
    return f"{head}data: {to_json(data)}{newline}{newline}".encode()


def json_response(body: Any, *, status: int = 200) -> WireResponse:
    """Return a whole JSON body."""
    return WireResponse(status, "application/json", (to_json(body).encode(),))


def stream_response(events: Iterable[bytes]) -> WireResponse:
    """Return a stream of server-sent events."""
    return WireResponse(200, "text/event-stream; charset=utf-8", tuple(events))


def pieces(text: str) -> list[str]:
    """Cut a text into at most four pieces, as a provider streams it; an empty text is one empty piece."""
    size = max(1, -(-len(text) // _PIECES))
    return [text[start : start + size] for start in range(0, len(text), size)] or [""]
