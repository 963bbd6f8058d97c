"""A backup: one file of JSON lines with everything that a migration touches, sealed, and with a checksum at its end."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import platformdirs
from sqlalchemy import inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.database import Database
from matrix.configs.migration.legacy import AGENTS, ASSIGNMENTS, SERVERS, LegacyTable
from matrix.configs.migration.mapping import COLUMNS
from matrix.configs.model import canonical
from matrix.configs.schema import CONFIGS, JOURNAL, MIGRATIONS
from matrix.configs.secrets import KEY_VARIABLE, Sealer, secrets_of
from matrix.configs.store import now
from matrix.errors import ConfigurationError, UsageError
from matrix.json_access import mapping

FORMAT = "agent-matrix configs backup"
VERSION = 1
_FIELDS = {column: field for field, column in COLUMNS.items()}
TABLES = (AGENTS, SERVERS, ASSIGNMENTS, CONFIGS.name, MIGRATIONS.name)
"""What a backup holds beside the journal; what is referred to comes first."""


@dataclass(frozen=True)
class BackupReport:
    """What a backup holds: its file, and how many rows of which table."""

    file: Path
    rows: Mapping[str, int]


def usual_file() -> Path:
    """Return the file of a backup that is made now; its folder is one for this user's state, and is made."""
    folder = platformdirs.user_state_path("agent-matrix") / "configs-backups"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"there can be no folder {folder} for the backup ({error.strerror}); name a --backup"
        ) from None
    return folder / f"configs-backup-{now():%Y%m%dT%H%M%S%fZ}.jsonl"


async def write_backup(database: Database, sealer: Sealer, file: Path) -> BackupReport:
    """Write a backup. The file appears whole or not at all, and only its owner can read it.

    With a key every row is sealed; without one, a secret in clear is refused. Raises UsageError.
    """
    await database.check()
    with _Writer(file) as writer:
        dialect = database.url.get_backend_name()
        writer.put(
            {"kind": "header", "format": FORMAT, "version": VERSION, "at": now().isoformat(), "dialect": dialect}
        )
        async with database.reading() as connection:
            async for table, row in _everything(connection):
                writer.put(_line(table, row, sealer), table)
        writer.finish()
    return BackupReport(file, dict(sorted(writer.rows.items())))


class _Writer:
    """Writes lines beside the file, and puts them in its place when they are complete."""

    def __init__(self, file: Path) -> None:
        if file.exists():
            raise UsageError(f"{file} is there already; name another file for the backup")
        if not file.parent.is_dir():
            raise UsageError(f"there is no folder {file.parent} for the backup")
        self.rows: dict[str, int] = {}
        self._file = file
        self._digest = hashlib.sha256()
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        self._beside = Path(name)
        self._target = os.fdopen(descriptor, "wb")

    def __enter__(self) -> Self:
        return self

    def put(self, line: Mapping[str, Any], table: str | None = None) -> None:
        """Write one line."""
        data = canonical(line).encode("utf-8", "surrogatepass") + b"\n"
        self._digest.update(data)
        self._target.write(data)
        if table is not None:
            self.rows[table] = self.rows.get(table, 0) + 1

    def finish(self) -> None:
        """Write the checksum, and let the file appear."""
        self.put({"kind": "footer", "rows": sum(self.rows.values()), "sha256": self._digest.hexdigest()})
        self._target.flush()
        os.fsync(self._target.fileno())
        self._beside.replace(self._file)

    def __exit__(self, *_: object) -> None:
        self._target.close()
        self._beside.unlink(missing_ok=True)


def read_backup(file: Path, sealer: Sealer) -> list[Mapping[str, Any]]:
    """Read a backup whole, its secrets unsealed: the header, and a line for each row. Raises ConfigurationError."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(file, None, f"cannot be read ({error.strerror})") from None
    *lines, last = data.splitlines(keepends=True) or [b""]
    body = b"".join(lines)
    header, footer = _object(lines[0] if lines else b""), _object(last)
    if header.get("format") != FORMAT:
        raise ConfigurationError(file, None, "is no backup of configs, or is cut off")
    if header.get("version") != VERSION:
        raise ConfigurationError(file, None, f"is a backup of version {header.get('version')}; this reads {VERSION}")
    if footer.get("kind") != "footer" or footer.get("sha256") != hashlib.sha256(body).hexdigest():
        raise ConfigurationError(file, None, "is damaged or cut off: its checksum is not that of its lines")
    return [header, *_rows(lines[1:], sealer)]


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(line))
    except ValueError:
        return {}


def _rows(lines: Sequence[bytes], sealer: Sealer) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        read = json.loads(line)
        row = json.loads(sealer.unseal(read["row"])) if isinstance(read["row"], str) else read["row"]
        yield {"table": read["table"], "row": row}


async def _everything(connection: AsyncConnection) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
    there = await connection.run_sync(lambda each: set(inspect(each).get_table_names()))
    for name in TABLES:
        if name in there:
            table = await LegacyTable.describe(connection, name)
            async for row in table.rows(connection):
                yield name, row
    result = await connection.stream(select(JOURNAL).order_by(JOURNAL.c.migration, JOURNAL.c.server))
    async for row in result.mappings():
        yield JOURNAL.name, dict(row)


def _line(table: str, row: Mapping[str, Any], sealer: Sealer) -> Mapping[str, Any]:
    if sealer.key is not None:
        return {"table": table, "row": sealer.seal(canonical(row))}
    if table == SERVERS and _holds_secrets(row):
        raise UsageError(
            f"mcp_servers {row['id']} holds a secret in clear; set {KEY_VARIABLE}, and the backup will be sealed"
        )
    return {"table": table, "row": row}


def _holds_secrets(row: Mapping[str, Any]) -> bool:
    """Whether a legacy row holds a secret in clear, judged as its config would be."""
    config: dict[str, Any] = {}
    for column, value in row.items():
        try:
            config[_FIELDS.get(column, column)] = json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError):
            config[_FIELDS.get(column, column)] = value
    return bool(secrets_of(config))
