"""Embeddings and moderations, asked for with the providers' own SDKs."""

from __future__ import annotations

import math

import openai
import pytest

from matrix.lab.model.protocols.google import Google
from matrix.lab.model.protocols.openai_chat import OpenAIChat
from tests.lab.model.protocols.wires.google import sdk as google_sdk
from tests.lab.model.protocols.wires.openai_chat import sdk

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("options", [{}, {"encoding_format": "float"}], ids=["base64", "float"])
async def test_one_text_has_one_embedding_in_every_run(provider, options):
    async with provider(OpenAIChat()).client() as http:
        embeddings = sdk(http).embeddings
        first = await embeddings.create(model="text-embedding-3-small", input=["a", "b", "a"], **options)
        again = await embeddings.create(model="text-embedding-3-small", input="a", **options)
    vectors = [each.embedding for each in first.data]
    assert [each.index for each in first.data] == [0, 1, 2]
    assert vectors[0] == vectors[2] == again.data[0].embedding != vectors[1]
    assert len(vectors[0]) == 1536
    assert math.hypot(*vectors[0]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("model", "options", "dimensions"),
    [("text-embedding-3-large", {}, 3072), ("text-embedding-3-small", {"dimensions": 8}, 8), ("other", {}, 1536)],
)
async def test_embeddings_have_the_dimensions_of_their_model_or_those_asked_for(provider, model, options, dimensions):
    async with provider(OpenAIChat()).client() as http:
        made = await sdk(http).embeddings.create(model=model, input=[1, 2, 3], **options)
    assert [len(each.embedding) for each in made.data] == [dimensions]


async def test_embeddings_of_nothing_are_refused(provider):
    async with provider(OpenAIChat()).client() as http:
        with pytest.raises(openai.BadRequestError, match="Missing required parameter: 'input'"):
            await sdk(http).embeddings.create(model="m", input="")


@pytest.mark.parametrize(
    ("given", "count"),
    [("a", 1), (["a", "b"], 2), ([{"type": "text", "text": "a"}], 1)],
    ids=["text", "texts", "parts"],
)
async def test_nothing_is_flagged(provider, given, count):
    async with provider(OpenAIChat()).client() as http:
        done = await sdk(http).moderations.create(input=given)
    assert [each.flagged for each in done.results] == [False] * count
    assert done.results[0].categories.self_harm_intent is False
    assert done.results[0].category_scores.hate_threatening == 0.0


async def test_google_embeds_each_content(provider):
    async with provider(Google()).client() as http:
        models = google_sdk(http).aio.models
        usual = await models.embed_content(model="gemini-embedding-001", contents=["a", "b"])
        small = await models.embed_content(
            model="gemini-embedding-001", contents="a", config={"output_dimensionality": 8}
        )
    assert [len(each.values) for each in usual.embeddings] == [3072, 3072]
    assert [len(each.values) for each in small.embeddings] == [8]
