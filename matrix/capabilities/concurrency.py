"""concurrency: several calls, runs, agents and servers at once; proven by meetings and gates, never by the clock."""

from __future__ import annotations

from matrix.capabilities.answers import ANOTHERS, each_got, expect_own_answers
from matrix.capabilities.calls import shown_instead
from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, Run, expect
from matrix.lab.script import Gate, Turn, at_once, call, say
from matrix.model import STATEFUL, STATELESS
from matrix.symptom import Symptom

MANY = 16
WAIT_SECONDS = 40.0
"""How long `concurrency.event-loop` waits for the slow call to begin; less than its deadline."""
HELD_SECONDS = 1.0
"""How long one blocking call may hold the event loop."""
ASSEMBLY_SECONDS = 20.0
"""How late an agent may come, after it was asked."""


@capability(
    "concurrency.parallel-calls",
    severity="expected",
    servers=["rendezvous"],
    revisions=[STATEFUL, STATELESS],
    deadline=45,
    failures=["pydantic/pydantic-ai#2355", "google/adk-python#2615"],
)
async def parallel_calls(cell: CellVerbs) -> None:
    """Two calls of one model turn are in flight on one server at the same time.

    The tool says `met` only where two callers are inside at once, and waits five seconds for the second.
    """
    first, second = cell.nonce("first"), cell.nonce("second")
    run = await cell.ask(at_once(call("meet", party=2, token=first), call("meet", party=2, token=second)))
    expect(
        not any("alone" in each for each in run.results("meet")),
        "the second call of a turn was made only when the first one had been answered",
    )
    expect_own_answers(run, "meet", [first, second], "the two calls did not both come back")
    expect(len(cell.trace.calls("meet")) == 2, "the server did not see two calls")


@capability("concurrency.parallel-servers", severity="expected", servers=["rendezvous", "reunion"], deadline=45)
async def parallel_servers(cell: CellVerbs) -> None:
    """Calls of one turn to two servers are in flight at the same time.

    Two servers share one meeting place; the tool of each says `met` only while both are called, and waits five seconds.
    """
    tools = dict(zip(cell.servers, ("meet", "join"), strict=True))
    run = await cell.ask(at_once(*(call(tool, on=server, party=2, token=tool) for server, tool in tools.items())))
    alone = [each for tool in tools.values() for each in run.results(tool) if "alone" in each]
    expect(not alone, "the second server was called only when the first one had answered")
    for server, tool in tools.items():
        expect(f"met {tool}" in run.result(tool), f"the call to {server} did not come back")
        expect(len(cell.trace.calls(tool, server=server)) == 1, f"{server} did not see one call")


@capability("concurrency.many-runs", severity="core", servers=["echo"], deadline=300)
async def many_runs(cell: CellVerbs) -> None:
    """Sixteen runs of one agent on one server all succeed.

    They start together, and each has to be shown its own text. Every run is held before its second turn until all
    sixteen have made their call, so that all are in flight at once.
    """
    texts = [cell.nonce(number) for number in range(MANY)]
    arrived = [Gate() for _ in texts]
    everyone = Gate()

    async def usher() -> None:
        for gate in arrived:
            await gate.wait()
        everyone.open()

    async def one(number: int) -> Run:
        try:
            held = call("echo", text=texts[number]).announcing(arrived[number]).behind(everyone)
            return await cell.ask(held)
        finally:
            arrived[number].open()

    *runs, _ = await cell.gather(*(one(number) for number in range(MANY)), usher())
    for run, text in zip(runs, texts, strict=True):
        got = run is not None and each_got(run, "echo", [text])
        instead = "" if run is None else shown_instead(run, "echo", [text])
        expect(got, f"a run was not shown its own text{instead}")
    expect(len(cell.trace.calls("echo")) == MANY, f"the server saw {len(cell.trace.calls('echo'))} of {MANY} calls")


@capability(
    "concurrency.shared-server",
    severity="core",
    servers=["rendezvous"],
    deadline=45,
    failures=["pydantic/pydantic-ai#2818", "pydantic/pydantic-ai#2700", "google/adk-python#5729"],
)
async def shared_server(cell: CellVerbs) -> None:
    """Two agents share one server and both succeed.

    Two instances are made from one set of servers; they call a tool that waits five seconds until both are inside.
    """
    first, second = await cell.another(), await cell.another()
    runs = await cell.gather(
        first.ask(call("meet", party=2, token="first")), second.ask(call("meet", party=2, token="second"))
    )
    alone = [each for run in runs for each in run.results("meet") if "alone" in each]
    expect(not alone, "the second agent's call came only when the first one's had been answered")
    for run, own, other in zip(runs, ("first", "second"), ("second", "first"), strict=True):
        expect(f"met {other}" not in run.result("meet"), ANOTHERS, symptom=Symptom.EXCHANGED_ANSWERS)
        expect(each_got(run, "meet", [f"met {own}"]), f"the {own} agent did not get its answer")


@capability(
    "concurrency.all-agents",
    severity="core",
    servers=["assembly"],
    transports=["http"],
    together=True,
    deadline=150,
)
async def all_agents(cell: CellVerbs) -> None:
    """Every agent uses one server at the same time.

    One server stands for the whole run, and every agent calls it at once. Its tool holds each caller until all are
    there who can still come, four seconds at most, and tells it who was; everybody has to get its own answer, and
    nobody may come so late that it is alone. Who is alone because the others never came is not to blame: they are.
    """
    token = cell.nonce()
    run = await cell.ask(call("gather", token=token, of=cell.group_size))
    shown = run.result("gather")
    expect(token in shown, f"the agent was not shown its own answer: {shown[:120]!r}")
    late = any(each.started > ASSEMBLY_SECONDS for each in cell.trace.calls("gather"))
    alone = cell.group_size > 1 and f"{token}: alone" in shown
    expect(not (late and alone), "the agent came to the server only when the others had left")


@capability(
    "concurrency.no-cross-talk",
    severity="core",
    servers=["slow"],
    deadline=120,
    failures=["anthropics/claude-code#79241", "modelcontextprotocol/typescript-sdk#742"],
)
async def no_cross_talk(cell: CellVerbs) -> None:
    """Every caller gets its own marker back.

    Eight runs call one tool at once; the server answers them in reverse order. No run may see another's marker.
    """
    tokens = [cell.nonce(number) for number in range(8)]
    runs = await cell.gather(*(cell.ask(call("turnstile", token=token, of=8)) for token in tokens))
    for run, token in zip(runs, tokens, strict=True):
        shown = run.result("turnstile")
        others = [other for other in tokens if other != token and other in shown]
        expect(not others, "a run was shown the marker of another", symptom=Symptom.EXCHANGED_ANSWERS)
        instead = shown_instead(run, "turnstile", [token])
        expect(not instead, f"a run was not shown its own marker{instead}")


@capability(
    "concurrency.one-failure",
    severity="core",
    servers=["errors"],
    failures=["google/adk-python#2615"],
)
async def one_failure(cell: CellVerbs) -> None:
    """One failing call of a parallel set does not spoil its siblings.

    One turn makes three calls, the middle one fails; the others' results have to be shown, and the run goes on.
    """
    first, last, after = cell.nonce("first"), cell.nonce("last"), cell.nonce("after")
    run = await cell.ask(
        at_once(call("echo", text=first), call("fail", message=cell.nonce("error")), call("echo", text=last)),
        call("echo", text=after),
    )
    instead = shown_instead(run, "echo", [first, last, after])
    expect(not instead, f"a sibling's result was lost with the failure{instead}")


@capability(
    "concurrency.event-loop",
    severity="expected",
    servers=["slow"],
    deadline=45,
    failures=["modelcontextprotocol/python-sdk#1646"],
)
async def event_loop(cell: CellVerbs) -> None:
    """A slow call blocks no other run of the agent.

    One run waits in a tool until somebody opens a gate. Once the server has seen it wait, a second run of the same
    agent, and nobody else, opens the gate. In neither, from beginning to end, may a blocking call hold the event loop
    for a second; computing is not counted.
    """
    gate, waiting = cell.nonce(), Gate()
    agent = await cell.another()

    async def usher() -> None:
        await cell.trace.until(lambda: bool(cell.trace.calls("wait")), WAIT_SECONDS)
        waiting.open()

    with cell.beat() as beat:
        waiter, _, _ = await cell.gather(
            agent.ask(call("wait", gate=gate)), agent.ask(call("open", gate=gate).behind(waiting)), usher()
        )
    told = "" if waiter is None else waiter.result("wait")
    expect("opened" not in told, ANOTHERS, symptom=Symptom.EXCHANGED_ANSWERS)
    expect("through" in told, "the waiting run did not come through")
    expect(
        beat.longest < HELD_SECONDS,
        f"the agent held its event loop for more than {HELD_SECONDS:g} s in one blocking call, so no other run could "
        "go on; wait for it with await, or in a thread",
    )


@capability(
    "concurrency.cross-task-close",
    severity="expected",
    servers=["echo"],
    failures=[
        "modelcontextprotocol/python-sdk#79",
        "openai/openai-agents-python#1393",
        "openai/openai-agents-python#4334",
    ],
)
async def cross_task_close(cell: CellVerbs) -> None:
    """Connections opened and closed in different tasks close cleanly.

    Run A opens the connection; run B joins it; A ends while B is still busy; B calls again, and ends last. Each run
    is a task of its own, so whatever they share is opened in one and closed in another.
    """
    a_called, b_called, a_ended = Gate(), Gate(), Gate()
    text = {name: cell.nonce(name) for name in ("a", "b", "again")}

    async def first() -> Run:
        try:
            return await cell.ask(call("echo", text=text["a"]), say("done").announcing(a_called).behind(b_called))
        finally:
            a_called.open()
            a_ended.open()

    async def second() -> Run:
        await a_called.wait()
        try:
            return await cell.ask(
                call("echo", text=text["b"]),
                call("echo", text=text["again"]).announcing(b_called).behind(a_ended),
            )
        finally:
            b_called.open()

    a, b = await cell.gather(first(), second())
    instead = shown_instead(a, "echo", [text["a"]])
    expect(each_got(a, "echo", [text["a"]]), f"the run that opened the connection lost its result{instead}")
    pair = [text["b"], text["again"]]
    expect(each_got(b, "echo", pair), f"the run that outlived it lost a result{shown_instead(b, 'echo', pair)}")


@capability(
    "concurrency.pool",
    severity="expected",
    servers=["echo"],
    deadline=300,
    failures=["IBM/mcp-context-forge#3737"],
)
async def pool(cell: CellVerbs) -> None:
    """Reuse of pooled connections loses no call.

    Three waves of four runs, each run with two calls in a row, on one agent: the server has to see each of the
    twenty-four calls exactly once, and every run both of its results.
    """
    sent: list[str] = []
    for wave in range(3):
        pairs = [(cell.nonce((wave, run, 1)), cell.nonce((wave, run, 2))) for run in range(4)]
        sent += [text for pair in pairs for text in pair]
        runs = await cell.gather(*(cell.ask(call("echo", text=one), call("echo", text=two)) for one, two in pairs))
        for run, pair in zip(runs, pairs, strict=True):
            instead = shown_instead(run, "echo", pair)
            expect(each_got(run, "echo", list(pair)), f"a run of wave {wave + 1} lost a result{instead}")
    seen = sorted(str(each.arguments.get("text")) for each in cell.trace.calls("echo"))
    expect(seen == sorted(sent), f"the server saw {len(seen)} calls of {len(sent)}")


@capability(
    "concurrency.order",
    severity="core",
    servers=["slow"],
    failures=["anthropics/claude-code#79241"],
)
async def order(cell: CellVerbs) -> None:
    """Results are matched to calls by id, not by arrival.

    Three calls of one turn, which the server answers in reverse order; each call has to be shown its own answer.
    """
    tokens = [cell.nonce(number) for number in range(3)]
    turn: Turn = at_once(*(call("turnstile", token=token, of=3) for token in tokens))
    run = await cell.ask(turn)
    expect_own_answers(run, "turnstile", tokens, "a call lost its answer")
