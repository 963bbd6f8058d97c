"""Tools whose descriptions are long, of many lines, and in many scripts."""

from __future__ import annotations

from mcp_stubs._room import Room
from mcp_stubs._stub import StubServer, echo_tool, tool_server

LONG = " ".join(f"This is sentence {number} of a description that says much." for number in range(1, 17))
"""About 900 characters, so that its marker too is within the 1024 that OpenAI's API has as the limit."""
LINES = """Look a word up.

Arguments:
  text:  the word, as it stands
         (indented by nine spaces)

\t- a list item after a tab
\t- and another

Example:  `lookup "two  spaces"`"""
SCRIPTS = (
    "\u6f22\u5b57 \ud55c\uae00 \U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 "
    '\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd e\u0301 \u201cquoted\u201d \u2013 <b> & "plain" \\n'
)


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    return tool_server(
        name, [echo_tool("long", LONG), echo_tool("lines", LINES), echo_tool("scripts", SCRIPTS), echo_tool("plain")]
    )


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
