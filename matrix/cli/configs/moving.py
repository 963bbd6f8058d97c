"""Commands of the move: plan, migrate, verify, roll back, back up, restore, and the staged rollout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from matrix.cli.configs.common import FILE, URL, configs, run

if TYPE_CHECKING:
    from matrix.configs.database import Database
    from matrix.configs.secrets import Sealer


@configs.command()
@URL
@click.option("--exclude", multiple=True, metavar="NAME", help="Leave this server where it is.")
def plan(url: str, exclude: tuple[str, ...]) -> int:
    """Say what a migration would do, and what stands in its way; writes nothing."""
    from matrix.configs.migration import make_plan  # noqa: PLC0415
    from matrix.configs.report import migration_plan  # noqa: PLC0415

    found = run(url, lambda database, sealer: make_plan(database, sealer, exclude=exclude))
    click.echo(migration_plan(found), nl=False)
    return 1 if found.problems else 0


@configs.command()
@URL
@click.option("--exclude", multiple=True, metavar="NAME", help="Leave this server where it is.")
@click.option("--backup", type=FILE, help="Where the backup goes (default: a new file among the user's state).")
@click.option("--no-backup", is_flag=True, help="Make no backup first.")
def migrate(url: str, exclude: tuple[str, ...], backup: Path | None, no_backup: bool) -> None:
    """Move the legacy tables' servers into the store: all or nothing; run again, it adds what is new."""
    from matrix.configs.migration import migrate as run_migration  # noqa: PLC0415
    from matrix.configs.migration.backup import usual_file, write_backup  # noqa: PLC0415
    from matrix.configs.report import migrated  # noqa: PLC0415

    async def work(database: Database, sealer: Sealer) -> Any:
        if not no_backup:
            kept = await write_backup(database, sealer, backup or usual_file())
            click.echo(f"backup: {kept.file} ({sum(kept.rows.values())} rows)")
        return await run_migration(database, sealer, exclude=exclude)

    click.echo(migrated(run(url, work)), nl=False)


@configs.command()
@URL
def verify(url: str) -> int:
    """Compare the two stores row by row, in both directions; exits 1 where they differ."""
    from matrix.configs.migration import verify as run_verification  # noqa: PLC0415
    from matrix.configs.report import verification  # noqa: PLC0415

    found = run(url, run_verification)
    click.echo(verification(found), nl=False)
    return 0 if found.agrees else 1


@configs.command()
@URL
@click.option("--prefer", type=click.Choice(["legacy", "new"]), help="Whose word counts where both changed something.")
@click.option("--accept-losses", is_flag=True, help="Set aside what the legacy tables have no place for.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def rollback(url: str, prefer: Any, accept_losses: bool, dry_run: bool) -> int:
    """Go back to the legacy tables, to the byte, with what was changed in the new store since."""
    from matrix.configs.migration import rollback as run_rollback  # noqa: PLC0415
    from matrix.configs.migration.rollback import CannotRollBack  # noqa: PLC0415
    from matrix.configs.report import rolled_back  # noqa: PLC0415

    try:
        found = run(
            url,
            lambda database, sealer: run_rollback(
                database, sealer, prefer=prefer, accept_losses=accept_losses, dry_run=dry_run
            ),
        )
    except CannotRollBack as problem:
        click.echo(rolled_back(problem.report, done=False), nl=False)
        raise
    click.echo(rolled_back(found, done=not dry_run), nl=False)
    return 0


@configs.command()
@URL
@click.argument("file", type=FILE)
def backup(url: str, file: Path) -> None:
    """Write everything that a migration touches into FILE, sealed, with a checksum."""
    from matrix.configs.migration.backup import write_backup  # noqa: PLC0415

    kept = run(url, lambda database, sealer: write_backup(database, sealer, file))
    click.echo(f"{kept.file}: {', '.join(f'{count} {table}' for table, count in kept.rows.items())}")


@configs.command()
@URL
@click.argument("file", type=FILE)
def restore(url: str, file: Path) -> None:
    """Put everything back as the backup FILE has it; other tables are never touched."""
    from matrix.configs.migration.restore import restore_backup  # noqa: PLC0415

    put = run(url, lambda database, sealer: restore_backup(database, sealer, file))
    click.echo(f"restored {', '.join(f'{count} {table}' for table, count in put.rows.items())}")


@configs.command()
@URL
@click.option("--prometheus", is_flag=True, help="In Prometheus' text format.")
def status(url: str, prometheus: bool) -> None:
    """Say where the move stands: migration, agents' modes, reads, differences, errors."""
    from matrix.configs.rollout.prometheus import as_prometheus  # noqa: PLC0415
    from matrix.configs.rollout.status import as_text, read_status  # noqa: PLC0415

    async def work(database: Database, _: Sealer) -> str:
        await database.check()
        async with database.reading() as connection:
            found = await read_status(connection)
        return as_prometheus(found) if prometheus else as_text(found)

    click.echo(run(url, work), nl=False)


@configs.command()
@URL
@click.argument("agent")
@click.argument("mode", type=click.Choice(["legacy", "shadow", "dual", "new"]))
def rollout(url: str, agent: str, mode: str) -> None:
    """Let AGENT ('*': everyone not named) read the legacy tables, both (shadow, dual), or the new store."""
    from matrix.configs.rollout.modes import Mode, set_mode  # noqa: PLC0415

    async def work(database: Database, sealer: Sealer) -> str:
        await database.check()
        async with database.writing() as connection:
            return await set_mode(connection, agent, Mode(mode), sealer)

    click.echo(f"{agent}: {run(url, work)} → {mode}")
