"""The tables: those of the new store, as alembic makes them, and the legacy ones, which belong to the platform.

The legacy tables are declared here for two uses: to make them where there are none (generator, benchmark, tests,
a rollback after they were dropped), and to know what the known columns mean. A real database may have more columns;
the migration reads what is there, and keeps it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB


class Instant(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` on PostgreSQL, ISO text with microseconds on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return the column type of this database."""
        kind: Any = String(32) if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write a moment."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.isoformat(timespec="microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read a moment."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if dialect.name == "sqlite" else cast("datetime", value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

Name = String(255).with_variant(String(255, collation="C"), "postgresql")
"""A server's name, ordered by code point on both databases, so that the index that makes it unique gives the order."""

STORE = MetaData()
"""What is ours; alembic makes it (see `versions/`), and a test compares the two."""

CONFIGS = Table(
    "mcp_configs",
    STORE,
    Column("id", Uuid, primary_key=True),
    Column("name", Name, nullable=False, unique=True),
    Column("config", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

MIGRATIONS = Table(
    "mcp_migrations",
    STORE,
    Column("id", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("servers", Integer, nullable=False),
    Column("assignments", Integer, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("notes", Json, nullable=False),
    CheckConstraint("state in ('migrated', 'rolled-back')", name="mcp_migrations_state"),
)

JOURNAL = Table(
    "mcp_migration_journal",
    STORE,
    Column("migration", Integer, ForeignKey("mcp_migrations.id", ondelete="CASCADE"), primary_key=True),
    Column("server", String(255), primary_key=True),
    Column("legacy", Text, nullable=False),
    Column("config", Text, nullable=False),
)
"""What each server was at the time of the migration, in both forms: the base of a three-way rollback."""

ROLLOUT = Table(
    "mcp_rollout",
    STORE,
    Column("agent", String(255), primary_key=True),
    Column("mode", String(8), nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("reads", Integer, nullable=False, server_default="0"),
    Column("differing_reads", Integer, nullable=False, server_default="0"),
    Column("errors", Integer, nullable=False, server_default="0"),
    CheckConstraint("mode in ('legacy', 'shadow', 'dual', 'new')", name="mcp_rollout_mode"),
)

DIFFERENCES = Table(
    "mcp_shadow_differences",
    STORE,
    Column("agent", String(255), primary_key=True),
    Column("server", String(255), primary_key=True),
    Column("field", String(64), primary_key=True),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("times", Integer, nullable=False),
)

KEYS = Table(
    "mcp_api_keys",
    STORE,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("salt", String(32), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("scopes", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

AUDIT = Table(
    "mcp_audit",
    STORE,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("who", String(128), nullable=False),
    Column("action", String(16), nullable=False),
    Column("server", String(255), nullable=False),
    Column("changed", Json, nullable=False),
    Column("before", Json),
    Column("after", Json),
)
Index("mcp_audit_server", AUDIT.c.server)

LEGACY = MetaData()
"""The platform's own tables."""

_FALSE, _TRUE = text("false"), text("true")
_now = func.current_timestamp

AGENTS = Table(
    "agents",
    LEGACY,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("active", Boolean, nullable=False, server_default=_TRUE),
)

SERVERS = Table(
    "mcp_servers",
    LEGACY,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("server_type", String(50), nullable=False),
    Column("description", Text),
    Column("command", Json),
    Column("env", Json, server_default=text("'{}'")),
    Column("http_url", String(500)),
    Column("auto_start", Boolean, server_default=_TRUE),
    Column("max_retries", Integer, server_default="3"),
    Column("timeout_seconds", Integer, server_default="30"),
    Column("tags", Json, server_default=text("'[]'")),
    Column("priority", Integer, server_default="0"),
    Column("status", String(50), server_default="stopped"),
    Column("enabled", Boolean, server_default=_TRUE),
    Column("started_at", DateTime(timezone=True)),
    Column("last_error", Text),
    Column("error_count", Integer, server_default="0"),
    Column("connection_attempts", Integer, server_default="0"),
    Column("last_ping", DateTime(timezone=True)),
    Column("tools_discovered", Json, server_default=text("'[]'")),
    Column("resources_discovered", Json, server_default=text("'[]'")),
    Column("created_at", DateTime(timezone=True), server_default=_now()),
    Column("updated_at", DateTime(timezone=True), server_default=_now()),
    Column("last_started", DateTime(timezone=True)),
    Column("last_stopped", DateTime(timezone=True)),
)
for _check, _name in (
    ("server_type in ('stdio', 'http')", "mcp_servers_type"),
    ("status in ('stopped', 'starting', 'running', 'error', 'stopping')", "mcp_servers_status"),
    ("server_type <> 'stdio' or command is not null", "mcp_servers_stdio_command"),
    ("server_type <> 'http' or http_url is not null", "mcp_servers_http_url"),
):
    SERVERS.append_constraint(CheckConstraint(_check, name=_name).ddl_if(dialect="postgresql"))
for _column in ("name", "status", "enabled", "server_type"):
    Index(f"idx_mcp_servers_{_column}", SERVERS.c[_column])
Index(
    "idx_mcp_servers_auto_start",
    SERVERS.c.auto_start,
    postgresql_where=SERVERS.c.enabled.is_(True),
    sqlite_where=text("enabled = 1"),
)

ASSIGNMENTS = Table(
    "agent_mcp_servers",
    LEGACY,
    Column("id", Integer, primary_key=True),
    Column("agent_id", Integer, ForeignKey(AGENTS.c.id, ondelete="CASCADE"), nullable=False),
    Column("mcp_server_id", Integer, ForeignKey(SERVERS.c.id, ondelete="CASCADE"), nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=_now()),
    Column("updated_at", DateTime(timezone=True), server_default=_now()),
    UniqueConstraint("agent_id", "mcp_server_id", name="agent_mcp_servers_once"),
)
