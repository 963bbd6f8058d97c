"""A provider's server in process: a protocol behind an `httpx2` transport."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.lab.model.published import problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from matrix.lab.model.protocols.base import ModelRequest, Reply, WireProtocol


@dataclass
class Provider:
    """Answers every model request with the next reply (or the next fault), and keeps what it was asked."""

    protocol: WireProtocol
    replies: list[Reply | int]
    requests: list[ModelRequest] = field(default_factory=list)

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.raw_path.decode()
        body: dict[str, Any] = json.loads(request.content or b"{}")
        answer = self.protocol.side_answer(path, body)
        if answer is None:
            assert self.protocol.matches(path), path
            parsed = self.protocol.parse(path, body)
            self.requests.append(parsed)
            reply = self.replies.pop(0)
            answer = (
                self.protocol.render_fault(reply)
                if isinstance(reply, int)
                else self.protocol.render(parsed, reply, response_id=f"r{len(self.requests)}")
            )
        assert problems(path, request.content, answer, self.protocol) == []
        return httpx2.Response(answer.status, headers={"content-type": answer.content_type}, content=answer.body)

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self.handle), timeout=30)


@pytest.fixture
def provider() -> Callable[..., Provider]:
    def make(protocol: WireProtocol, *replies: Reply | int) -> Provider:
        return Provider(protocol, list(replies))

    return make
