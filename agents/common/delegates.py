"""What agents that hand work to another agent have in common."""

from typing import Any, cast

from pydantic_ai import RunContext
from pydantic_ai.models import Model


def model_of(ctx: RunContext[Any]) -> Model[Any]:
    """Return the model of this run, for a delegate to run on at the same expense."""
    # The context is typed for realtime sessions too, whose models take no requests; none of these agents has one.
    return cast("Model[Any]", ctx.model)
