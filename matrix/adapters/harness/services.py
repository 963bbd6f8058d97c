"""The REST services that a row answers for, in its agent's own process: by respx, which its interpreter has to have.

The standard library alone besides, Python 3.9 or later.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from ...registry.loading import Broken
from . import redirect

Router = Any
"""A respx.MockRouter."""


def respx() -> Any:
    """Import respx. Raises Broken where the agent's interpreter does not have it."""
    try:
        import respx as found  # noqa: PLC0415  (most do without)
    except ImportError as problem:
        cause = "its `services` are answered by respx, which its interpreter does not have"
        raise Broken(cause, "install respx there, or leave `services` out") from problem
    return found


@contextmanager
def answered(library: Any, services: Callable[[Router], None]) -> Generator[None, None, None]:
    """Answer what the agent sends over httpx to its services; what else would leave the machine is refused."""
    with library.MockRouter(assert_all_called=False) as router:
        router.route(host__in=tuple(sorted(redirect.LOOPBACK))).pass_through()
        services(router)
        router.route().mock(side_effect=redirect.refuse)
        with redirect.services_answered():
            yield
