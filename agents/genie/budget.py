"""What a request may cost: the `$N` in it, and what has been spent."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pydantic_ai import ModelRequest, RunContext, RunUsage, UsageLimits, UserPromptPart

DEFAULT = Decimal(50)

_DOLLARS = re.compile(r"\$\s?(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?")


def parse(text: str) -> Decimal | None:
    """Return the first sum of dollars in a text, such as `$20`, `$12.50` or `$1,500`, or None."""
    found = _DOLLARS.search(text)
    return Decimal(found[1].replace(",", "") + (found[2] or "")) if found else None


def budget_of(ctx: RunContext[Any]) -> Decimal:
    """Return the budget that the request names, or else the latest one of its conversation, or else $50."""
    named = (parse(text) for text in _requests(ctx))
    return next((budget for budget in named if budget is not None), DEFAULT)


def limits(budget: Decimal, usage: RunUsage) -> UsageLimits:
    """Return the limits for work that is counted together with this usage.

    Where the model has no known price, dollars cannot be a limit; the library's limit of requests remains.
    """
    priced = usage.cost is not None and not usage.unmeasured_requests
    return UsageLimits(cost_limit=budget if priced else None)


def _requests(ctx: RunContext[Any]) -> Iterator[str]:
    """Yield what the user wrote, the newest first."""
    yield _text(ctx.prompt)
    for message in reversed(ctx.messages):
        if isinstance(message, ModelRequest):
            yield from (_text(part.content) for part in message.parts if isinstance(part, UserPromptPart))


def _text(prompt: Any) -> str:
    if prompt is None or isinstance(prompt, str):
        return prompt or ""
    return "\n".join(part for part in prompt if isinstance(part, str))
