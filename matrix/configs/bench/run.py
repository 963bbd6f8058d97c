"""A whole benchmark: every database at every scale, one after the other, and the report of it."""

from __future__ import annotations

import os
import platform
import tempfile
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from matrix.configs.bench import child, report
from matrix.configs.bench.measure import SIDES, Measurement, Move, Results, Side
from matrix.configs.bench.workloads import USUAL, Amounts
from matrix.configs.database import read_url
from matrix.configs.extras import needs
from matrix.configs.generator.generate import Scale
from matrix.configs.secrets import new_key
from matrix.errors import MatrixError, UsageError

DatabaseKind = Literal["sqlite", "postgresql"]
Progress = Callable[[str], None]
DEFAULT_SCALES = (100, 600)
FULL_SCALES = (100, 600, 10_000, 100_000)
RESULTS = "configs-benchmark.json"
_MANY = 20_000
"""From so many servers on, a migration is measured once only: it takes minutes, and differs little."""


def run_benchmark(
    output: Path,
    *,
    scales: Sequence[str | int] = DEFAULT_SCALES,
    databases: Sequence[DatabaseKind] = ("sqlite", "postgresql"),
    postgresql: str | None = None,
    amounts: Amounts = USUAL,
    progress: Progress = lambda _: None,
) -> Path:
    """Measure, and write the report with its plots and its raw figures into a folder, which is made.

    Returns the report's path.

    `scales` are numbers of servers or names of scales. `postgresql` is the URL of a server where databases may be
    made (and are dropped again). `progress` is told in words what is being measured. Raises UsageError, MatrixError.
    """
    sizes = [Scale.read(scale) for scale in scales]
    _drawer()
    if "postgresql" in databases and postgresql is None:
        raise UsageError("there is no PostgreSQL; give --postgresql URL, or --database sqlite")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"there can be no folder {output} for the report ({error.strerror})") from None
    measured: list[Measurement] = []
    for kind in databases:
        for size in sizes:
            with _database(kind, postgresql) as url:
                measured.append(_measure(kind, url, size, amounts, progress))
    progress("writing the report")
    Results(_machine(amounts), measured).write(output / RESULTS)
    return write_report(Results.read(output / RESULTS), output)


def write_report(results: Results, output: Path) -> Path:
    """Write the report of a run, and its plots, into a folder; returns the report's path."""
    drawn = _drawer()(results, output)
    notes = output / report.NOTES
    words = notes.read_text(encoding="utf-8") if notes.is_file() else None
    path = output / report.REPORT
    path.write_text(report.markdown(results, drawn, words), encoding="utf-8")
    return path


def _drawer() -> Callable[[Results, Path], dict[str, str]]:
    """Return what draws the plots; asked for before hours are spent on measuring. Raises MissingExtra."""
    with needs("bench"):
        from matrix.configs.bench.plots import draw  # noqa: PLC0415
    return draw


def _measure(kind: DatabaseKind, url: str, size: Scale, amounts: Amounts, progress: Progress) -> Measurement:
    place = child.Place(url, new_key())
    shown = f"{kind}, {size.servers} servers"
    progress(f"{shown}: generating")
    prepared = child.in_child(child.prepare, place, size.servers)
    moves: dict[Literal["migrate", "rollback"], list[tuple[float, int]]] = {"migrate": [], "rollback": []}

    def moved(direction: Literal["migrate", "rollback"]) -> None:
        progress(f"{shown}: {direction}")
        moves[direction].append(child.in_child(child.move, place, direction))

    for _ in range(0 if size.servers >= _MANY else amounts.moves - 1):
        moved("migrate")
        moved("rollback")
    moved("migrate")
    bytes_taken = child.in_child(child.sizes, place)
    progress(f"{shown}: old and new in turns")
    timings = child.in_child(child.timed, place, amounts)
    progress(f"{shown}: memory")
    memory: dict[Side, int] = {side: child.in_child(child.exercised, place, side, amounts) for side in SIDES}
    moved("rollback")
    return Measurement(
        database=kind,
        version=prepared.version,
        servers=size.servers,
        agents=prepared.agents,
        assignments=prepared.assignments,
        timings=timings,
        moves=[Move(each, [s for s, _ in found], max(m for _, m in found)) for each, found in moves.items()],
        memory=memory,
        size=bytes_taken,
    )


@contextmanager
def _database(kind: DatabaseKind, server: str | None) -> Generator[str]:
    """Make a database that is gone afterwards, and yield its URL."""
    if kind == "sqlite" or server is None:
        with tempfile.TemporaryDirectory(prefix="matrix-bench-") as folder:
            yield f"sqlite:///{folder}/bench.db"
        return
    name = f"matrix_bench_{uuid.uuid4().hex[:12]}"
    url = make_url(server)
    _administer(server, "create database {}", name)
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(server, "drop database {} with (force)", name)


def _administer(
    server: str, statement: Literal["create database {}", "drop database {} with (force)"], name: str
) -> None:
    url = read_url(server)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise MatrixError(f"no database can be made for the benchmark: {str(error).splitlines()[0]}") from None


def _machine(amounts: Amounts) -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {memory / 2**30:.0f} GB, {platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "rounds": str(amounts.rounds),
    }
