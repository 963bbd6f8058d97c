"""What a database says went wrong, as one sentence without anybody's values.

A driver's words quote what it was given: the row that failed, the text that is no number, and so the secret in it.
Only what names tables, columns, constraints and states is passed on. The driver's own error is not chained either, for
whoever prints the chain would print it.
"""

from __future__ import annotations

import sqlite3
from typing import Any, cast

from sqlalchemy.exc import StatementError

from matrix.errors import MatrixError, UsageError

_LOCK_NOT_AVAILABLE = "55P03"
_BUSY = "is being written by somebody else; try again when they are done"
_QUOTING_NO_VALUES = frozenset({"08", "25", "28", "3D", "40", "42", "53", "54", "55", "57", "58"})
"""PostgreSQL's classes of errors about connections, rights, names, states and resources (its appendix A)."""


class DatabaseProblem(MatrixError):
    """A database did not do what it was asked: which one, and what is the matter."""

    def __init__(self, shown: str, matter: str) -> None:
        self.shown = shown
        self.matter = matter
        super().__init__(f"{shown} {matter}")

    def __reduce__(self) -> tuple[type[DatabaseProblem], tuple[str, ...]]:
        """Survive the way from a worker process to its parent."""
        return type(self), (self.shown, self.matter)


class DatabaseBusy(DatabaseProblem):
    """Somebody else has been writing for longer than we wait."""


class ConstraintViolated(DatabaseProblem):
    """A constraint refuses what was to be written."""


class NotSqlite(UsageError):
    """A file that is no SQLite database."""

    def __init__(self, shown: str) -> None:
        super().__init__(f"{shown} is no SQLite database")


def problem_of(error: StatementError, shown: str) -> MatrixError:
    """Return what to raise in place of an error of the driver, or of SQLAlchemy on its way there.

    `shown` is the database's URL without its password.
    """
    original: Any = error.orig
    if isinstance(original, sqlite3.Error):
        return _of_sqlite(original, shown)
    state = cast("str | None", getattr(original, "sqlstate", None))
    if state == _LOCK_NOT_AVAILABLE:
        return DatabaseBusy(shown, _BUSY)
    kind = type(original).__name__
    if state is None and kind not in {"OperationalError", "InterfaceError"}:
        return DatabaseProblem(shown, f"was given something that cannot be written there ({kind})")
    if state is None or state[:2] in _QUOTING_NO_VALUES:
        return DatabaseProblem(shown, f"cannot be used: {_first_line(original)}")
    place = _place(original)
    if state.startswith("23"):
        return ConstraintViolated(shown, f"refuses a row: {kind}{place}")
    return DatabaseProblem(shown, f"refuses what was to be written: {kind}{place}")


def _of_sqlite(original: sqlite3.Error, shown: str) -> MatrixError:
    code, words = getattr(original, "sqlite_errorname", ""), _first_line(original)
    if "database is locked" in words:
        return DatabaseBusy(shown, _BUSY)
    if code == "SQLITE_NOTADB" or "not a database" in words:
        return NotSqlite(shown)
    if code == "SQLITE_CONSTRAINT_TRIGGER":
        return ConstraintViolated(shown, "refuses a row: a trigger of its own raises an error")
    if isinstance(original, sqlite3.IntegrityError):
        return ConstraintViolated(shown, f"refuses a row: {words}")
    return DatabaseProblem(shown, f"cannot be used: {words}")


def _first_line(original: Exception) -> str:
    return (str(original).strip() or "no reason given").splitlines()[0]


def _place(original: Any) -> str:
    """Name what PostgreSQL says it is about."""
    found = getattr(original, "diag", None)
    names = [(name, getattr(found, f"{name}_name", None)) for name in ("constraint", "column", "table")]
    said = ", ".join(f"{name} {value}" for name, value in names if value)
    return f" ({said})" if said else ""
