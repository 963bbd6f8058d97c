"""Who calls: the key of a request, recognised, and the rates that keys and addresses are held to."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from matrix.configs.api.problems import Unanswerable
from matrix.configs.keys import recognise
from matrix.configs.service import Caller, ConfigService

HEADER = "x-api-key"
_KEY = APIKeyHeader(name=HEADER, auto_error=False, description="A key of `configs key add`.")
_HOME = 64
"""Bits of an IPv6 address that one client shares with nobody; the rest it may choose."""


@dataclass(frozen=True)
class Rates:
    """Requests a minute: of each key; and of each address, those with a wrong key, and those that need none."""

    per_key: int = 600
    per_address: int = 60


@dataclass(frozen=True)
class Gate:
    """The state of the application: the service, and who has asked how often.

    A minute begins with a client's first request. Counters live in memory, and go when their minute is over.
    """

    service: ConfigService
    rates: Rates = field(default_factory=Rates)
    _limiter: FixedWindowRateLimiter = field(
        init=False, default_factory=lambda: FixedWindowRateLimiter(MemoryStorage())
    )

    async def admit_key(self, key: str) -> None:
        """Count a request of a key. Raises Unanswerable (429)."""
        await self._admit(self.rates.per_key, "key", key)

    async def admit_address(self, request: Request, what: str) -> None:
        """Count a request of this kind by where it comes from. Raises Unanswerable (429)."""
        await self._admit(self.rates.per_address, what, _origin(request))

    async def _admit(self, rate: int, *who: str) -> None:
        minute = RateLimitItemPerMinute(rate)
        if not await self._limiter.hit(minute, *who):
            over = (await self._limiter.get_window_stats(minute, *who)).reset_time
            seconds = str(max(1, math.ceil(over - time.time())))
            detail = f"too many requests; try again in {seconds} s"
            raise Unanswerable(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", detail, {"Retry-After": seconds})


def gate(request: Request) -> Gate:
    """Return the application's state."""
    return cast("Gate", request.app.state.gate)


TheGate = Annotated[Gate, Depends(gate)]


async def caller(request: Request, its: TheGate, key: Annotated[str | None, Security(_KEY)]) -> Caller:
    """Return who calls. Raises Unanswerable: 401 without a key in force, 429 where there were too many requests."""
    async with its.service.database.reading() as connection:
        found = await recognise(connection, key or "")
    if found is None:
        # A good key is never kept waiting by the wrong ones of its neighbours behind the same address.
        await its.admit_address(request, "wrong-key")
        what = f"the {HEADER} is no key in force" if key else f"send a key in {HEADER}"
        challenge = {"WWW-Authenticate": f'ApiKey header="{HEADER}"'}
        raise Unanswerable(HTTPStatus.UNAUTHORIZED, "unauthorized", what, challenge)
    await its.admit_key(found.id)
    return Caller(f"key:{found.name}", found.rights)


async def anybody(request: Request, its: TheGate) -> None:
    """Let anybody in who does not ask too often. Raises Unanswerable (429)."""
    await its.admit_address(request, "no-key")


def _origin(request: Request) -> str:
    """Return the address that a request comes from; of IPv6, the network that a client has to itself."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address, _HOME), strict=False).network_address)


Known = Annotated[Caller, Depends(caller)]
Anybody = Depends(anybody)
