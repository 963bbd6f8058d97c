"""Tools that return every kind of content block, structured content, and texts of any size and script."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from typing import Any

import mcp_types as types

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, Outcome, StubServer, StubTool, as_json, tool_server

REVISIONS = ("2025-06-18", "2025-11-25", "2026-07-28")
"""The first to have all of these: links and structured content are younger than 2025-03-26."""

LINK_URI = "stub://content/report.txt"
EMBEDDED_URI = "stub://content/note.txt"
EMBEDDED_TEXT = "embedded-marker-51d0"
BLOCKS = ("block-one-41d7", "block-two-9e0c", "block-one-41d7", "block-four-5b82")
"""Four texts, the first and the third equal."""
MIXED_TEXTS = ("mixed-first-8c2e", "mixed-second-b941")
STRUCTURED = {"city": "Lyon", "degrees": 21.5, "marker": "structured-marker-e06b"}
UNICODE_TEXT = (
    "\u6f22\u5b57\u304b\u306a\ud55c\uae00 "  # Chinese, Japanese, Korean
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 "  # emoji, alone and joined
    "\U0001f1eb\U0001f1f7 "  # a flag
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd "  # right to left
    "e\u0301 a\u0308\u0323 "  # combining marks, which must not be composed
    "\U00020bb7 \ufffd \ufeff"  # beyond the basic plane, the replacement character, a byte order mark
    "|\u0001|"  # the neighbour of NUL
)
"""What `unicode` returns."""


OUTPUT_SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "degrees": {"type": "number"},
        "marker": {"type": "string"},
    },
    "required": ["city", "degrees", "marker"],
}
"""The output schema of `structured`."""


def png(size: int = 8) -> bytes:
    """Return a red square of `size` by `size` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xff\0\0" * size) * size
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def wav() -> bytes:
    """Return a tenth of a second of silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    return out.getvalue()


def large_text(size: int) -> str:
    """Return a text of exactly `size` characters, its beginning and its end told apart."""
    begin, end = "large-begin ", " large-end"
    return (begin + "0123456789" * (size // 10 + 1))[: max(0, size - len(end))] + end[-size:] if size else ""


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    image = types.ImageContent(data=base64.b64encode(png()).decode(), mime_type="image/png")
    audio = types.AudioContent(data=base64.b64encode(wav()).decode(), mime_type="audio/wav")
    link = types.ResourceLink(uri=LINK_URI, name="report.txt", mime_type="text/plain", size=12)
    embedded = types.EmbeddedResource(
        resource=types.TextResourceContents(uri=EMBEDDED_URI, mime_type="text/plain", text=EMBEDDED_TEXT)
    )
    first, second = (types.TextContent(text=text) for text in MIXED_TEXTS)
    blocks = [types.TextContent(text=text) for text in BLOCKS]
    structured = types.CallToolResult(
        content=[types.TextContent(text=as_json(STRUCTURED))], structured_content=STRUCTURED
    )
    bare = types.CallToolResult(content=[], structured_content=STRUCTURED)

    def fixed(tool: str, description: str, outcome: Outcome, **more: Any) -> StubTool:
        async def handler(_: Context, __: dict[str, Any]) -> Outcome:
            return outcome

        return StubTool(tool, description, handler, **more)

    async def large(_: Context, arguments: dict[str, Any]) -> str:
        return large_text(int(arguments["size"]))

    size_schema = {
        "type": "object",
        "properties": {"size": {"type": "integer", "minimum": 0, "description": "In characters."}},
        "required": ["size"],
    }
    return tool_server(
        name,
        [
            fixed("image", "Return an image.", [image]),
            fixed("audio", "Return a sound.", [audio]),
            fixed("link", "Return a link to a resource.", [link]),
            fixed("embedded", "Return an embedded resource.", [embedded]),
            fixed("mixed", "Return a text, an image, and another text.", [first, image, second]),
            fixed("blocks", "Return four texts.", blocks),
            fixed("nothing", "Return no content at all.", []),
            fixed("only_structured", "Return structured content and no other.", bare, output_schema=OUTPUT_SCHEMA),
            fixed("structured", "Return structured content.", structured, output_schema=OUTPUT_SCHEMA),
            StubTool("large", "Return a text of this size.", large, size_schema),
            fixed("unicode", "Return a text in many scripts.", UNICODE_TEXT),
        ],
    )


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
