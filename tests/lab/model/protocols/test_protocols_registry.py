"""Which protocol answers which path."""

from __future__ import annotations

import pytest

from matrix.lab.model.protocols import PROTOCOLS, protocol_for


def test_the_four_protocols_have_the_contract_s_names():
    assert list(PROTOCOLS) == ["openai-chat", "openai-responses", "anthropic", "google"]
    assert all(protocol.name == name for name, protocol in PROTOCOLS.items())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "openai-chat"),
        ("/model/run-1/v1/chat/completions/", "openai-chat"),
        ("/openai/deployments/x/chat/completions?api-version=1", "openai-chat"),
        ("/v1beta/openai/chat/completions", "openai-chat"),
        ("/v1/responses", "openai-responses"),
        ("/v1/messages?beta=true", "anthropic"),
        ("/v1beta/models/gemini-3:generateContent", "google"),
        ("/v1beta/models/gemini-3:streamGenerateContent?alt=sse", "google"),
    ],
)
def test_model_requests_are_told_by_their_path(path, name):
    protocol = protocol_for(path)
    assert protocol is not None
    assert protocol.name == name
    assert protocol.matches(path)
    assert protocol.side_answer(path, {}) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/messages/count_tokens?beta=true", "anthropic"),
        ("/v1/responses/input_tokens", "openai-responses"),
        ("/v1beta/models/gemini-3:countTokens", "google"),
        ("/v1beta/models/gemini-embedding-001:embedContent", "google"),
        ("/v1beta/models/gemini-embedding-001:batchEmbedContents", "google"),
        ("/v1/embeddings", "openai-chat"),
        ("/openai/deployments/x/embeddings?api-version=1", "openai-chat"),
        ("/v1/moderations", "openai-chat"),
        ("/v1beta/models", "google"),
        ("/v1beta/models/gemini-3", "google"),
        ("/v1/models", "openai-chat"),
        ("/v1/models/gpt-5", "openai-chat"),
        ("/v1beta/openai/models", "openai-chat"),
    ],
)
def test_side_requests_have_a_protocol_too_and_are_no_model_requests(path, name):
    protocol = protocol_for(path)
    assert protocol is not None
    assert protocol.name == name
    assert not protocol.matches(path)
    assert protocol.side_answer(path, {}) is not None


@pytest.mark.parametrize("path", ["/", "/v1/files", "/v1/audio/speech", "/v1beta/models/x:predict"])
def test_other_paths_are_nobody_s(path):
    assert protocol_for(path) is None
