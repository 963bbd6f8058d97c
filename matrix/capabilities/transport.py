"""transport: the ways to reach a server, and what happens on them."""

from __future__ import annotations

from matrix.capabilities import duties
from matrix.capabilities.calls import text_to_echo
from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, expect
from matrix.lab.script import call
from matrix.model import HOST_VARIABLE, STATEFUL, STATELESS

HTTP_ERRORS = (401, 403, 429, 502)


@capability(
    "transport.stdio",
    severity="core",
    servers=["echo"],
    transports=["stdio"],
    revisions=[STATEFUL, STATELESS],
    failures=["anthropics/claude-code#54786"],
    rules=[duties.STDIO_MESSAGES],
    shares_a_run=True,
)
async def stdio(cell: CellVerbs) -> None:
    """A call works over stdio.

    The agent starts the server as its own process, with the declared command, folder and environment, and writes
    nothing that is no valid message: where the schema has no null, there is none.
    """
    await _one_call(cell)
    expect(cell.trace.started(), "the agent did not start the server's process")
    duties.starts_in_its_folder(cell)
    duties.hands_on_variables(cell)
    duties.sends_no_null(cell.trace, duties.STDIO_MESSAGES)


@capability(
    "transport.http",
    severity="core",
    servers=["echo"],
    transports=["http"],
    revisions=[STATEFUL, STATELESS],
    failures=["modelcontextprotocol/go-sdk#198", "modelcontextprotocol/csharp-sdk PR500"],
    rules=[duties.HTTP_MESSAGES, duties.VERSION_HEADER, duties.STATELESS_VERSION_HEADER],
    shares_a_run=True,
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
    "transport.env",
    severity="expected",
    servers=["echo"],
    transports=["stdio"],
    failures=["modelcontextprotocol/python-sdk#3335", "modelcontextprotocol/typescript-sdk#2037"],
    shares_a_run=True,
)
async def env(cell: CellVerbs) -> None:
    """The declared environment arrives; undeclared secrets of the host do not.

    A variable is declared for the server, and the agent's own process has one besides that looks like a secret: the
    server's process has to have the first, and must not have the second.
    """
    await _one_call(cell)
    expect(cell.trace.started(), "the agent did not start the server's process")
    duties.hands_on_variables(cell)
    leaked = any(HOST_VARIABLE in each.env for each in cell.trace.started())
    expect(not leaked, f"the server was handed {HOST_VARIABLE}, a secret of the agent's process that nobody declared")


@capability("transport.slow-start", severity="expected", servers=["slow_start"], transports=["stdio"])
async def slow_start(cell: CellVerbs) -> None:
    """A server that needs five seconds to start is waited for.

    The server's process starts at once, and answers nothing for five seconds; a call has to work then.
    """
    await _one_call(cell)


@capability(
    "transport.http-error",
    severity="core",
    servers=["http_errors"],
    transports=["http"],
    retries=True,
    failures=[
        "google/adk-python#4901",
        "modelcontextprotocol/python-sdk#1835",
        "PrefectHQ/fastmcp#2595",
        "strands-agents/harness-sdk#995",
    ],
)
async def http_error(cell: CellVerbs) -> None:
    """401, 403, 429 and 502 with an HTML body on a call give a bounded, readable error, and the run goes on.

    A gateway before the server answers the call; the model has to be told of it in words, and the next call of the
    same run has to work.
    """
    for status in HTTP_ERRORS:
        text = cell.nonce(status)
        run = await cell.attempt(call("refuse", status=status), call("echo", text=text))
        seen = [each for each in cell.trace.exchanges("POST", rpc_method="tools/call") if each.status == status]
        if not seen:
            await cell.ask(call("refuse", status=status))  # says why nothing came of it
        expect(run.error is None, f"a call that was answered {status} ended the run with {run.error}")
        told = run.results("refuse")
        expect(told and told[0].strip(), f"the model was told nothing of a call that was answered {status}")
        answered = any(text in each for each in run.results("echo"))
        expect(answered, f"after a call that was answered {status} the next one did not work")


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
    shares_a_run=True,
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
    run = await cell.ask(call("echo", text=text_to_echo(cell)))
    expect(len(cell.trace.calls("echo")) == 1, "the server did not see one call")
    expect(cell.nonce() in run.result("echo"), "the model was not shown what the server returned")
