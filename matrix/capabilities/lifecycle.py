"""lifecycle: how a connection begins, lives and ends."""

from __future__ import annotations

import json

from matrix.capabilities import duties
from matrix.capabilities.calls import text_to_echo
from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, expect
from matrix.json_access import mapping
from matrix.lab.script import call, say
from matrix.model import REVISIONS, STATEFUL, STATELESS, Transport
from matrix.rule import Rule

SHUTDOWN_SECONDS = 15.0
PING = Rule(STATEFUL, "basic/utilities/ping", "Behavior Requirements")


@capability(
    "lifecycle.version",
    severity="core",
    servers=["echo"],
    revisions=[each for each in REVISIONS if each != STATELESS],
    failures=["modelcontextprotocol/kotlin-sdk#101", "metoro-io/mcp-golang#134"],
    rules=[duties.VERSION_NEGOTIATION, duties.INITIALIZATION],
    shares_a_run=True,
)
async def version(cell: CellVerbs) -> None:
    """The agent negotiates down to 2024-11-05 and up.

    The server speaks no revision that is newer than the cell's, whatever it is asked for. What the agent proposes has
    to be a revision, it has to say `notifications/initialized`, and a call has to work. An agent whose own newest
    revision is older than the cell's does not speak that one: `unsupported`.
    """
    run = await cell.ask(call("echo", text=text_to_echo(cell)))
    expect(cell.nonce() in run.result("echo"), "the model was not shown what the server returned")
    expect(cell.trace.requests("initialize"), "the agent sent no initialize")
    duties.proposes_a_revision(cell.trace)
    duties.says_initialized(cell.trace)


@capability(
    "lifecycle.stateless-2026",
    severity="expected",
    servers=["echo"],
    revisions=[STATELESS],
    failures=["can1357/oh-my-pi#12471", "muthuishere/mcp-server-bash-sdk#8"],
    shares_a_run=True,
)
async def stateless(cell: CellVerbs) -> None:
    """The agent works with a server that speaks only 2026-07-28.

    The server refuses `initialize`; listing and calling carry the envelope of 2026-07-28.
    """
    run = await cell.ask(call("echo", text=text_to_echo(cell)))
    expect(cell.nonce() in run.result("echo"), "the model was not shown what the server returned")
    key = "io.modelcontextprotocol/protocolVersion"
    calls = cell.trace.requests("tools/call")
    spoken = [mapping(mapping(each.message.get("params")).get("_meta")).get(key) for each in calls]
    expect(spoken == [STATELESS], f"the call was made in revision {spoken}")


@capability(
    "lifecycle.discover-fallback",
    severity="core",
    servers=["refuses_discover"],
    failures=["modelcontextprotocol/rust-sdk PR1149", "teradata-labs/loom PR327"],
)
async def discover_fallback(cell: CellVerbs) -> None:
    """A server of an older revision that answers -32602 to `server/discover` still connects.

    Whoever asks for 2026-07-28 first has to fall back to `initialize`; whoever does not is fine as well.
    """
    text = cell.nonce()
    run = await cell.ask(call("echo", text=text))
    expect(cell.trace.requests("initialize"), "the agent did not fall back to initialize")
    expect(text in run.result("echo"), "the model was not shown what the server returned")


@capability(
    "lifecycle.partial-failure",
    severity="core",
    servers=["dying", "echo"],
    failures=["pydantic/pydantic-ai#2083", "strands-agents/harness-sdk#1481"],
)
async def partial_failure(cell: CellVerbs) -> None:
    """One dead server, and the others work.

    Of two servers one dies at its start, or refuses connections; a tool of the other has to be usable.
    """
    text = cell.nonce()
    run = await cell.ask(call("echo", text=text))
    expect(text in run.result("echo"), "the tool of the living server did not return its result")


@capability(
    "lifecycle.honest-capabilities",
    severity="core",
    servers=["curious"],
    failures=["mastra-ai/mastra#19189", "KlaatAI/klaatcode#59"],
    shares_a_run=True,
)
async def honest_capabilities(cell: CellVerbs) -> None:
    """Everything that the client advertises is answered.

    The server sends each request (roots, sampling, elicitation) that the client's capabilities promise to answer;
    errors and silence count against it.
    """
    report = await _answered_by_client(cell)
    unanswered = [f"{name} ({what})" for name, what in sorted(report.items()) if what.startswith("error")]
    unanswered = [each for each in unanswered if not each.startswith("ping ")]
    expect(not unanswered, f"the client did not answer what it advertises: {', '.join(unanswered)}")


@capability(
    "lifecycle.ping",
    severity="expected",
    servers=["curious"],
    failures=["vercel/ai PR15701", "microsoft/agent-framework PR7656"],
    rules=[PING],
    shares_a_run=True,
)
async def ping(cell: CellVerbs) -> None:
    """A ping of the server is answered.

    The server pings in the middle of a call, over the stream of that call. The receiver MUST answer, with an empty
    result; an error counts against the client, and so does silence for five seconds.
    """
    report = await _answered_by_client(cell)
    expect(report["ping"] == "answered", f"the client did not answer a ping of the server: {report['ping']}", PING)


@capability(
    "lifecycle.tools-only",
    severity="core",
    servers=["tools_only"],
    failures=["QwenLM/qwen-code#12496", "NousResearch/hermes-agent PR58824", "nuxt-modules/mcp-toolkit#144"],
)
async def tools_only(cell: CellVerbs) -> None:
    """A server that answers -32601 to everything but tools works.

    The server advertises tools alone, and has no method besides the handshake and those for tools: prompts,
    resources, completions, logging and pings are unknown to it. A call has to work.
    """
    text = cell.nonce()
    run = await cell.ask(call("echo", text=text))
    expect(text in run.result("echo"), "the model was not shown what the server returned")


@capability(
    "lifecycle.shutdown",
    severity="core",
    servers=["echo"],
    rules=[duties.SESSION_MANAGEMENT],
    failures=["anthropics/claude-code#31958", "NousResearch/hermes-agent#50169", "google/adk-js#377"],
    shares_a_run=True,
)
async def shutdown(cell: CellVerbs) -> None:
    """The run ends in time and leaves no process behind.

    After a run with one call, and nothing else to do, every server process that the agent started has to end; so has
    everything else that the agent's own command started, where it is one. An agent that offers a `close()` or
    `aclose()` is closed first. Over HTTP a session that nobody ends by DELETE is noted: the specification recommends
    it.
    """
    await cell.ask(call("echo", text=text_to_echo(cell)), say("done"))
    await cell.retire()
    if cell.transport is Transport.STDIO:
        started = cell.trace.started()
        expect(started, "the agent did not start the server's process")
        gone = await cell.trace.until(lambda: not cell.trace.open_sessions(), SHUTDOWN_SECONDS)
        left = len(cell.trace.open_sessions())
        still_ran = f"{left} of {len(started)} server processes still ran {SHUTDOWN_SECONDS:g} s after the run"
        mend = "" if cell.is_command else "; an agent that keeps them for its next run has to offer close() or aclose()"
        expect(gone, f"{still_ran}{mend}")
    else:
        await duties.ends_its_sessions(cell.trace)
    stayed = await cell.leftovers(SHUTDOWN_SECONDS)
    expect(not stayed, f"the run left {', '.join(stayed)} running")


async def _answered_by_client(cell: CellVerbs) -> dict[str, str]:
    """Return what the client answered to each request of the server, by the feature that it is of."""
    run = await cell.ask(call("probe_client"))
    sent = [each.result for each in cell.trace.calls("probe_client") if each.result]
    expect(sent and run.results("probe_client"), "the probing tool did not return its report")
    report: dict[str, str] = json.loads(sent[0]["content"][0]["text"])
    return report
