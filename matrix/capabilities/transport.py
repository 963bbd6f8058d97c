"""transport: the ways to reach a server, and what happens on them."""

from __future__ import annotations

from matrix.capabilities import duties
from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, expect
from matrix.lab.script import call
from matrix.model import STATEFUL, STATELESS


@capability(
    "transport.stdio",
    severity="core",
    servers=["echo"],
    transports=["stdio"],
    revisions=[STATEFUL, STATELESS],
    failures=["anthropics/claude-code#54786"],
    rules=[duties.STDIO_MESSAGES],
)
async def stdio(cell: CellVerbs) -> None:
    """A call works over stdio.

    The agent starts the server as its own process, with the declared command, folder and environment, and writes
    nothing that is no valid message: where the schema has no null, there is none.
    """
    await _one_call(cell)
    expect(cell.trace.started(), "the agent did not start the server's process")
    duties.starts_as_declared(cell)
    duties.sends_no_null(cell.trace, duties.STDIO_MESSAGES)


@capability(
    "transport.http",
    severity="core",
    servers=["echo"],
    transports=["http"],
    revisions=[STATEFUL, STATELESS],
    failures=["modelcontextprotocol/go-sdk#198", "modelcontextprotocol/csharp-sdk PR500"],
    rules=[duties.HTTP_MESSAGES, duties.VERSION_HEADER, duties.STATELESS_VERSION_HEADER],
)
async def http(cell: CellVerbs) -> None:
    """A call works over streamable HTTP.

    The server is reached at one URL. Every POST lists both types that the server may answer in, and every request
    after `initialize` names the revision in `MCP-Protocol-Version`, since 2025-06-18; no message has a null where
    the schema has none.
    """
    await _one_call(cell)
    expect(cell.trace.exchanges("POST"), "the server saw no POST")
    duties.accepts_both_types(cell.trace)
    duties.sends_version_header(cell.trace)
    duties.sends_no_null(cell.trace, duties.HTTP_MESSAGES)


@capability("transport.sse", severity="optional", servers=["echo"], transports=["sse"])
async def sse(cell: CellVerbs) -> None:
    """A call works over the older SSE transport (optional: it is deprecated since 2025-03-26).

    The server is reached by a stream that names the endpoint for messages.
    """
    await _one_call(cell)
    expect(cell.trace.exchanges("GET"), "the server saw no stream")


@capability(
    "transport.get-rejected",
    severity="core",
    servers=["postonly"],
    transports=["http"],
    failures=["QwenLM/qwen-code#8784"],
)
async def get_rejected(cell: CellVerbs) -> None:
    """405 on GET is harmless.

    A server without a stream of its own answers GET with 405 (2025-11-25, transports, "Listening for Messages"); calls
    have to work all the same.
    """
    await _one_call(cell)


@capability(
    "transport.headers",
    severity="core",
    servers=["echo"],
    transports=["http"],
    revisions=[STATEFUL, STATELESS],
    failures=["langgenius/dify#42326"],
)
async def headers(cell: CellVerbs) -> None:
    """The configured headers are on listing and on calling alike.

    Two headers are configured for the server; both have to be on every POST that lists tools or calls one.
    """
    await _one_call(cell)
    for method in ("tools/list", "tools/call"):
        posts = cell.trace.exchanges(rpc_method=method)
        expect(posts, f"the server saw no {method}")
        for name, value in cell.headers.items():
            kept = all(post.headers.get(name.lower()) == value for post in posts)
            expect(kept, f"the configured header {name} was missing or changed on {method}")


async def _one_call(cell: CellVerbs) -> None:
    text = cell.nonce()
    run = await cell.ask(call("echo", text=text))
    expect(len(cell.trace.calls("echo")) == 1, "the server did not see one call")
    expect(text in run.result("echo"), "the model was not shown what the server returned")
