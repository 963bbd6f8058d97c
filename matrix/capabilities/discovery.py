"""discovery: what of a server's tools the model gets to see."""

from __future__ import annotations

from matrix.capabilities.answers import ANOTHERS
from matrix.capabilities.exact import text_change
from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, Run, Unsupported, expect
from matrix.lab.model.finding import find_tool, not_offered
from matrix.lab.script import Call, Turn, call, call_unknown, say, together
from matrix.model import STATEFUL, STATELESS
from matrix.symptom import Symptom


@capability(
    "discovery.list-tools",
    severity="core",
    servers=["schemas"],
    revisions=[STATEFUL, STATELESS],
    shares_a_run=True,
)
async def list_tools(cell: CellVerbs) -> None:
    """Every tool of the server is offered to the model.

    The agent is run once on a server of seven tools; the model's first request has to offer all of them.
    """
    run = await cell.ask(call("empty"))
    _all_offered(cell, run)


@capability(
    "discovery.pagination",
    severity="core",
    servers=["paginated"],
    failures=["vercel/ai#19240", "ag2ai/ag2#3262", "github/copilot-cli#4006"],
)
async def pagination(cell: CellVerbs) -> None:
    """Tools on every page reach the model.

    The server lists twelve tools on three pages; a tool of the last page is called, and all have to be offered.
    """
    text = cell.nonce()
    run = await cell.ask(call("page_tool_12", text=text))
    expect(text in run.result("page_tool_12"), "the tool of the last page did not return its result")
    _all_offered(cell, run, tools=12)


@capability(
    "discovery.name-collision",
    severity="core",
    servers=["collide", "collide"],
    failures=["CopilotKit/CopilotKit#2409", "openai/openai-agents-python PR2442", "lc-mcp-adapters#273"],
)
async def name_collision(cell: CellVerbs) -> None:
    """Same-named tools of two servers are both callable, and each call reaches the right server.

    Two servers each have a tool `lookup`; one turn calls both, and each server has to have seen its own call only.
    """
    texts = {server: cell.nonce(server) for server in cell.servers}
    run = await cell.ask(together(*(call("lookup", on=server, text=text) for server, text in texts.items())))
    for server, text in texts.items():
        seen = [each.arguments.get("text") for each in cell.trace.calls("lookup", server=server)]
        expect(seen == [text], f"the call meant for {server} did not reach it, or not alone")
        shown = run.result("lookup", on=server)
        anothers = any(other in shown for name, other in texts.items() if name != server)
        expect(not anothers, ANOTHERS, symptom=Symptom.EXCHANGED_ANSWERS)
        expect(text in shown, f"the model was not shown the answer of {server}")


@capability(
    "discovery.native-tools-kept",
    severity="core",
    servers=["echo"],
    failures=["nicobailon/pi-mcp-adapter#240"],
)
async def native_tools_kept(cell: CellVerbs) -> None:
    """Attaching a server takes away none of the agent's own tools.

    The agent is run without servers and with one; every tool of the first run has to be offered in the second.
    A tool that the agent's row declares is then really called beside an MCP tool, its REST calls answered by respx.
    """
    alone = await (await cell.another(with_servers=False)).attempt(say("hello"))
    own = {tool.name for tool in alone.offered}
    if not own:
        raise Unsupported("the agent has no tools of its own")
    text = cell.nonce()
    turns: list[Turn] = [call("echo", text=text)]
    if cell.native is not None:
        turns.append(call_unknown(cell.native.tool, **cell.native.arguments))
    run = await cell.ask(*turns)
    lost = sorted(own - {tool.name for exchange in run.exchanges for tool in exchange.offered})
    expect(not lost, f"with a server attached the agent no longer offers {', '.join(lost)}")
    expect(text in run.result("echo"), "the MCP tool did not return its result")
    if cell.native is not None:
        shown = run.result(cell.native.tool)
        expect(cell.native.contains in shown, f"its own tool {cell.native.tool} answered {shown[:120]!r}")


@capability("discovery.description", severity="expected", servers=["descriptions"])
async def description(cell: CellVerbs) -> None:
    """Descriptions (long, Unicode, multi-line) reach the model unchanged.

    The server's description of each tool has to stand in the offered one, with every character of it: about 900
    characters, many lines with indentation, many scripts. An agent may add words of its own before and after.
    """
    run = await cell.ask(call("plain", text=cell.nonce()))
    for name, tool in cell.trace.listed(cell.servers[0]).items():
        offered = next((each for each in run.offered if each.name == find_tool(Call(name), run.offered)), None)
        expect(offered is not None, f"the tool {name} was not offered")
        wanted, came = str(tool.get("description")), "" if offered is None else offered.description
        expect(wanted in came, f"the description of {name} was offered {text_change(wanted, came)}")


@capability(
    "discovery.deferred-reachable",
    severity="expected",
    servers=["many"],
    failures=[
        "openai/codex#21503",
        "openai/codex#33608",
        "microsoft/vscode#317998",
        "NousResearch/hermes-agent#84772",
        "google-antigravity/antigravity-cli#369",
    ],
)
async def deferred_reachable(cell: CellVerbs) -> None:
    """Where the agent hides tools behind a search of its own, an exact name is found, and what was found can be called.

    Of a server with 150 tools one is asked for by its exact name; an agent that offers them all has it at once.
    """
    name, text = "echo_137", cell.nonce()
    run = await cell.ask(call(name, text=text))
    expect(len(cell.trace.calls(name)) == 1, f"the server was not asked for {name} once")
    expect(text in run.result(name), f"the model was not shown what {name} returned")


@capability(
    "discovery.first-turn",
    severity="expected",
    servers=["late_start"],
    transports=["stdio"],
    failures=["QwenLM/qwen-code#4163", "can1357/oh-my-pi#12188"],
)
async def first_turn(cell: CellVerbs) -> None:
    """The tools of a server that needs two seconds to start are offered at once, or their absence is announced.

    The first request to the model that offers tools has to offer the server's, or to name the server in its text: a
    model that knows of neither goes on without it. Behind a search or a delegate the tool has to be found at once.
    """
    text, server = cell.nonce(), cell.servers[0]
    run = await cell.attempt(call("echo", text=text))
    expect(run.exchanges, f"the agent asked no model at all{'' if run.error is None else f': {run.error}'}")
    # A request without tools that is not the last one was beside the run: for a title, a summary, a plan.
    first = next((each for each in run.exchanges if each.offered), run.exchanges[0])
    found = bool(run.asides) and any(text in each for each in run.results("echo"))
    there = found or not not_offered({"echo": {}}, first.offered, server)
    announced = server in first.system or server in first.user_text
    expect(there or announced, "the first request to the model had none of the server's tools, and did not say so")


def _all_offered(cell: CellVerbs, run: Run, tools: int = 7) -> None:
    """Every tool that the stub has, whatever name and description the agent gave it."""
    listed = cell.trace.listed(cell.servers[0])
    missing = not_offered(listed, run.offered, cell.servers[0])
    if missing and run.search is not None:
        raise Unsupported(f"the agent shows its tools by {run.search}, as many as a search finds, and not all of them")
    if missing and run.caller is not None:
        raise Unsupported(f"the agent's model calls every tool by {run.caller}, and is offered none of them itself")
    expect(not missing, f"{len(missing)} tools were not offered to the model: {', '.join(missing)}")
    expect(len(listed) == tools, f"the agent asked for {len(listed)} of the server's {tools} tools")
