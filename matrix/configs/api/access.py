"""Who calls: the key of a request, recognised, and the rates that keys and addresses are held to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from matrix.configs.api.limits import Buckets
from matrix.configs.api.problems import Problem
from matrix.configs.keys import recognise
from matrix.configs.service import Caller, ConfigService

HEADER = "x-api-key"
_KEY = APIKeyHeader(name=HEADER, auto_error=False, description="A key of `configs key add`.")


@dataclass(frozen=True)
class Rates:
    """Requests a minute of each key; and of each address, those without a good key before they are told to wait."""

    requests: int = 600
    failures: int = 60


@dataclass(frozen=True)
class Gate:
    """The state of the application: the service, and who has asked how often."""

    service: ConfigService
    rates: Rates = field(default_factory=Rates)
    requests: Buckets = field(init=False)
    failures: Buckets = field(init=False)

    def __post_init__(self) -> None:
        """Start with full buckets."""
        object.__setattr__(self, "requests", Buckets(self.rates.requests, max(1, self.rates.requests // 6)))
        object.__setattr__(self, "failures", Buckets(self.rates.failures, max(1, self.rates.failures)))


def gate(request: Request) -> Gate:
    """Return the application's state."""
    return cast("Gate", request.app.state.gate)


async def caller(
    request: Request, its: Annotated[Gate, Depends(gate)], key: Annotated[str | None, Security(_KEY)]
) -> Caller:
    """Return who calls. Raises Problem: 401 without a key in force, 429 where there were too many requests."""
    async with its.service.database.reading() as connection:
        found = await recognise(connection, key or "")
    if found is None:
        # A good key is never kept waiting by the wrong ones of its neighbours behind the same address.
        _in_time(its.failures.take(request.client.host if request.client else ""))
        what = f"the {HEADER} is no key in force" if key else f"send a key in {HEADER}"
        raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", what, {"WWW-Authenticate": f'ApiKey header="{HEADER}"'})
    _in_time(its.requests.take(found.id))
    return Caller(f"key:{found.name}", found.rights)


def _in_time(wait: float) -> None:
    if wait:
        seconds = str(max(1, math.ceil(wait)))
        detail = f"too many requests; try again in {seconds} s"
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", detail, {"Retry-After": seconds})


Known = Annotated[Caller, Depends(caller)]
TheGate = Annotated[Gate, Depends(gate)]
