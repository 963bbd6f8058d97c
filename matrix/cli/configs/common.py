"""What all commands of `configs` share: the URL, and how work is done on a database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from matrix.cli.extras import NeedingExtra

if TYPE_CHECKING:
    from matrix.configs.database import Database
    from matrix.configs.secrets import Sealer

T = TypeVar("T")
URL = click.option(
    "--store",
    "url",
    envvar="MATRIX_CONFIGS_URL",
    required=True,
    metavar="URL",
    help="The database.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")
FILE = click.Path(path_type=Path, dir_okay=False)


class ConfigsGroup(click.Group):
    """A group whose commands need the extra `configs`."""

    command_class = NeedingExtra
    group_class = type


@click.group(cls=ConfigsGroup)
def configs() -> None:
    """Keep, migrate and serve MCP server configs.

    --store is sqlite:///FILE (or just the file) or postgresql://USER@HOST/NAME; MATRIX_CONFIGS_URL saves writing it.
    MATRIX_CONFIGS_KEY is the key by which secrets are sealed. Secrets are masked in everything that is printed.
    """


def run(url: str, work: Callable[[Database, Sealer], Coroutine[Any, Any, T]]) -> T:
    """Do something with a database, whose connections are closed afterwards."""
    from matrix.configs.database import Database  # noqa: PLC0415
    from matrix.configs.secrets import Sealer  # noqa: PLC0415

    async def main() -> T:
        sealer = Sealer.from_environment()
        async with Database(url) as database:
            return await work(database, sealer)

    return asyncio.run(main())
