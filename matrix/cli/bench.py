"""`python -m matrix bench …`: measurements that print ratios from one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from matrix.cli.extras import NeedingBench
from matrix.errors import UsageError


@click.group()
def bench() -> None:
    """Measure, and write a report with ratios and plots."""


@bench.command("configs", cls=NeedingBench)
@click.option("--scale", "scales", multiple=True, help="small, production, internet, or a number (default: 100, 600).")
@click.option("--full", is_flag=True, help="100, 600, 10,000 and 100,000 servers; takes long.")
@click.option(
    "--database", "databases", multiple=True, type=click.Choice(["sqlite", "postgresql"]), help="Default: both."
)
@click.option(
    "--postgresql", metavar="URL", help="A PostgreSQL whose user may create databases (default: a throw-away one)."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out") / "configs-benchmark",
    show_default=True,
    help="Where the report goes.",
)
def configs_(scales: tuple[str, ...], full: bool, databases: Any, postgresql: str | None, output: Path) -> None:
    """Compare the legacy schema with the new one: the same work on both, in turns, in one run."""
    from matrix.configs.bench.run import DEFAULT_SCALES, FULL_SCALES, run_benchmark  # noqa: PLC0415
    from matrix.configs.postgres import postgresql as server  # noqa: PLC0415

    if full and scales:
        raise UsageError("--full has scales of its own; drop it, or --scale")
    sizes: tuple[str | int, ...] = scales or (FULL_SCALES if full else DEFAULT_SCALES)
    kinds = databases or ("sqlite", "postgresql")

    def measure(url: str | None) -> Path:
        return run_benchmark(output, scales=sizes, databases=kinds, postgresql=url, progress=_say)

    if "postgresql" in kinds:
        with server(postgresql) as url:
            written = measure(url)
    else:
        written = measure(None)
    click.echo(f"the report is {written}")


def _say(text: str) -> None:
    click.echo(text, err=True)
