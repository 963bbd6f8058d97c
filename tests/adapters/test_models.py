"""A pydantic-ai agent whose model cannot be scripted is told apart, with what to do about it."""

from __future__ import annotations

import pytest
from pydantic_ai import Agent
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.openai import OpenAIProvider

from matrix.adapters.base import CannotStart, NotScripted
from matrix.adapters.models import check_model
from matrix.adapters.pydantic_ai import start

pytestmark = pytest.mark.anyio

MEND = 'name one in the row, as `model = "openai-chat:gpt-4.1-mini"`, to ask the same agent through it'


def scripted():
    return OpenAIChatModel("gpt-4.1-mini", provider=OpenAIProvider(api_key="test"))


@pytest.mark.parametrize(
    ("model", "what"),
    [
        ("bedrock:x", "speaks Amazon Bedrock's Converse API, which is not scripted"),
        ("mistral:x", "speaks Mistral's chat API, which is not scripted"),
        ("cohere:x", "speaks Cohere's chat API, which is not scripted"),
        ("huggingface:x", "speaks Hugging Face's inference API, which is not scripted"),
        ("xai:x", "speaks xAI's gRPC API, which is not scripted"),
        ("test", "is a TestModel, which never leaves the process"),
        (TestModel(), "is a TestModel, which never leaves the process"),
        (FunctionModel(lambda _, __: None), "is a FunctionModel, which never leaves the process"),
        (WrapperModel(TestModel()), "is a TestModel, which never leaves the process"),
        (FallbackModel(scripted(), TestModel()), "is a TestModel, which never leaves the process"),
    ],
)
def test_a_model_that_cannot_be_scripted_is_named_with_the_mend(model, what):
    with pytest.raises(NotScripted) as caught:
        check_model(model)
    assert str(caught.value) == f"its model {what}; {MEND}"


def test_an_agent_without_a_model_cannot_start():
    with pytest.raises(CannotStart) as caught:
        check_model(None)
    assert not isinstance(caught.value, NotScripted)
    assert str(caught.value) == f"it has no model; give it one, or {MEND}"


@pytest.mark.parametrize("model", ["openai-chat:gpt-4.1-mini", "custom:model", scripted(), FallbackModel(scripted())])
def test_any_other_model_is_taken(model):
    check_model(model)


async def test_the_rows_model_is_asked_in_place_of_the_agents_own():
    for own in (None, TestModel()):
        with pytest.raises(CannotStart):
            await start(Agent(own), {})
        await start(Agent(own), {}, "openai-chat:gpt-4.1-mini")
