"""Migrating and rolling back is the identity on any store, and migrating keeps every fact (Hypothesis)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from matrix.configs.database import Database, create_legacy
from matrix.configs.migration import migrate, rollback, verify
from matrix.configs.secrets import mask, secrets_of
from tests.configs.configs_migration_helpers import SEALER, dump, stored

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(str.strip).filter(bool)
environments = st.dictionaries(words, st.one_of(words, st.integers(), st.booleans()), max_size=3)
spacing = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "  :  ")])
rows = st.fixed_dictionaries(
    {
        "command": st.lists(words, min_size=1, max_size=3),
        "env": environments,
        "tags": st.one_of(st.none(), st.lists(words, max_size=2)),
        "description": st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
        "enabled": st.one_of(st.none(), st.booleans()),
        "timeout_seconds": st.one_of(st.none(), st.integers(0, 10**6)),
        "priority": st.one_of(st.none(), st.integers(-9, 9)),
        "last_error": st.one_of(st.none(), st.binary(max_size=8), st.floats(allow_nan=False, allow_infinity=False)),
        "spacing": spacing,
        "ascii": st.booleans(),
        "agents": st.sets(st.integers(1, 3)),
    }
)


def _json(value: Any, row: dict[str, Any]) -> str | None:
    return None if value is None else json.dumps(value, separators=row["spacing"], ensure_ascii=row["ascii"])


def fill(file: Path, servers: dict[str, dict[str, Any]]) -> None:
    with sqlite3.connect(file) as connection:
        connection.executemany("insert into agents (id, name) values (?, ?)", [(1, "a"), (2, "b"), (3, "ç")])
        for number, (name, row) in enumerate(servers.items(), 1):
            plain = [row[each] for each in ("description", "enabled", "timeout_seconds", "priority", "last_error")]
            values = [number, name, _json(row["command"], row), _json(row["env"], row), _json(row["tags"], row), *plain]
            connection.execute(
                "insert into mcp_servers (id, name, server_type, command, env, tags, description, enabled,"
                " timeout_seconds, priority, last_error) values (?, ?, 'stdio', ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            pairs = [(agent, number) for agent in sorted(row["agents"])]
            connection.executemany("insert into agent_mcp_servers (agent_id, mcp_server_id) values (?, ?)", pairs)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(servers=st.dictionaries(words, rows, min_size=1, max_size=4))
def test_there_and_back_changes_no_byte_and_loses_no_fact(servers: dict[str, dict[str, Any]]) -> None:
    async def there_and_back(url: str, file: Path) -> None:
        async with Database(url, pooled=False) as database:
            await database.upgrade()
            async with database.writing() as connection:
                await create_legacy(connection)
            fill(file, servers)
            before = dump(url)
            assert (await migrate(database, SEALER)).migrated == len(servers)
            assert (await verify(database, SEALER)).agrees
            for name, row in servers.items():
                config = await stored(database, name)
                assert config["command"] == row["command"]
                assert set(config.get("environment", {})) == set(row["env"])
                assert config["agents"] == sorted({1: "a", 2: "b", 3: "ç"}[agent] for agent in row["agents"])
                assert config["enabled"] is bool(row["enabled"])
                assert config.get("description") == row["description"]
            await rollback(database, SEALER)
            assert dump(url) == before

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.db"
        asyncio.run(there_and_back(f"sqlite:///{file}", file))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(environment=st.dictionaries(words, words, max_size=4), headers=st.dictionaries(words, words, max_size=2))
def test_what_is_sealed_opens_to_what_it_was(environment: dict[str, str], headers: dict[str, str]) -> None:
    config = {"name": "x", "environment": environment, "headers": headers, "command": [*environment.values()]}
    sealed = SEALER.sealed(config)
    assert SEALER.unsealed(sealed) == config
    assert secrets_of(sealed) == []


SECRETS = (
    "sk-abcdefghijklmnop",
    "ghp_0123456789abcdefABCDEF",
    "xoxb-1234567890-abcdef",
    "AKIAABCDEFGHIJKLMNOP",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "Bearer abcdef123456",
    "lin_api_0123456789",
    "glpat-abcdefghij0123456789",
)


def test_no_planted_secret_is_ever_shown() -> None:
    shown = 0
    for secret in SECRETS:
        for planted in (
            {"environment": {"ANYTHING": secret}},
            {"environment": {"MY_TOKEN": secret}},
            {"headers": {"Authorization": secret}},
            {"command": ["run", "--api-key", secret]},
            {"command": ["run", f"--token={secret}"]},
            {"command": ["run", secret]},
            {"url": f"https://user:{secret.replace(' ', '-')}@host.example/x"},
            {"url": f"https://host.example/x?access_token={secret.replace(' ', '-')}&q=1"},
            {"description": f"use {secret} to log in"},
            {"legacy": {"last_error": f"401 for {secret}"}},
        ):
            tail = secret.replace(" ", "-").partition("Bearer-")[2] or secret
            assert tail not in json.dumps(mask(planted)), planted
            assert tail not in json.dumps(SEALER.sealed(planted)), planted
            shown += 1
    assert shown == 80


def test_what_is_harmless_stays_readable() -> None:
    plain = {
        "environment": {
            "LEVEL": "debug",
            "PORT": "8080",
            "FILE": "/etc/x.json",
            "KEY": "${KEY}",
            "URL": "https://x.example/y",
        },
        "headers": {"Authorization": "Bearer ${TOKEN}", "Accept": "application/json"},
        "command": ["npx", "-y", "server@1.2.3", "--port=80", "--token=${TOKEN}"],
        "url": "https://x.example/?page=2",
    }
    assert mask(plain) == plain
