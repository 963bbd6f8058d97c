"""lifecycle: how a connection begins, lives and ends."""

from __future__ import annotations

import json

from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, expect
from matrix.json_access import mapping
from matrix.lab.script import call, say
from matrix.model import REVISIONS, STATELESS

SHUTDOWN_SECONDS = 15.0


@capability(
    "lifecycle.version",
    severity="core",
    servers=["echo"],
    revisions=[each for each in REVISIONS if each != STATELESS],
    failures=["modelcontextprotocol/kotlin-sdk#101"],
)
async def version(cell: CellVerbs) -> None:
    """The agent negotiates down to 2024-11-05 and up.

    The server speaks only the cell's revision, whatever it is asked for; a call has to work.
    """
    text = cell.nonce()
    run = await cell.ask(call("echo", text=text))
    expect(text in run.result("echo"), "the model was not shown what the server returned")
    agreed = [each["protocolVersion"] for each in cell.trace.results() if "protocolVersion" in each]
    expect(agreed and set(agreed) == {cell.revision}, f"the revision agreed on was {agreed}, not {cell.revision}")


@capability(
    "lifecycle.stateless-2026",
    severity="expected",
    servers=["echo"],
    revisions=[STATELESS],
    failures=["can1357/oh-my-pi#12471", "muthuishere/mcp-server-bash-sdk#8"],
)
async def stateless(cell: CellVerbs) -> None:
    """The agent works with a server that speaks only 2026-07-28.

    The server refuses `initialize`; listing and calling carry the envelope of 2026-07-28.
    """
    text = cell.nonce()
    run = await cell.ask(call("echo", text=text))
    expect(text in run.result("echo"), "the model was not shown what the server returned")
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
)
async def honest_capabilities(cell: CellVerbs) -> None:
    """Everything that the client advertises is answered.

    The server pings the client, and sends each request (roots, sampling, elicitation) that the client's capabilities
    promise to answer; errors and silence count against it.
    """
    run = await cell.ask(call("probe_client"))
    sent = [each.result for each in cell.trace.calls("probe_client") if each.result]
    expect(sent and run.results("probe_client"), "the probing tool did not return its report")
    report: dict[str, str] = json.loads(sent[0]["content"][0]["text"])
    unanswered = [f"{name} ({what})" for name, what in sorted(report.items()) if what.startswith("error")]
    expect(not unanswered, f"the client did not answer what it advertises: {', '.join(unanswered)}")


@capability(
    "lifecycle.shutdown",
    severity="core",
    servers=["echo"],
    transports=["stdio"],
    failures=["anthropics/claude-code#31958", "NousResearch/hermes-agent#50169", "google/adk-js#377"],
)
async def shutdown(cell: CellVerbs) -> None:
    """The run ends in time and leaves no process behind.

    After a run with one call, and nothing else to do, every server process that the agent started has to end; so has
    everything else that the agent's own command started, where it is one. An agent that offers a `close()` or
    `aclose()` is closed first.
    """
    await cell.ask(call("echo", text=cell.nonce()), say("done"))
    await cell.retire()
    started = cell.trace.started()
    expect(started, "the agent did not start the server's process")
    gone = await cell.trace.until(lambda: not cell.trace.open_sessions(), SHUTDOWN_SECONDS)
    left = len(cell.trace.open_sessions())
    expect(gone, f"{left} of {len(started)} server processes still ran {SHUTDOWN_SECONDS:g} s after the run")
    stayed = await cell.leftovers(SHUTDOWN_SECONDS)
    expect(not stayed, f"the run left {', '.join(stayed)} running")
