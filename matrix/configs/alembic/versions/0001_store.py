"""The store: one table of configs, checked alike on both databases, and the bookkeeping beside it.

Written out in full: what a migration did once must not change with the code.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_POSTGRESQL_CHECKS = {
    "object": "jsonb_typeof(config) = 'object'",
    "name": "coalesce(config ->> 'name' = name, false)",
    "type": "coalesce(config ->> 'server_type' in ('stdio', 'http'), false)",
    "stdio": "config ->> 'server_type' <> 'stdio' or coalesce(jsonb_typeof(config -> 'command') = 'array', false)",
    "http": "config ->> 'server_type' <> 'http' or coalesce(jsonb_typeof(config -> 'url') = 'string', false)",
    "agents": "coalesce(jsonb_typeof(config -> 'agents') = 'array', false)",
}
_SQLITE_CHECKS = {
    "object": "coalesce(json_valid(config) and json_type(config) = 'object', 0)",
    "name": "coalesce(json_extract(config, '$.name') = name, 0)",
    "type": "coalesce(json_extract(config, '$.server_type') in ('stdio', 'http'), 0)",
    "stdio": (
        "json_extract(config, '$.server_type') <> 'stdio' or coalesce(json_type(config, '$.command') = 'array', 0)"
    ),
    "http": "json_extract(config, '$.server_type') <> 'http' or coalesce(json_type(config, '$.url') = 'text', 0)",
    "agents": "coalesce(json_type(config, '$.agents') = 'array', 0)",
}
_AGENTS_OF = """
    insert or ignore into mcp_config_agents (agent, name)
    select each.value, new.name from json_each(new.config, '$.agents') as each;
"""


def upgrade() -> None:
    """Make the tables."""
    sqlite = _sqlite()
    checks = _SQLITE_CHECKS if sqlite else _POSTGRESQL_CHECKS
    json = sa.JSON(none_as_null=True) if sqlite else postgresql.JSONB(none_as_null=True)
    op.create_table(
        "mcp_configs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.String(255, collation=None if sqlite else "C"), nullable=False, unique=True),
        sa.Column("config", json, nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        *(sa.CheckConstraint(check, name=f"mcp_configs_{name}") for name, check in checks.items()),
    )
    (_sqlite_indexes if sqlite else _postgresql_indexes)()
    _bookkeeping(json)


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _moment() -> Any:
    """A moment in UTC: ISO text with microseconds on SQLite, which has no such type."""
    return sa.String(32) if _sqlite() else sa.DateTime(timezone=True)


def _postgresql_indexes() -> None:
    op.execute("create index mcp_configs_config on mcp_configs using gin (config)")
    op.execute("create index mcp_configs_config_agents on mcp_configs using gin ((config -> 'agents'))")
    op.execute("create index mcp_configs_server_type on mcp_configs ((config ->> 'server_type'))")
    op.execute("create index mcp_configs_enabled on mcp_configs ((config ->> 'enabled'))")


def _sqlite_indexes() -> None:
    """SQLite has no GIN: triggers keep a table of who has what, so that an agent's look-up reads an index too."""
    op.execute("create index mcp_configs_server_type on mcp_configs (json_extract(config, '$.server_type'))")
    op.execute("create index mcp_configs_enabled on mcp_configs (json_extract(config, '$.enabled'))")
    op.execute(
        "create table mcp_config_agents (agent text not null, name text not null"
        " references mcp_configs (name) on delete cascade on update cascade, primary key (agent, name)) without rowid"
    )
    op.execute("create index mcp_config_agents_name on mcp_config_agents (name)")
    op.execute(f"create trigger mcp_configs_created after insert on mcp_configs begin {_AGENTS_OF} end")
    op.execute(  # of constants
        "create trigger mcp_configs_changed after update of config on mcp_configs begin"  # noqa: S608
        f" delete from mcp_config_agents where name = new.name; {_AGENTS_OF} end"
    )
    op.execute(
        "create trigger mcp_configs_deleted after delete on mcp_configs begin"
        " delete from mcp_config_agents where name = old.name; end"
    )


def _bookkeeping(json: Any) -> None:
    op.create_table(
        "mcp_migrations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", _moment(), nullable=False),
        sa.Column("ended_at", _moment()),
        sa.Column("servers", sa.Integer, nullable=False),
        sa.Column("assignments", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("notes", json, nullable=False),
        sa.CheckConstraint("state in ('migrated', 'rolled-back')", name="mcp_migrations_state"),
    )
    op.create_table(
        "mcp_migration_journal",
        sa.Column("migration", sa.Integer, sa.ForeignKey("mcp_migrations.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("server", sa.String(255), primary_key=True),
        sa.Column("legacy", sa.Text, nullable=False),
        sa.Column("config", sa.Text, nullable=False),
    )
    op.create_table(
        "mcp_rollout",
        sa.Column("agent", sa.String(255), primary_key=True),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.Column("reads", sa.Integer, nullable=False, server_default="0"),
        sa.Column("differing_reads", sa.Integer, nullable=False, server_default="0"),
        sa.Column("errors", sa.Integer, nullable=False, server_default="0"),
        sa.CheckConstraint("mode in ('legacy', 'shadow', 'dual', 'new')", name="mcp_rollout_mode"),
    )
    op.create_table(
        "mcp_shadow_differences",
        sa.Column("agent", sa.String(255), primary_key=True),
        sa.Column("server", sa.String(255), primary_key=True),
        sa.Column("field", sa.String(64), primary_key=True),
        sa.Column("first_seen", _moment(), nullable=False),
        sa.Column("last_seen", _moment(), nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
    )
    op.create_table(
        "mcp_api_keys",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("scopes", json, nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("revoked_at", _moment()),
    )
    op.create_table(
        "mcp_audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", _moment(), nullable=False),
        sa.Column("who", sa.String(128), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("changed", json, nullable=False),
        sa.Column("before", json),
        sa.Column("after", json),
    )
    op.create_index("mcp_audit_server", "mcp_audit", ["server"])


def downgrade() -> None:
    """Drop the tables, and what is in them."""
    if _sqlite():
        op.drop_table("mcp_config_agents")
    for name in (
        "mcp_audit",
        "mcp_api_keys",
        "mcp_shadow_differences",
        "mcp_rollout",
        "mcp_migration_journal",
        "mcp_migrations",
        "mcp_configs",
    ):
        op.drop_table(name)
