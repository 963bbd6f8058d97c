"""The table of the gallery: each agent, by kind, what is unusual about it, what it is asked beyond the sample."""

from __future__ import annotations

from collections.abc import Mapping

from tests.gallery.exhibit import Exhibit
from tests.gallery.questions import (
    APART,
    BARE,
    BOTH,
    FOUND,
    FUNCTIONS,
    GOOGLE,
    IN_TEXTS,
    IN_THE_PROMPT,
    LIBRARY,
    MESSAGES,
    NATIVE,
    ONE_AT_A_TIME,
    RESPONSES,
    RUNS,
    SCHEMAS,
    SERVERS,
    TOGETHER,
    WHATEVER_IS_CALLED,
    all_of,
    by_caller,
    by_search,
)

GALLERY: Mapping[str, tuple[Exhibit, ...]] = {
    "forms": (
        Exhibit("forms:blocking", "A function that is not async, with an event loop of its own.", TOGETHER),
        Exhibit("forms:awaitable", "A function that is not async and returns a coroutine."),
        Exhibit("forms:stream", "An async generator of the letters of its answer."),
        Exhibit("forms:pieces", "A generator of texts."),
        Exhibit("forms:result", "An object with the answer in its text `output`."),
        Exhibit("forms:with_history", "An answer with a history."),
        Exhibit("forms:partial", "A `functools.partial`."),
        Exhibit("forms:options", "A function of a task and of more, all with defaults."),
        Exhibit("forms:decorated", "A decorated function, whose parameter is not called task."),
        Exhibit("forms:app", "An object with `__call__`, made by its module."),
        Exhibit("forms:app.chat", "A method of an object of the module."),
        Exhibit("forms:App", "A class, made anew for each instance."),
        Exhibit("forms:Closed", "A class with `close()`, which works no more afterwards."),
        Exhibit("forms:reopening", "An object of the module with `aclose()`, which opens again."),
        Exhibit("forms:create_agent", "A factory with an optional config."),
        Exhibit("forms:create_later", "An async factory."),
        Exhibit("forms:create_wired", "A factory of a callable, which is handed the servers."),
        Exhibit(
            "forms:prompted",
            "A function of a text, which is told so.",
            refused="tests.gallery.forms:prompted takes a text (prompt: str); the callable is given a task, its text "
            "is task.prompt",
        ),
        Exhibit(
            "forms:holder",
            "An object that holds its agent, which is told where that is.",
            refused="tests.gallery.forms:holder is of type SimpleNamespace, neither a pydantic_ai.Agent nor a "
            "callable; name the agent inside of it, tests.gallery.forms:holder.agent",
        ),
    ),
    "chat options": (
        Exhibit(
            "chat_options:Optioned.answer", "Sets every option of a request, `max_completion_tokens` and `stop` too."
        ),
        Exhibit("chat_options:SeveralChoices.answer", "Asks for two choices and takes the second.", TOGETHER),
        Exhibit("chat_options:Planner.answer", "Asks for a plan under `tool_choice: none` first.", WHATEVER_IS_CALLED),
        Exhibit("chat_options:PlansByTool.answer", "Forces a tool of its own in the first turn.", WHATEVER_IS_CALLED),
        Exhibit("chat_options:Serial.answer", "Wants one call a turn, and relies on it.", unsupported=ONE_AT_A_TIME),
        Exhibit("chat_options:Structured.answer", "Reads its answer as JSON of a schema.", WHATEVER_IS_CALLED),
        Exhibit(
            "chat_options:Finishing.answer",
            "Demands a call in every turn; a tool of its own ends it.",
            WHATEVER_IS_CALLED,
        ),
        Exhibit("chat_options:FirstTurnForced.answer", "Demands a call in the first turn only.", TOGETHER),
        Exhibit("chat_options:AnswersInATurnOfItsOwn.answer", "Has its answer written again, as JSON, without tools."),
        Exhibit(
            "chat_options:Functions.answer",
            "Speaks of `functions` and `function_call`, as before there were tools.",
            unsupported=all_of(FUNCTIONS),
        ),
    ),
    "side calls": (
        Exhibit(
            "side_calls:Embedding.answer", "Ranks its tools by embeddings of the same provider.", WHATEVER_IS_CALLED
        ),
        Exhibit("side_calls:Moderated.answer", "Has the prompt moderated first."),
        Exhibit("side_calls:ChoosesItsModel.answer", "Asks which models there are."),
        Exhibit("side_calls:Titled.answer", "Asks for a title while it runs."),
        Exhibit("side_calls:Summarised.answer", "Has its answer summarised."),
        Exhibit("side_calls:Guarded.answer", "Has a guard say in JSON whether the request is harmful."),
        Exhibit("side_calls:GuardedByAWord.answer", "Has a guard say SAFE or UNSAFE."),
        Exhibit("side_calls:GuardedByAnEnum.answer", "Has a guard choose whether to block."),
        Exhibit("side_calls:Routed.answer", "Has a router choose its way."),
        Exhibit("side_calls:Judged.answer", "Has its answer judged, and begins again where it does not pass."),
        Exhibit("side_calls:RewritesTheQuestion.answer", "Has the question rewritten before it begins."),
    ),
    "OpenAI's SDK": (
        Exhibit("openai_sdk:Chat.answer", "On chat completions by the SDK.", (*TOGETHER, "agent.model-errors")),
        Exhibit(
            "openai_sdk:ChatStreamed.answer", "Streams, with the usage in the last chunk.", ("agent.model-errors",)
        ),
        Exhibit("openai_sdk:ChatRaw.answer", "Reads the head of each response before it parses it."),
        Exhibit("openai_sdk:ChatInAThread.answer", "Asks its model by a synchronous client in a thread.", TOGETHER),
        Exhibit(
            "openai_sdk:Responses.answer",
            "On responses, with the whole conversation each time.",
            TOGETHER,
            row=RESPONSES,
        ),
        Exhibit(
            "openai_sdk:ResponsesStored.answer",
            "Sends what is new, after `previous_response_id`.",
            TOGETHER,
            row=RESPONSES,
        ),
        Exhibit("openai_sdk:ResponsesReasoned.answer", "Wants its reasoning encrypted.", row=RESPONSES),
        Exhibit("openai_sdk:ResponsesStreamed.answer", "Streams responses.", row=RESPONSES),
        Exhibit("openai_sdk:ResponsesInBlocks.answer", "Shows each result as a list of blocks.", row=RESPONSES),
    ),
    "other SDKs": (
        Exhibit("anthropic_sdk:Messages.answer", "On messages, with failures marked.", TOGETHER, row=MESSAGES),
        Exhibit("anthropic_sdk:MessagesStreamed.answer", "Streams messages.", row=MESSAGES),
        Exhibit(
            "anthropic_sdk:MessagesCached.answer", "Caches system, tools and results, which are blocks.", row=MESSAGES
        ),
        Exhibit("anthropic_sdk:MessagesThinking.answer", "Has its model think.", row=MESSAGES),
        Exhibit("anthropic_sdk:MessagesCounted.answer", "Counts the tokens of each request first.", row=MESSAGES),
        Exhibit(
            "anthropic_sdk:MessagesOneByOne.answer",
            "Disables parallel tool use, and relies on it.",
            unsupported=ONE_AT_A_TIME,
            row=MESSAGES,
        ),
        Exhibit(
            "anthropic_sdk:MessagesFinishing.answer",
            "Demands a call in every message; one of its own ends it.",
            row=MESSAGES,
        ),
        Exhibit(
            "anthropic_sdk:MessagesInAThread.answer",
            "Asks by Anthropic's synchronous client in a thread.",
            row=MESSAGES,
        ),
        Exhibit("anthropic_sdk:MessagesHosted.answer", "Offers a web search of its provider beside.", row=MESSAGES),
        Exhibit("google_sdk:Gemini.answer", "On Gemini, with schemas as JSON Schema.", TOGETHER, row=GOOGLE),
        Exhibit("google_sdk:GeminiStreamed.answer", "Streams from Gemini.", row=GOOGLE),
        Exhibit("google_sdk:GeminiOptioned.answer", "Sets a tool mode, safety settings and no thinking.", row=GOOGLE),
        Exhibit("google_sdk:GeminiCounted.answer", "Counts Gemini's tokens first.", row=GOOGLE),
        Exhibit("google_sdk:GeminiTyped.answer", "Has its answer typed by a `response_schema`.", row=GOOGLE),
    ),
    "names and schemas": (
        Exhibit("naming:Prefixed.answer", "Names a tool `mcp__SERVER__TOOL`.", FOUND),
        Exhibit("naming:Camel.answer", "Names tools in camel case.", FOUND),
        Exhibit("naming:Upper.answer", "Names tools in capitals.", FOUND),
        Exhibit("naming:Bare.answer", "Puts the server into a name only where it has to.", FOUND),
        Exhibit("naming:Suffixed.answer", "Puts the server behind the tool's name.", FOUND),
        Exhibit("naming:Hashed.answer", "Names tools by a hash.", (*FOUND, "real.invocation", "real.schema")),
        Exhibit("naming:Numbered.answer", "Numbers its tools.", (*FOUND, "real.invocation", "real.schema")),
        Exhibit("naming:Truncated.answer", "Cuts names to 20 characters, with a hash.", (*FOUND, "real.invocation")),
        Exhibit(
            "naming:Augmented.answer",
            "Puts words before and after each description.",
            (*FOUND, "discovery.description"),
        ),
        Exhibit("naming:Shortened.answer", "Keeps 20 characters of a description.", (*FOUND, "real.invocation")),
        Exhibit("naming:OneLine.answer", "Keeps the first sentence of a description.", FOUND),
        Exhibit("naming:Untold.answer", "Keeps no descriptions at all.", FOUND),
        Exhibit("naming:Explained.answer", "Tells each schema in the description too.", FOUND),
        Exhibit("naming:Titled.answer", "Gives titles to schemas and properties.", SCHEMAS),
        Exhibit("naming:Closed.answer", "Closes objects that do not say whether they are open.", SCHEMAS),
        Exhibit("naming:Inlined.answer", "Puts definitions where they are referred to.", SCHEMAS),
        Exhibit(
            "naming:Strict.answer",
            "Requires every argument, and leaves out what is null.",
            (*SCHEMAS, "invoke.optional-args"),
        ),
        Exhibit("naming:ManyOwn.answer", "Has 64 tools of its own, some with names like those of a server.", FOUND),
    ),
    "running": (
        Exhibit("running:in_a_thread", "Runs in a plain thread, in a loop of its own.", RUNS, transports=BOTH),
        Exhibit("running:in_an_executor", "Runs in an executor that was made by its module.", RUNS),
        Exhibit("running:in_the_default_executor", "Runs in the threads that asyncio has.", RUNS),
        Exhibit("running:Loop", "Runs in one loop, in a thread that is older than all runs.", RUNS),
        Exhibit("running:Queue", "Runs in workers that take runs out of a queue.", RUNS),
        Exhibit("running:Shielded.answer", "Runs in a task that is shielded.", RUNS),
        Exhibit("running:Structured.answer", "Makes the calls of a turn in a task group of anyio's.", TOGETHER),
        Exhibit(
            "running:AsCompleted.answer",
            "Takes results as they come, and shows them in the order of the calls.",
            TOGETHER,
        ),
        Exhibit(
            "running:OneByOne.answer", "Makes the calls of a turn one after the other.", ("concurrency.one-failure",)
        ),
        Exhibit("running:Locked.answer", "Makes calls under a lock of the run.", ("concurrency.one-failure",)),
        Exhibit("running:Limited.answer", "Makes at most four calls at once in all its runs.", TOGETHER),
        Exhibit("running:Beating.answer", "Has a task beside each run, cancelled at its end.", RUNS),
        Exhibit("running:Racing.answer", "Asks its model something beside, and cancels that.", RUNS),
        Exhibit("running:TriesAgain.answer", "Begins a run again where the connection failed."),
        Exhibit("running:Daemon.answer", "Holds its connections in a task of their own.", RUNS, transports=BOTH),
    ),
    "connecting": (
        Exhibit("connecting:ForEachCall.answer", "Connects again for each call.", RUNS, transports=BOTH),
        Exhibit(
            "connecting:ListsAndCallsApart.answer", "Lists in one session and calls in another.", RUNS, transports=BOTH
        ),
        Exhibit("connecting:AllAtOnce.answer", "Connects to all servers at once.", SERVERS, transports=BOTH),
        Exhibit("connecting:Lister.answer", "Lists the tools before each turn.", RUNS),
        Exhibit(
            "connecting:Pool", "Keeps connections over its runs, until `aclose()`.", (*RUNS, *SERVERS), transports=BOTH
        ),
        Exhibit("connecting:Fast.answer", "Connects by fastmcp's client.", (*RUNS, *SERVERS), transports=BOTH),
        Exhibit(
            "connecting:Raw.answer",
            "Speaks JSON-RPC without an SDK.",
            (*RUNS, *SERVERS, "lifecycle.version"),
            transports=BOTH,
        ),
    ),
    "pydantic-ai": (
        Exhibit("pydantic_agents:keyed", "Is made with its module, which needs a key.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:responses", "On responses.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:create_anthropic", "On Anthropic.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:create_google", "On Google.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:serial", "Sets `parallel_tool_calls` to false.", unsupported=ONE_AT_A_TIME, row=BARE),
        Exhibit("pydantic_agents:native", "Has an output type, as the provider's own format.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:tool", "Has an output type, as a tool of another name.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:prompted", "Has two output types, told in its prompt.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:union", "Has a text or one of two types for output.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:create_anthropic_typed", "Has an output type on Anthropic.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:create_google_typed", "Has an output type on Google.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:by_function", "Has its text made into a list.", row=BARE),
        Exhibit("pydantic_agents:validated", "Refuses its first output.", row=BARE),
        Exhibit(
            "pydantic_agents:with_deps",
            "Uses deps in its instructions and tools, which its row makes.",
            NATIVE,
            row={"deps": "tests.gallery.pydantic_agents:make_deps"},
        ),
        Exhibit("pydantic_agents:create_with_deps", "Is returned together with its deps.", NATIVE),
        Exhibit(
            "pydantic_agents:create_fallback", "Has two models, through a gateway and a client of its own.", row=BARE
        ),
        Exhibit("pydantic_agents:create_wired", "Is handed the servers and prefixes their tools.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:create_renamed", "Is handed the servers and filters their tools.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:create_manager", "Has a tool that asks another agent.", NATIVE),
        Exhibit(
            "pydantic_agents:create_blocking_manager", "Has a tool that asks another agent in an executor.", NATIVE
        ),
        Exhibit("pydantic_agents:streamed", "Streams its run.", LIBRARY, row=BARE),
        Exhibit(
            "pydantic_agents:stepped", "Steps through its run, and returns an `AgentRunResult`.", LIBRARY, row=BARE
        ),
        Exhibit("pydantic_agents:pieces", "Yields what it streams.", row=BARE),
        Exhibit("pydantic_agents:entered", "Enters its agent, and gives its history back.", row=BARE),
        Exhibit("pydantic_agents:blocking", "Runs synchronously.", LIBRARY, row=BARE),
        Exhibit("pydantic_agents:own_provider", "Takes its model from the task, in a loop of its own.", row=BARE),
    ),
    "histories and results": (
        Exhibit("histories:Instructed.answer", "Has instructions of a developer before, and a system text at the end."),
        Exhibit("histories:AllInTheSystem.answer", "Tells the task in the system text."),
        Exhibit("histories:WithHistory.answer", "Begins with a conversation that had calls of its own."),
        Exhibit("histories:InBlocks.answer", "Sends every text as a list of blocks."),
        Exhibit("histories:Renumbered.answer", "Gives the calls ids of its own.", TOGETHER),
        Exhibit("histories:Compacted.answer", "Keeps the last turn, and a sentence on those before."),
        Exhibit("histories:Cleared.answer", "Empties the results of all turns but the last."),
        Exhibit("histories:Retold.answer", "Tells finished turns again as texts."),
        Exhibit(
            "histories:Observed.answer",
            "Shows results as observations in the user's texts.",
            unsupported=all_of(IN_TEXTS),
        ),
        Exhibit("histories:Nudged.answer", "Tells its model after each turn to go on."),
        Exhibit("histories:Wrapped.answer", "Wraps results in JSON."),
        Exhibit("histories:Headed.answer", "Puts a heading over each result."),
        Exhibit("histories:Tagged.answer", "Puts tags around a result, and a warning after it."),
        Exhibit("histories:Listed.answer", "Shows a result as a list of blocks, in JSON."),
        Exhibit("histories:Timed.answer", "Says how long a result took and is."),
        Exhibit(
            "histories:FirstTurnBare.answer",
            "Lets its model think without tools in the first turn.",
            ("discovery.first-turn",),
        ),
        Exhibit("histories:Continued.answer", "Asks its model after a text whether that was all."),
    ),
    "tools behind others": (
        Exhibit(
            "reaching:Searched.answer",
            "Offers tools only once a search has found them.",
            ("discovery.deferred-reachable", "discovery.first-turn"),
            by_search("search_tools"),
        ),
        Exhibit(
            "reaching:LoadedByName.answer",
            "Lists names, and loads tools by them.",
            ("discovery.deferred-reachable",),
            by_search("list_available_tools"),
        ),
        Exhibit("reaching:Called.answer", "Has one tool that calls all others.", unsupported=by_caller("call_tool")),
        Exhibit(
            "reaching:CalledWithText.answer",
            "Has one tool that calls others with a text of JSON.",
            unsupported=by_caller("run_mcp_tool"),
        ),
        Exhibit(
            "reaching:OneToolAServer.answer",
            "Has one tool for each server, which takes an action.",
            unsupported=by_caller("mcp_schemas"),
        ),
        Exhibit("reaching:Delegated.answer", "Hands its task to a specialist.", TOGETHER),
        Exhibit("reaching:HandedOver.answer", "Hands over, without an argument.", ("discovery.first-turn",)),
        Exhibit(
            "reaching:OneAgentAServer.answer",
            "Has an agent for each server.",
            unsupported={"concurrency.parallel-servers": APART},
        ),
        Exhibit(
            "reaching:InThePrompt.answer",
            "Tells of its tools in the prompt, and calls them by text.",
            unsupported=all_of(IN_THE_PROMPT),
        ),
    ),
}
