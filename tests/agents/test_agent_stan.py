"""stan: five prompts, the CNPJ, three sub-agents, and what o1-mini is sent."""

import json
from typing import Any

import httpx2
import pytest
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from agents.stan.agent import create_agent
from agents.stan.cnpj import normalize
from agents.stan.prompts import CustomerStatus
from agents.stan.services import CNPJ, mock
from agents.stan.tools import StanDeps
from tests.agents.agent_helpers import Scripted

pytestmark = pytest.mark.anyio

NEW = "34.028.316/0001-03"


async def test_each_status_has_a_prompt_of_its_own(play: Any) -> None:
    agent = create_agent()
    prompts = {(await play(agent, deps=StanDeps(status))).instructions for status in CustomerStatus}
    assert len(prompts) == len(CustomerStatus) == 5
    assert (await play(agent)).instructions in prompts
    assert "not registered" in (await play(agent)).instructions
    assert "is approved" in (await play(agent, deps=StanDeps(CustomerStatus.APPROVED))).instructions


@pytest.mark.parametrize("cnpj", ["11.222.333/0001-81", " 11222333000181", "12.ABC.345/01DE-35"])
def test_a_cnpj_is_taken_with_and_without_punctuation_and_with_letters(cnpj: str) -> None:
    assert len(normalize(cnpj)) == 14


@pytest.mark.parametrize("cnpj", ["11.222.333/0001-82", "1122233300018", "00000000000000", "x/../y"])
def test_a_wrong_cnpj_is_refused(cnpj: str) -> None:
    with pytest.raises(ValueError, match="CNPJ"):
        normalize(cnpj)


async def test_a_wrong_cnpj_is_sent_back_to_the_model(play: Any) -> None:
    scripted = await play(create_agent(), ("verificar_cnpj", {"cnpj": "11.222.333/0001-82"}))
    assert "check digits" in scripted.shown[0]


@pytest.mark.parametrize(
    ("tool", "calls", "expected"),
    [
        (
            "product_agent",
            [("search_products", {"busca": "teclado"}), ("get_product", {"codigo": "MS-100"})],
            ["TC-200", "Mouse sem fio"],
        ),
        (
            "backoffice_agent",
            [
                ("get_customer", {"cnpj": CNPJ}),
                ("register_customer", {"cnpj": NEW, "razao_social": "Nova SA", "email": "a@example.com"}),
                ("register_customer", {"cnpj": CNPJ, "razao_social": "Aurora", "email": "a@example.com"}),
            ],
            ["APPROVED", "VERIFYING", "ja cadastrado"],
        ),
        (
            "order_agent",
            [
                ("get_order", {"numero": "2026-0042"}),
                ("place_order", {"cnpj": CNPJ, "itens": [{"codigo": "MS-100", "quantidade": 2}]}),
                ("place_order", {"cnpj": CNPJ, "itens": [{"codigo": "XX-1", "quantidade": 1}]}),
            ],
            ["FATURADO", '"total":179.8', "inexistente: XX-1"],
        ),
    ],
)
async def test_a_sub_agent_works_with_tools_of_its_own(tool: str, calls: Any, expected: Any, services: Any) -> None:
    stan, specialist = Scripted([(tool, {"input_text": "please"})]), Scripted(calls)

    def both(messages: Any, info: Any) -> Any:
        is_stan = any(each.name == tool for each in info.function_tools)
        return (stan if is_stan else specialist).answer(messages, info)

    async with services(mock) as router:
        result = await create_agent().run("go", model=FunctionModel(both))
        assert all(call.request.headers["authorization"] == "Bearer test" for call in router.calls)
    assert all(part in shown for part, shown in zip(expected, specialist.shown, strict=True))
    assert stan.shown == ["done"]
    assert result.usage.requests == len(calls) + 3
    assert "verificar_cnpj" not in specialist.offered


async def test_a_later_run_of_the_conversation_follows_the_status_of_its_own() -> None:
    agent, scripted = create_agent(), Scripted([])
    first = await agent.run("hello", model=Scripted([]).model)
    deps = StanDeps(CustomerStatus.APPROVED)
    await agent.run("and now?", model=scripted.model, message_history=first.all_messages(), deps=deps)
    assert "is approved" in scripted.instructions
    assert "not registered" not in scripted.instructions


async def test_o1_mini_is_sent_its_prompt_as_a_user_and_its_tools() -> None:
    bodies: list[Any] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        bodies.append(json.loads(request.content))
        message = {"role": "assistant", "content": "done"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        completion = {"id": "1", "object": "chat.completion", "created": 1, "model": "o1-mini"}
        return httpx2.Response(200, json={**completion, "choices": [choice], "usage": usage})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        declared = create_agent()
        name = declared.model.model_name  # pyright: ignore
        model = OpenAIChatModel(name, provider=OpenAIProvider(http_client=client))
        assert (await declared.run("go", model=model)).output == "done"
    (body,) = bodies
    assert body["model"] == "o1-mini"
    assert [message["role"] for message in body["messages"]] == ["user", "user"]
    assert body["messages"][0]["content"].startswith("You are Stan")
    assert "verificar_cnpj" in {tool["function"]["name"] for tool in body["tools"]}
    assert "temperature" not in body
