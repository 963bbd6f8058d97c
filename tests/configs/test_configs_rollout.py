"""The staged rollout: who reads which store, who may move, and what is remembered of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from matrix.configs.database import Database
from matrix.configs.migration import migrate, rollback
from matrix.configs.migration.survey import Survey
from matrix.configs.rollout.modes import (
    AgentProgress,
    Mode,
    Modes,
    compare,
    legacy_configs,
    modes,
    progress,
    record_read,
    set_mode,
)
from matrix.configs.rollout.prometheus import as_prometheus
from matrix.configs.rollout.status import Status, as_text, read_status
from matrix.configs.store import ConfigStore
from matrix.configs.testing import TestDatabase
from matrix.errors import UsageError
from matrix.redaction import encodable
from tests.configs.configs_migration_helpers import SEALER, changing, execute, platform

pytestmark = pytest.mark.anyio


async def move(database: Database, agent: str, mode: Mode) -> Mode:
    async with database.writing() as connection:
        return await set_mode(connection, agent, mode, SEALER)


async def test_without_legacy_tables_everyone_is_new(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database:
        async with database.reading() as connection:
            assert (await modes(connection)).of("genie") is Mode.NEW
        with pytest.raises(UsageError, match="no legacy tables"):
            await move(database, "genie", Mode.SHADOW)


async def test_a_migration_moves_nobody_by_itself(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        with pytest.raises(UsageError, match="no migration yet"):
            await move(database, "genie", Mode.NEW)
        await migrate(database, SEALER)
        assert await move(database, "genie", Mode.DUAL) is Mode.LEGACY
        assert await move(database, "genie", Mode.NEW) is Mode.DUAL
        async with database.reading() as connection:
            known = await modes(connection)
        assert known == Modes(Mode.LEGACY, {"genie": Mode.NEW})
        assert known.among(["genie", "simple"]) == known.among(["*"]) == {Mode.NEW, Mode.LEGACY}
        await rollback(database, SEALER)
        async with database.reading() as connection:
            assert (await modes(connection)).of("genie") is Mode.LEGACY


async def test_nobody_goes_back_to_tables_that_have_fallen_behind(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await migrate(database, SEALER)
        await move(database, "genie", Mode.NEW)
        assert await move(database, "genie", Mode.DUAL) is Mode.NEW
        await move(database, "genie", Mode.NEW)
        async with changing(database) as store:
            linear = (await store.get_mcp_config("linear")).config
            await store.update_mcp_config("linear", linear.model_copy(update={"timeout": 1000}))
        with pytest.raises(UsageError, match=r"fallen behind \('linear'\)"):
            await move(database, "genie", Mode.LEGACY)


async def test_what_differs_in_shadow_is_counted_and_shown(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await migrate(database, SEALER)
        await move(database, "genie", Mode.SHADOW)
        await execute(database, "update mcp_servers set max_retries = 9 where name = 'linear'")
        for _ in range(2):
            async with database.writing() as connection:
                old = (await legacy_configs(await Survey.open(connection), "genie")).configs
                new = {each.name: each.config for each in await ConfigStore(connection).list_mcp_configs("genie")}
                await record_read(connection, "genie", list(compare(old, new, SEALER)))
        async with database.reading() as connection:
            (seen,) = await progress(connection)
            status = await read_status(connection)
        assert (seen.agent, seen.mode, seen.reads, seen.differing_reads) == ("genie", Mode.SHADOW, 2, 2)
        (difference,) = status.differences
        assert (difference.server, difference.field, difference.times) == ("linear", "retry_count", 2)
        assert "linear" in as_text(status)
        samples = parsed(as_prometheus(status))
        assert samples["agent_matrix_configs_shadow_differing_reads_total", "genie"] == 2
        assert samples["agent_matrix_configs_agent_mode", "genie", "shadow"] == 1
        assert samples["agent_matrix_configs_agent_mode", "genie", "new"] == 0
        assert samples["agent_matrix_configs_shadow_differences",] == 1


def parsed(metrics: str) -> dict[tuple[str, ...], float]:
    """Return each sample's value by its name and the values of its labels."""
    samples = [sample for family in text_string_to_metric_families(metrics) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_the_metrics_have_the_names_that_dashboards_know() -> None:
    odd = 'the "odd"\n\\ one \udcff'
    agents = (AgentProgress(odd, Mode.DUAL, datetime.now(UTC), 5, 2, 1),)
    metrics = as_prometheus(Status(None, 3, 4, agents, ()))
    samples = parsed(metrics)
    shown = encodable(odd)
    assert {name: value for (name, *labels), value in samples.items() if labels == [shown]} == {
        "agent_matrix_configs_shadow_reads_total": 5,
        "agent_matrix_configs_shadow_differing_reads_total": 2,
        "agent_matrix_configs_shadow_errors_total": 1,
    }
    assert samples["agent_matrix_configs_servers", "legacy"] == 3
    assert samples["agent_matrix_configs_servers", "new"] == 4
    assert samples["agent_matrix_configs_migration_state", "none"] == 1
    assert samples["agent_matrix_configs_migration_state", "migrated"] == 0
    assert samples["agent_matrix_configs_shadow_differences",] == 0
    kinds = {family.name: family.type for family in text_string_to_metric_families(metrics)}
    assert kinds["agent_matrix_configs_shadow_reads"] == "counter"
    assert kinds["agent_matrix_configs_agent_mode"] == "gauge"
