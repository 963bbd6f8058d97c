"""Generated data: the same from the same seed, row by row, ugly where real data is, and never held all at once."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import select, text

from matrix.configs import schema
from matrix.configs.database import Database
from matrix.configs.generator.cases import CASES
from matrix.configs.generator.fill import fill_legacy, fill_store
from matrix.configs.generator.generate import (
    SCALES,
    LegacyRow,
    NewConfig,
    Scale,
    case_of,
    legacy_rows,
    new_configs,
    stored_configs,
)
from matrix.configs.model import ServerConfig, canonical
from matrix.configs.secrets import SEALED, CannotUnseal, Sealer, new_key, secrets_of
from matrix.configs.store import ConfigStore
from matrix.errors import UsageError

SERVERS, ASSIGNMENTS, AGENTS = "mcp_servers", "agent_mcp_servers", "agents"
KEY = new_key()


def servers(rows: Iterator[LegacyRow]) -> Iterator[dict[str, Any]]:
    return (dict(row.values) for row in rows if row.table == SERVERS)


PRODUCTION = list(legacy_rows("production"))
BY_CASE = {case: [row for row in servers(iter(PRODUCTION)) if case_of(row["id"]) == case] for case in CASES}
HOLDERS = Counter(row.values["mcp_server_id"] for row in PRODUCTION if row.table == ASSIGNMENTS)


def as_bytes(rows: Iterator[LegacyRow]) -> bytes:
    return "\n".join(f"{row.table} {canonical(dict(row.values))}" for row in rows).encode()


def test_the_same_seed_makes_the_same_bytes() -> None:
    assert as_bytes(legacy_rows("production")) == as_bytes(iter(PRODUCTION))
    assert canonical(list(new_configs(100, 7))) == canonical(list(new_configs(100, 7)))
    assert list(stored_configs(20, 7)) == list(stored_configs(20, 7))


def test_another_seed_makes_other_rows() -> None:
    assert as_bytes(legacy_rows(50, 1)) != as_bytes(legacy_rows(50, 2))


@pytest.mark.parametrize(("scale", "agents"), [("small", 5), ("production", 40), ("internet", 200), (30, 5)])
def test_a_server_is_the_same_at_every_scale(scale: str | int, agents: int) -> None:
    size = Scale.read(scale)
    assert size == Scale(SCALES.get(str(scale), 30), agents)
    rows = list(islice(legacy_rows(scale), agents + 400))
    assert [row.table for row in rows[:agents]] == [AGENTS] * agents
    found = [dict(row.values) for row in rows if row.table == SERVERS]
    assert found
    assert found == list(islice(servers(iter(PRODUCTION)), len(found)))


def test_production_has_its_servers_and_agents() -> None:
    assert Counter(row.table for row in PRODUCTION)[SERVERS] == 600
    assert Counter(row.table for row in PRODUCTION)[AGENTS] == 40
    assert len({row.values["name"] for row in PRODUCTION if row.table == SERVERS}) == 600
    assert len({row.values["id"] for row in PRODUCTION if row.table == ASSIGNMENTS}) == sum(HOLDERS.values())
    assert not all(row.values["active"] for row in PRODUCTION if row.table == AGENTS)


def test_every_ugly_case_is_in_production_several_times() -> None:
    assert len(CASES) == 39
    assert {case: len(rows) for case, rows in BY_CASE.items() if len(rows) < 3} == {}


def test_small_data_is_ordinary() -> None:
    assert [case_of(number) for number in range(1, 13)] == [None] * 12


def test_names_are_in_every_script_and_as_long_as_can_be() -> None:
    assert all("\u0301" in row["name"] or not row["name"].isascii() for row in BY_CASE["name-combining"])
    for case in ("name-right-to-left", "name-emoji", "name-ideograms"):
        assert not any(row["name"].isascii() for row in BY_CASE[case])
    assert {len(row["name"]) for row in BY_CASE["name-longest"]} == {255}


def test_names_differ_from_a_neighbours_by_case_or_width_only() -> None:
    names = {row["id"]: row["name"] for row in servers(iter(PRODUCTION))}
    for row in BY_CASE["name-case-twin"]:
        assert row["name"] != names[row["id"] - 1]
        assert row["name"].lower() == names[row["id"] - 1].lower()
    assert all(not row["name"][0].isascii() for row in BY_CASE["name-width-twin"])


def test_some_servers_are_nobodys_and_some_are_everyones() -> None:
    assert {HOLDERS[row["id"]] for row in BY_CASE["nobody"]} == {0}
    assert {HOLDERS[row["id"]] for row in BY_CASE["everyone"]} == {40}


def test_secrets_in_clear_are_in_environments_arguments_and_urls() -> None:
    configs = {case_of(number): config for number, config in enumerate(new_configs("production"), 1)}
    found = {case: secrets_of(config) for case, config in configs.items() if case and case.startswith("secret")}
    assert found.pop("secret-as-reference") == []
    assert set(found) == {"secret-in-env", "secret-in-arguments", "secret-in-url", "secret-of-many-lines"}
    assert len(found["secret-in-arguments"]) == 3
    assert all(found.values())


def test_http_servers_have_environments_and_long_urls() -> None:
    assert all(row["server_type"] == "http" and json.loads(row["env"]) for row in BY_CASE["http-with-env"])
    assert {len(row["http_url"]) for row in BY_CASE["url-longest"]} == {500}


@pytest.mark.parametrize(("case", "column"), [("huge-environment", "env"), ("huge-discovery", "tools_discovered")])
def test_some_servers_have_64_kilobytes(case: str, column: str) -> None:
    assert all(len(row[column]) >= 64 * 1024 for row in BY_CASE[case])


def test_falsy_values_are_none_of_them_null() -> None:
    for row in BY_CASE["falsy"]:
        assert (row["priority"], row["env"], row["tags"], row["description"]) == (0, "{}", "[]", "")
        assert (row["enabled"], row["max_retries"], row["timeout_seconds"]) == (False, 0, 0)


def test_every_column_that_may_be_null_is_null_somewhere() -> None:
    both = BY_CASE["nulls"] + BY_CASE["null-command"]
    assert {name for row in both for name, value in row.items() if value is not None} == {
        "id", "name", "server_type", "command", "http_url",
    }  # fmt: skip
    assert any(row["command"] is None for row in both)


def test_descriptions_have_line_breaks_and_quotes() -> None:
    for row in BY_CASE["long-description"]:
        assert len(row["description"]) > 1000
        assert {"\n", "\r", "\t", '"', "'", "\\", "\u2028"} <= set(row["description"])


def test_moments_are_of_any_time_and_precision() -> None:
    assert {row["created_at"][:4] for row in BY_CASE["odd-moments"]} == {"0001"}
    assert all("." in row["updated_at"] for row in BY_CASE["odd-moments"])
    assert all(row["created_at"].endswith("Z") for row in BY_CASE["moments-with-zones"])


def test_numbers_are_as_big_as_their_columns_and_bigger_than_a_double() -> None:
    for row in BY_CASE["big-integers"]:
        assert row["error_count"] == 2**31 - 1
        assert json.loads(row["tools_discovered"])[0]["limits"]["id"] == 10**30


def test_states_are_of_every_kind() -> None:
    found = Counter(row["status"] for row in servers(iter(PRODUCTION)))
    assert set(found) - {None} == {"stopped", "starting", "running", "error", "stopping"}
    assert all("\n" in row["last_error"] and row["error_count"] for row in BY_CASE["failing"])
    assert all(json.loads(row["tools_discovered"]) for row in BY_CASE["discovered"])


def test_json_is_written_in_ways_that_only_its_bytes_tell() -> None:
    for case in ("json-of-many-lines", "json-escaped", "json-unescaped", "json-with-a-key-twice", "json-null"):
        for row in BY_CASE[case]:
            texts = [row[name] for name in ("command", "env", "tags") if row[name] is not None]
            assert any(text != json.dumps(json.loads(text)) for text in texts) or "null" in texts, case
    assert all(row["env"].count('"REGION"') == 2 for row in BY_CASE["json-with-a-key-twice"])
    assert all(r"\/" in row["tags"] for row in BY_CASE["json-escaped"])


def test_defects_are_made_only_when_asked_for() -> None:
    extra = list(legacy_rows("production", defects=True))[len(PRODUCTION) :]
    ids = {table: {row.values["id"] for row in PRODUCTION if row.table == table} for table in (AGENTS, SERVERS)}
    names = Counter(row["name"] for row in servers(legacy_rows("production", defects=True)))
    assert [count for count in names.values() if count > 1] == [2]
    pairs = [(row.values["agent_id"], row.values["mcp_server_id"]) for row in extra if row.table == ASSIGNMENTS]
    orphans = [pair for pair in pairs if pair[0] not in ids[AGENTS] or pair[1] not in {*ids[SERVERS], 601}]
    assert len(orphans) == 3
    assert max(Counter(pairs).values()) == 2


@pytest.mark.parametrize("scale", ["huge", "0", -1, 10**12, "1e3", ""])
def test_what_is_no_scale_is_refused(scale: str | int) -> None:
    with pytest.raises(UsageError, match="is no scale; write small, production, internet, or a number"):
        Scale.read(scale)


def test_every_new_config_can_be_read_and_no_two_have_one_name() -> None:
    configs = [ServerConfig.read(each) for each in new_configs("production")]
    assert len({each.name for each in configs}) == 600
    assert any(each.model_extra for each in configs)
    assert any(each.tools for each in configs)
    assert any(each.agents == ["*"] for each in configs)
    assert any(not each.agents for each in configs)
    assert {each.transport for each in configs} == {None, "http", "sse"}


def peak(rows: Iterator[LegacyRow | NewConfig]) -> int:
    """Return the most memory that was held at once while all rows went by."""
    tracemalloc.start()
    for _ in rows:
        pass
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return held


def test_ten_times_the_rows_take_no_more_memory() -> None:
    assert peak(legacy_rows(2000)) < 1.5 * peak(legacy_rows(200))
    assert peak(stored_configs(2000)) < 1.5 * peak(stored_configs(200))


@pytest.mark.anyio
async def test_the_legacy_tables_hold_what_was_generated(matrix_legacy_database: Any) -> None:
    told: list[tuple[int, int]] = []
    async with Database(matrix_legacy_database.url) as database:
        await fill_legacy(database, "production", progress=lambda *numbers: told.append(numbers))
        async with database.reading() as connection:
            rows = (await connection.execute(select(schema.SERVERS).order_by(schema.SERVERS.c.id))).mappings().all()
            texts = dict((await connection.execute(text("select id, cast(tags as text) from mcp_servers"))).all())
            counts = [await connection.scalar(text(f"select count(*) from {each}")) for each in (AGENTS, ASSIGNMENTS)]
        expected = list(servers(iter(PRODUCTION)))
        assert [row["name"] for row in rows] == [row["name"] for row in expected]
        assert [row["description"] for row in rows] == [row["description"] for row in expected]
        assert counts == [40, sum(HOLDERS.values())]
        assert told[-1] == (600, 600)
        if database.is_sqlite:
            assert texts == {row["id"]: row["tags"] for row in expected}
        with pytest.raises(UsageError, match="generate into an empty database"):
            await fill_legacy(database, "small")


@pytest.mark.anyio
async def test_a_row_written_afterwards_gets_the_next_id(matrix_legacy_database: Any) -> None:
    async with Database(matrix_legacy_database.url) as database:
        await fill_legacy(database, "small")
        async with database.writing() as connection:
            await connection.execute(text("insert into agents (name) values ('one-more')"))
            assert await connection.scalar(text("select id from agents where name = 'one-more'")) == 6


@pytest.mark.anyio
async def test_tables_without_constraints_hold_the_defects(matrix_legacy_database: Any) -> None:
    async with Database(matrix_legacy_database.url) as database:
        await fill_legacy(database, "small", defects=True)
        async with database.reading() as connection:
            orphans = (
                "select count(*) from agent_mcp_servers where agent_id not in (select id from agents)"
                " or mcp_server_id not in (select id from mcp_servers)"
            )
            assert await connection.scalar(text(orphans)) == 3
            assert await connection.scalar(text("select count(*) - count(distinct name) from mcp_servers")) == 1


@pytest.mark.anyio
async def test_tables_to_which_others_refer_are_not_made_again(matrix_legacy_database: Any) -> None:
    async with Database(matrix_legacy_database.url) as database:
        async with database.writing() as connection:
            await connection.execute(text("create table notes (of integer references mcp_servers (id))"))
        with pytest.raises(UsageError, match=r'a table "?notes"? that refers to mcp_servers'):
            await fill_legacy(database, "small", defects=True)


@pytest.mark.anyio
async def test_the_store_holds_the_generated_configs_with_their_secrets_sealed(matrix_legacy_database: Any) -> None:
    sealer = Sealer(KEY)
    async with Database(matrix_legacy_database.url) as database:
        await database.upgrade()
        await fill_store(database, "production", 3, sealer=sealer)
        async with database.reading() as connection:
            stored = {each.name: each async for each in ConfigStore(connection).stream_mcp_configs()}
        expected = {each.config["name"]: each for each in stored_configs("production", 3)}
        assert set(stored) == set(expected)
        for name, each in stored.items():
            clear = ServerConfig.read(expected[name].config).to_json()
            assert sealer.unsealed(each.config.to_json()) == clear
            assert bool(SEALED.search(canonical(each.config.to_json()))) == bool(secrets_of(clear))
            assert (each.id, each.created_at) == (expected[name].id, expected[name].created_at)
        with pytest.raises(UsageError, match="generate into an empty database"):
            await fill_store(database, "small", sealer=sealer)


@pytest.mark.anyio
async def test_secrets_are_not_generated_into_a_store_without_a_key(matrix_legacy_database: Any) -> None:
    async with Database(matrix_legacy_database.url) as database:
        await database.upgrade()
        with pytest.raises(CannotUnseal):
            await fill_store(database, "production", sealer=Sealer())
        async with database.reading() as connection:
            assert await ConfigStore(connection).list_mcp_configs() == []
