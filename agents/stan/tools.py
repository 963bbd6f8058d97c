"""Stan's own tools: the check of a CNPJ, and three sub-agents, each of which is an agent inside a tool."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_ai import AbstractToolset, Agent, FunctionToolset, RunContext

from agents.common.delegates import model_of
from agents.stan import blackpearl, prompts
from agents.stan.prompts import CustomerStatus


@dataclass(frozen=True)
class StanDeps:
    """What a run may be told about the customer whom stan talks to."""

    status: CustomerStatus = CustomerStatus.NOT_REGISTERED


def sales_toolset(shared: Sequence[AbstractToolset[Any]]) -> FunctionToolset[StanDeps | None]:
    """Return stan's four tools; the sub-agents work with these toolsets too, the same objects as stan's.

    A sub-agent runs on stan's model, and what it uses is counted as his.
    """
    product = _specialist("stan-product", prompts.PRODUCT, [blackpearl.search_products, blackpearl.get_product], shared)
    backoffice = _specialist(
        "stan-backoffice", prompts.BACKOFFICE, [blackpearl.get_customer, blackpearl.register_customer], shared
    )
    order = _specialist("stan-order", prompts.ORDER, [blackpearl.get_order, blackpearl.place_order], shared)

    async def product_agent(ctx: RunContext[StanDeps | None], input_text: str) -> str:
        """Ask the product specialist, who knows the catalogue, prices and stock.

        Args:
            input_text: The question, with everything needed to answer it.
        """
        return await _ask(product, ctx, input_text)

    async def backoffice_agent(ctx: RunContext[StanDeps | None], input_text: str) -> str:
        """Ask the back office, which looks up and registers customers.

        Args:
            input_text: What to do, with the CNPJ of the company.
        """
        return await _ask(backoffice, ctx, input_text)

    async def order_agent(ctx: RunContext[StanDeps | None], input_text: str) -> str:
        """Ask for an order to be placed or looked up.

        Args:
            input_text: The customer's CNPJ with product codes and quantities, or an order's number.
        """
        return await _ask(order, ctx, input_text)

    return FunctionToolset([blackpearl.verificar_cnpj, product_agent, backoffice_agent, order_agent], id="sales")


def _specialist(
    name: str, system_prompt: str, tools: Sequence[Any], shared: Sequence[AbstractToolset[Any]]
) -> Agent[Any, str]:
    return Agent(name=name, system_prompt=system_prompt, tools=tools, toolsets=shared, retries=2)


async def _ask(specialist: Agent[Any, str], ctx: RunContext[Any], task: str) -> str:
    answer = await specialist.run(task, model=model_of(ctx), usage=ctx.usage)
    return answer.output
