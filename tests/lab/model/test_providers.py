"""Every provider of pydantic-ai that speaks one of the four protocols is answered, wherever its end is."""

from __future__ import annotations

import pytest
from pydantic_ai import Agent
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.ollama import OllamaModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.ollama import OllamaProvider
from pydantic_ai.providers.openai import OpenAIProvider

from matrix.lab.model.in_flight import in_flight
from matrix.lab.model.transport import intercepted
from matrix.lab.script import Script, call, say
from matrix.lab.trace import Trace

pytestmark = pytest.mark.anyio

KEYS = [
    "ALIBABA",
    "ANTHROPIC",
    "AZURE_OPENAI",
    "CEREBRAS",
    "CRUSOE",
    "DEEPSEEK",
    "FIREWORKS",
    "GITHUB",
    "GOOGLE",
    "META",
    "MOONSHOTAI",
    "NEBIUS",
    "OPENAI",
    "OPENROUTER",
    "OVHCLOUD",
    "SAMBANOVA",
    "TOGETHER",
    "VERCEL_AI_GATEWAY",
    "ZAI",
]
PLACES = {
    "AZURE_OPENAI_ENDPOINT": "https://unit.openai.azure.com",
    "OPENAI_API_VERSION": "2025-04-01-preview",
    "HEROKU_INFERENCE_KEY": "test",
    "OLLAMA_BASE_URL": "http://localhost:11434/v1",
    "VLLM_BASE_URL": "http://127.0.0.1:8000/v1",
}
MODELS = [
    "alibaba:qwen-max",
    "anthropic:claude-test",
    "azure:gpt-4.1",
    "cerebras:llama3.1-8b",
    "crusoe:x",
    "deepseek:deepseek-chat",
    "fireworks:accounts/fireworks/models/x",
    "google:gemini-2.5-flash",
    "heroku:claude-4-sonnet",
    "litellm:gpt-4.1",
    "meta:x",
    "moonshotai:kimi-k2-0711-preview",
    "nebius:x",
    "ollama:llama3.2",
    "openai-chat:gpt-4.1",
    "openai-responses:gpt-4.1",
    "openrouter:openai/gpt-4.1",
    "ovhcloud:x",
    "sambanova:x",
    "together:x",
    "vercel:openai/gpt-4.1",
    "vllm:x",
    "zai:glm-4.6",
]
RETIRED = pytest.param(
    "github:openai/gpt-4.1", marks=pytest.mark.filterwarnings("ignore:`GitHubProvider` is deprecated")
)
STREAMED_AND_NOT = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@pytest.fixture(autouse=True)
def _tap(lab, monkeypatch):
    for name in KEYS:
        monkeypatch.setenv(f"{name}_API_KEY", "test")
    for name, value in PLACES.items():
        monkeypatch.setenv(name, value)
    with intercepted(lambda run, path, body: lab.call(run.answer(path, body)), None, lab.url):
        yield


async def played(lab, model, *, streamed):
    """Run an agent of this model on a script of one call; returns its answer and what the model was shown."""
    agent = Agent(model)

    @agent.tool_plain
    def add(a: int, b: int) -> str:
        """Add two numbers."""
        return f"sum {a + b}"

    talk = lab.converse("c0", 0, Script((call("add", a=1, b=2), say("three"))), Trace())
    with in_flight(talk):
        if streamed:
            async with agent.run_stream("What is one and two?") as result:
                answer = await result.get_output()
        else:
            answer = (await agent.run("What is one and two?")).output
    assert not talk.trace.notes
    return answer, [each.text for each in talk.trace.model[-1].shown]


@pytest.mark.parametrize("model", [*MODELS, RETIRED])
@STREAMED_AND_NOT
async def test_an_agent_of_a_provider_is_answered_as_that_provider_answers(lab, model, streamed):
    assert await played(lab, model, streamed=streamed) == ("three", ["sum 3"])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_a_model_that_is_served_on_loopback_is_replaced_too(lab, host):
    model = OllamaModel("llama3.2", provider=OllamaProvider(base_url=f"http://{host}:11434/v1"))
    assert await played(lab, model, streamed=False) == ("three", ["sum 3"])


@STREAMED_AND_NOT
async def test_a_fallback_model_is_answered_by_its_first(lab, streamed):
    models = [OpenAIChatModel(name, provider=OpenAIProvider(api_key="test")) for name in ("first", "second")]
    assert await played(lab, FallbackModel(*models), streamed=streamed) == ("three", ["sum 3"])
