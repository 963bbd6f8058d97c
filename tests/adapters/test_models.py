"""A pydantic-ai agent whose model cannot be scripted is told apart, with what to do about it."""

from __future__ import annotations

import pytest
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.openai import OpenAIProvider

from matrix.adapters.base import CannotStart, NotScripted
from matrix.adapters.choose import starter
from matrix.adapters.models import check_model
from matrix.origin import Registration, RegistrationKind
from matrix.registry.registration import from_mapping

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


@pytest.mark.parametrize("own", ["", "TestModel()"])
async def test_the_rows_model_is_asked_in_place_of_the_agents_own(tmp_path, own):
    name = f"modelled_{len(own)}"
    (tmp_path / f"{name}.py").write_text(
        "from pydantic_ai import Agent\nfrom pydantic_ai.models.test import TestModel\n\n"
        f"def create_agent():\n    return Agent({own})\n"
    )
    row = {"factory": f"{name}:create_agent"}
    registration = Registration(RegistrationKind.IMPORT_STRING, row["factory"])
    alone, named = (
        starter(from_mapping({**row, **more}, "shop", registration, tmp_path))(tmp_path)
        for more in ({}, {"model": "openai-chat:gpt-4.1-mini"})
    )
    with pytest.raises(CannotStart):
        await alone({})
    await named({})
