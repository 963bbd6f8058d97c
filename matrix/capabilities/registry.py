"""The decorator that makes a function a column of the matrix."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from matrix import capabilities as package
from matrix.errors import MatrixError
from matrix.model import STATEFUL, Capability, Severity, Transport
from matrix.rule import Rule

_REGISTERED: dict[str, Capability] = {}
Check = TypeVar("Check", bound=Callable[..., Any])


class CapabilityRegisteredTwice(MatrixError):
    """Two checks have one id: a column would silently ask another question."""

    def __init__(self, capability_id: str, first: str, second: str) -> None:
        super().__init__(
            f"the capability {capability_id!r} is registered twice, by {first} and by {second}; "
            "give one of them another id"
        )


def capability(
    capability_id: str,
    *,
    severity: str,
    servers: Sequence[str] = (),
    transports: Sequence[str] = ("stdio", "http"),
    revisions: Sequence[str] = (STATEFUL,),
    failures: Sequence[str] = (),
    rules: Sequence[Rule] = (),
    needs: Sequence[str] = (),
    deadline: float = 120.0,
    silence: float = 20.0,
    bounds_a_call: bool = False,
    real: bool = False,
    probes: bool = False,
    together: bool = False,
    retries: bool = False,
    shares_a_run: bool = False,
) -> Callable[[Check], Check]:
    """Register a check under its stable id.

    The docstring's first line is the title: what a pass means, in one sentence. The rest says how it is checked.
    Raises CapabilityRegisteredTwice where another check has the id; a module that is imported again keeps its own.
    """

    def register(check: Check) -> Check:
        title, _, details = inspect.cleandoc(check.__doc__ or "").partition("\n")
        if (known := _REGISTERED.get(capability_id)) is not None and _place(known.check) != _place(check):
            raise CapabilityRegisteredTwice(capability_id, _place(known.check), _place(check))
        _REGISTERED[capability_id] = Capability(
            id=capability_id,
            title=title.strip(),
            how=" ".join(details.split()),
            severity=Severity(severity),
            check=check,
            servers=tuple(servers),
            transports=tuple(Transport(each) for each in transports),
            revisions=tuple(revisions),
            failures=tuple(failures),
            rules=tuple(rules),
            needs=tuple(needs),
            deadline=deadline,
            silence=silence,
            bounds_a_call=bounds_a_call,
            real=real,
            probes=probes,
            together=together,
            retries=retries,
            shares_a_run=shares_a_run,
        )
        return check

    return register


def registered() -> tuple[Capability, ...]:
    """Return every capability whose module has been imported, sorted by id."""
    return tuple(_REGISTERED[each] for each in sorted(_REGISTERED))


def find_capabilities() -> tuple[Capability, ...]:
    """Return every capability, sorted by id."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return registered()


def _place(check: Callable[..., Any]) -> str:
    """Say where a check is defined."""
    code = getattr(inspect.unwrap(check), "__code__", None)
    line = "" if code is None else f" (line {code.co_firstlineno})"
    return f"{check.__module__}.{check.__qualname__}{line}"
