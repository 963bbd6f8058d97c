"""The extras: what the base install leaves out, and the one sentence that says how to have it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

from matrix.errors import UsageError

Extra = Literal["configs", "api", "bench", "dask", "testing"]


class MissingExtra(UsageError):
    """A package is not installed that one of the extras brings."""

    def __init__(self, extra: Extra, package: str | None = None) -> None:
        self.extra: Extra = extra
        self.package = package
        missing = f" ({package} is not installed)" if package else ""
        super().__init__(f"missing extra: pip install 'agent-matrix[{extra}]'{missing}")

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[Extra, str | None]]:
        """Survive the way from a worker process to its parent."""
        return type(self), (self.extra, self.package)


@contextmanager
def needs(extra: Extra) -> Generator[None]:
    """Do what needs an extra: import it, or run what imports it. Raises MissingExtra where a package is not there."""
    try:
        yield
    except ImportError as problem:
        package = (problem.name or "").partition(".")[0]
        if package == "matrix":
            raise
        raise MissingExtra(extra, package or None) from None
