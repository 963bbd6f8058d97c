"""The decorator that makes a function a column of the matrix."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from matrix.errors import MatrixError
from matrix.model import STATEFUL, Capability, Severity

_REGISTERED: dict[str, Capability] = {}
Check = TypeVar("Check", bound=Callable[..., Any])


class CapabilityRegisteredTwice(MatrixError):  # noqa: N818  (what happened)
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
    deadline: float = 120.0,
    real: bool = False,
    probes: bool = False,
    together: bool = False,
) -> Callable[[Check], Check]:
    """Register a check under its stable id.

    The docstring's first line is the title: what a pass means, in one sentence. The rest says how it is checked.
    Raises CapabilityRegisteredTwice where another check has the id; a module that is imported again keeps its own.
    """

    def register(check: Check) -> Check:
        if (known := _REGISTERED.get(capability_id)) is not None and _place(known.check) != _place(check):
            raise CapabilityRegisteredTwice(capability_id, _place(known.check), _place(check))
        title, _, how = inspect.cleandoc(check.__doc__ or "").partition("\n")
        _REGISTERED[capability_id] = Capability(
            id=capability_id,
            title=title.strip(),
            how=" ".join(how.split()),
            severity=Severity(severity),
            check=check,
            servers=tuple(servers),
            transports=tuple(transports),
            revisions=tuple(revisions),
            failures=tuple(failures),
            deadline=deadline,
            real=real,
            probes=probes,
            together=together,
        )
        return check

    return register


def registered() -> tuple[Capability, ...]:
    """Return every capability whose module has been imported, sorted by id."""
    return tuple(_REGISTERED[each] for each in sorted(_REGISTERED))


def _place(check: Callable[..., Any]) -> str:
    """Say where a check is defined."""
    code = getattr(inspect.unwrap(check), "__code__", None)
    line = "" if code is None else f" (line {code.co_firstlineno})"
    return f"{check.__module__}.{check.__qualname__}{line}"
