"""Genie's own tools: the plan, and one for each agent that work is handed to."""

import logging
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic_ai import FunctionToolset, ModelRetry, RunContext, Tool, ToolFailed, UsageLimitExceeded

from agents.common.delegates import model_of
from agents.common.memory import Memory
from agents.discord.agent import create_agent as create_discord
from agents.genie.budget import budget_of, limits
from agents.simple.agent import create_agent as create_simple
from agents.sofia.agent import create_agent as create_sofia
from agents.stan.agent import create_agent as create_stan

FACTORIES = {"simple": create_simple, "discord": create_discord, "stan": create_stan, "sofia": create_sofia}

_log = logging.getLogger(__name__)


class Step(BaseModel):
    """One step of a plan."""

    agent: Literal["simple", "discord", "stan", "sofia"] = Field(description="Who does it.")
    task: str = Field(description="What is to be done.")
    dollars: float = Field(default=0.0, ge=0, description="What it may cost.")


def orchestration_toolset(memory: Memory, servers: Mapping[str, Mapping[str, Any]]) -> FunctionToolset[Any]:
    """Return the tools; each delegate is given these MCP servers and wires them its own way."""

    def write_plan(ctx: RunContext[Any], steps: list[Step]) -> str:
        """Write down the plan, or a new one, and hear whether the budget allows it.

        Args:
            steps: What is to be done, in order.
        """
        budget = budget_of(ctx)
        total = sum(step.dollars for step in steps)
        if not steps or total > budget:
            raise ModelRetry(f"The plan has {len(steps)} steps for ${total:.2f}; the budget is ${budget:.2f}.")
        lines = [f"{i}. {step.agent}: {step.task} (${step.dollars:.2f})" for i, step in enumerate(steps, 1)]
        plan = "\n".join([*lines, f"${total:.2f} of ${budget:.2f}."])
        memory.store(f"plan/{ctx.run_id}", plan)
        return plan

    return FunctionToolset([write_plan, *(delegation(name, servers) for name in FACTORIES)], id="orchestration")


def delegation(name: str, servers: Mapping[str, Mapping[str, Any]]) -> Tool[Any]:
    """Return the tool that hands a task to this agent.

    The delegate is built afresh by its own factory. It runs on genie's model, at genie's expense, so that one
    price holds for the whole budget.
    """

    async def ask(ctx: RunContext[Any], task: str) -> str:
        budget = budget_of(ctx)
        spent = ctx.usage.cost or 0
        if spent >= budget:
            raise ToolFailed(f"The budget of ${budget:.2f} is spent: nothing more can be delegated.")
        delegate = FACTORIES[name](mcp_servers=servers)
        try:
            answer = await delegate.run(
                task, model=model_of(ctx), usage=ctx.usage, usage_limits=limits(budget, ctx.usage)
            )
        except UsageLimitExceeded as error:
            raise ToolFailed(f"{name} was stopped: {error}") from error
        except Exception as error:  # a delegate in trouble is a failed step, not the end
            _log.warning("%s failed", name, exc_info=True)
            raise ToolFailed(f"{name} failed: {error or type(error).__name__}") from error
        return answer.output

    ask.__doc__ = f"""Hand a task to {name} and return what came of it.

    Args:
        task: What is to be done, with everything that has to be known for it.
    """
    return Tool(ask, name=f"ask_{name}")
