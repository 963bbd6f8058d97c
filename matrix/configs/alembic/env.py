"""Run by alembic: migrates the connection that it was handed, in the transaction that this has open."""

from alembic import context

VERSION_TABLE = "mcp_configs_version"
"""Not alembic's usual name: the platform's own migrations may live in the same database."""

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=False,
)
context.run_migrations()
