"""A scripted OpenAI: what a competent user writes who wants the provider's real code in the test.

pydantic-ai's own `FunctionModel` is shorter and cheaper, but it leaves out what turns tools and results into OpenAI's
requests: that is where agents break, and what a cell of the matrix asks. So this answers the HTTP requests of the real
client, by the mock transport of the HTTP library. One client serves all tests of a process, for each would cost a TLS
context.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

Call = tuple[str, dict[str, Any]]


@dataclass
class ScriptedModel:
    """Plays turns of calls, then says `done`; keeps the requests."""

    turns: list[Sequence[Call]] = field(default_factory=list[Sequence[Call]])
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def __post_init__(self) -> None:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        self.model = OpenAIChatModel("gpt-4.1-mini", provider=OpenAIProvider(api_key="none", http_client=http))

    def play(self, *turns: Sequence[Call]) -> None:
        """Begin a new conversation."""
        self.turns, self.requests = list(turns), []

    @property
    def offered(self) -> list[str]:
        """The names of the tools that the model was offered, sorted."""
        return sorted(each["function"]["name"] for each in self.requests[0].get("tools", []))

    @property
    def shown(self) -> list[str]:
        """What the model was shown of results, in the last request."""
        return [each["content"] for each in self.requests[-1]["messages"] if each["role"] == "tool"]

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(json.loads(request.content))
        message: dict[str, Any] = {"role": "assistant", "content": None if self.turns else "done"}
        if self.turns:
            message["tool_calls"] = [
                {
                    "id": f"call_{len(self.requests)}_{number}",
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(arguments)},
                }
                for number, (name, arguments) in enumerate(self.turns.pop(0))
            ]
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": "tool_calls" if message["content"] is None else "stop",
        }
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4.1-mini", "choices": [choice]}
        return httpx2.Response(200, json={**body, "usage": usage})
