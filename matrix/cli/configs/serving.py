"""Commands of the API: serve it, and look after its keys."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from matrix.cli.configs.common import FILE, URL, configs, run
from matrix.cli.extras import NeedingApi

if TYPE_CHECKING:
    from matrix.configs.database import Database
    from matrix.configs.secrets import Sealer


@configs.command(cls=NeedingApi)
@URL
@click.option("--host", default="127.0.0.1", show_default=True, help="Another address needs a key to be there.")
@click.option("--port", type=click.IntRange(0, 65535), default=8040, show_default=True, help="0: any that is free.")
@click.option("--policy", type=FILE, help="A security policy other than the default one.")
@click.option("--rate", type=click.IntRange(1), default=600, show_default=True, help="Requests a minute of each key.")
@click.option(
    "--wrong-keys", type=click.IntRange(1), default=60, show_default=True, help="The same of each address, without one."
)
@click.option("--max-body", type=click.IntRange(1024), default=256 * 1024, show_default=True, help="Bytes.")
def serve(url: str, host: str, port: int, policy: Path | None, rate: int, wrong_keys: int, max_body: int) -> None:
    """Serve the store over HTTP (needs agent-matrix[api]); every request needs a key."""
    from matrix.configs.api.access import Rates  # noqa: PLC0415
    from matrix.configs.api.server import Settings  # noqa: PLC0415
    from matrix.configs.api.server import serve as run_server  # noqa: PLC0415
    from matrix.configs.policy import read_policy  # noqa: PLC0415

    rules, settings = read_policy(policy), Settings(host, port, Rates(rate, wrong_keys), max_body)

    def say(text: str) -> None:
        click.echo(text, err=True)

    with contextlib.suppress(KeyboardInterrupt):
        run(url, lambda database, sealer: run_server(database, sealer, rules, settings, say))


@configs.group()
def key() -> None:
    """Make, revoke and list the keys of the API."""


@key.command()
@URL
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, default=("read",), show_default=True, help="read, write or agent:NAME."
)
def add(url: str, name: str, scopes: tuple[str, ...]) -> None:
    """Make a key called NAME, and print it: this once, only its hash is kept."""
    from matrix.configs.keys import add_key  # noqa: PLC0415

    async def work(database: Database, _: Sealer) -> str:
        await database.check()
        async with database.writing() as connection:
            return (await add_key(connection, name, scopes))[1]

    click.echo(run(url, work))


@key.command()
@URL
@click.argument("name")
def revoke(url: str, name: str) -> None:
    """Let the key called NAME open nothing any more."""
    from matrix.configs.keys import revoke_key  # noqa: PLC0415

    async def work(database: Database, _: Sealer) -> None:
        await database.check()
        async with database.writing() as connection:
            await revoke_key(connection, name)

    run(url, work)
    click.echo(f"{name} is revoked")


@key.command("list")
@URL
def list_(url: str) -> None:
    """List the keys there are and were: names, scopes and moments, no secrets."""
    from matrix.configs.keys import list_keys  # noqa: PLC0415
    from matrix.configs.report import keys  # noqa: PLC0415

    async def work(database: Database, _: Sealer) -> str:
        await database.check()
        async with database.reading() as connection:
            return keys(await list_keys(connection))

    click.echo(run(url, work), nl=False)


@configs.command()
@URL
@click.option("--server", help="Only of this server.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def audit(url: str, server: str | None, limit: int) -> None:
    """Say who changed what, the newest first."""
    from matrix.configs.audit import history  # noqa: PLC0415
    from matrix.configs.report import audit as shown  # noqa: PLC0415

    async def work(database: Database, _: Sealer) -> str:
        await database.check()
        async with database.reading() as connection:
            return shown(await history(connection, server=server, limit=limit))

    click.echo(run(url, work), nl=False)
