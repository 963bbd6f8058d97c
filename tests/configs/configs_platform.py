"""A platform with its legacy tables, and others that stand beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from matrix.configs.database import Database
from matrix.configs.migration.backup import write_backup
from matrix.configs.migration.restore import restore_backup
from matrix.configs.schema import LEGACY, STORE
from tests.configs.configs_migration_helpers import SEALER, dump


@dataclass
class Platform:
    """A platform with its database, and dumps of it."""

    database: Database
    url: str
    backup: Path

    async def dump(self, wanted: Callable[[str], bool] = lambda _: True) -> dict[str, list[Any]]:
        async with self.database.reading() as connection:
            names = await connection.run_sync(lambda each: inspect(each).get_table_names())
        dumped = dump(self.url, [name for name in sorted(names) if wanted(name)])
        return {name: sorted(rows, key=repr) for name, rows in dumped.items()}

    async def others(self) -> dict[str, list[Any]]:
        """Dump every table that is neither ours nor one of the two that we write."""
        ours = {*STORE.tables, *LEGACY.tables, "mcp_config_agents"} - {"agents"}
        return await self.dump(lambda name: name not in ours)

    async def keep(self) -> None:
        await write_backup(self.database, SEALER, self.backup)

    async def restore(self) -> None:
        await restore_backup(self.database, SEALER, self.backup)

    async def refused(self, error: type[Exception], match: str, work: Any) -> None:
        """Have some work refused, and nothing at all changed by it."""
        before = await self.dump()
        with pytest.raises(error, match=match):
            await work
        assert await self.dump() == before
