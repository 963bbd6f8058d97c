"""A migration, or a rollback, that is killed at any step leaves the old state or the new one, and can be run again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from matrix.configs.database import Database
from matrix.configs.migration import migrate, rollback, verify
from matrix.configs.model import ServerConfig
from matrix.configs.testing import TestDatabase
from tests.configs.configs_migration_helpers import KEY, LEGACY, SEALER, changing, dump, platform

ROOT = Path(__file__).parent.parent.parent
STORE = ("mcp_configs", "mcp_migrations", "mcp_migration_journal")
STEPS = {
    "migrate": ("locked", "surveyed", "begun", "journaled 1", "stored 1", "recorded", "verified", "committed"),
    "rollback": ("locked", "tables", "decided", "delete web", "write linear", "create neu", "withdrawn", "committed"),
}
VICTIM = """
import asyncio, os, signal, sys
from matrix.configs.database import Database
from matrix.configs.migration import migrate, rollback
from matrix.configs.secrets import Sealer

work, url, fatal = sys.argv[1:]

def die(step):
    if step == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with Database(url, pooled=False) as database:
        await {"migrate": migrate, "rollback": rollback}[work](database, Sealer.from_environment(), on_step=die)

asyncio.run(main())
"""


def killed(work: str, url: str, step: str) -> None:
    """Run the work in a process that kills itself at a step, as `kill -9` would."""
    command = [sys.executable, "-c", VICTIM, work, url, step]
    environment = {**os.environ, "MATRIX_CONFIGS_KEY": KEY, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


async def _changed_meanwhile(database: Database) -> None:
    await migrate(database, SEALER)
    async with changing(database) as store:
        linear = (await store.get_mcp_config("linear")).config
        await store.update_mcp_config("linear", linear.model_copy(update={"timeout": 9000}))
        await store.delete_mcp_config("web")
        await store.create_mcp_config(ServerConfig.read({"name": "neu", "server_type": "http", "url": "http://y"}))


@pytest.mark.parametrize("step", STEPS["migrate"])
def test_a_killed_migration_leaves_the_old_state_or_the_new_one(
    matrix_legacy_database: TestDatabase, step: str
) -> None:
    url = matrix_legacy_database.url

    async def main() -> None:
        async with platform(url) as database:
            legacy, empty = dump(url), dump(url, STORE)
            await asyncio.to_thread(killed, "migrate", url, step)
            assert dump(url) == legacy
            if step == "committed":
                assert len(dump(url, STORE)["mcp_configs"]) == 3
            else:
                assert dump(url, STORE) == empty
            assert (await migrate(database, SEALER)).migrated == (0 if step == "committed" else 3)
            assert (await verify(database, SEALER)).agrees

    asyncio.run(main())


@pytest.mark.parametrize("step", STEPS["rollback"])
def test_a_killed_rollback_leaves_the_new_state_or_the_old_one(matrix_legacy_database: TestDatabase, step: str) -> None:
    url = matrix_legacy_database.url

    async def main() -> None:
        async with platform(url) as database:
            await _changed_meanwhile(database)
            before = dump(url, (*LEGACY, *STORE))
            await asyncio.to_thread(killed, "rollback", url, step)
            after = dump(url, (*LEGACY, *STORE))
            if step == "committed":
                assert after["mcp_configs"] == []
                return
            assert after == before
            report = await rollback(database, SEALER)
            assert (report.changed, report.created, report.deleted) == (("linear",), ("neu",), ("web",))

    asyncio.run(main())


@pytest.mark.anyio
async def test_no_step_is_without_its_kill(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        seen: list[str] = []
        await migrate(database, SEALER, on_step=seen.append)
        assert tuple(seen) == STEPS["migrate"]
        await rollback(database, SEALER)
        await _changed_meanwhile(database)
        seen.clear()
        await rollback(database, SEALER, on_step=seen.append)
        assert tuple(seen) == STEPS["rollback"]
