"""Realistic data for the legacy tables and for the store: seeded, streamed, ugly where real data is.

Server N depends on the seed and on N alone: it is the same at every scale, and none of those before it is needed to
make it. Who has it follows from how many agents there are. The first dozen are ordinary; of the others every fourth
is one of the ugly cases, in turn.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from matrix.configs.generator import words
from matrix.configs.generator.cases import CASES, Draft
from matrix.configs.generator.values import tool
from matrix.configs.model import EVERY_AGENT
from matrix.configs.schema import AGENTS, ASSIGNMENTS, SERVERS
from matrix.errors import UsageError
from matrix.json_access import mapping

SCALES: Mapping[str, int] = {"small": 12, "production": 600, "internet": 100_000}
"""Servers at the scales that have a name."""
LARGEST = 4_000_000
"""More servers than this, and the assignments' ids no longer fit."""
NO_SUCH = 2_000_000_000
"""An id that no generated row has."""

_ORDINARY = 12
_EVERY = 4
_EPOCH = datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC)
_IDS = uuid.UUID("2f1c3a57-7d0e-4d0b-8f0a-67656e657261")
_JSON = ("command", "env", "tags", "tools_discovered", "resources_discovered")


@dataclass(frozen=True)
class Scale:
    """How much data: servers, and the agents that have them (5 to 200, one for 15 servers)."""

    servers: int
    agents: int

    @classmethod
    def read(cls, scale: str | int) -> Scale:
        """Read `small`, `production`, `internet`, or a number of servers. Raises UsageError."""
        text = str(scale)
        servers = SCALES.get(text, int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0)
        if not 0 < servers <= LARGEST:
            raise UsageError(
                f"{text!r} is no scale; write {', '.join(SCALES)}, or a number of servers from 1 to {LARGEST}"
            )
        return cls(servers, max(5, min(200, servers // 15)))


@dataclass(frozen=True)
class LegacyRow:
    """A row of a legacy table. JSON columns are the exact text, moments are text; on PostgreSQL both are cast."""

    table: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class NewConfig:
    """A config of the store in clear, with the id and the moments that it is to have."""

    id: uuid.UUID
    config: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


def legacy_rows(scale: str | int, seed: int = 0, *, defects: bool = False) -> Iterator[LegacyRow]:
    """Yield the agents, then each server followed by its assignments.

    With `defects` there are also rows that must stop a migration: orphaned assignments, and true duplicates, which
    only tables without constraints can hold. Raises UsageError.
    """
    size = Scale.read(scale)
    for number in range(1, size.agents + 1):
        yield _agent(number)
    for number in range(1, size.servers + 1):
        draft = _draft(number, seed)
        yield LegacyRow(SERVERS.name, _written(draft))
        yield from (_assignment(number, agent) for agent in _holders(draft, seed, size.agents))
    if defects:
        yield from _defects(size, seed)


def new_configs(scale: str | int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield configs of the new form, in clear; each can be read as a ServerConfig, no two have one name.

    Raises UsageError.
    """
    yield from (dict(each.config) for each in stored_configs(scale, seed))


def stored_configs(scale: str | int, seed: int = 0) -> Iterator[NewConfig]:
    """Yield configs of the new form with the ids and moments that they are stored under. Raises UsageError."""
    size = Scale.read(scale)
    names = [_agent(number).values["name"] for number in range(1, size.agents + 1)]
    for number in range(1, size.servers + 1):
        draft = _draft(number, seed)
        holders = [names[agent - 1] for agent in _holders(draft, seed, size.agents)]
        created = _EPOCH + timedelta(minutes=number)
        key = uuid.uuid5(_IDS, f"{seed}/{number}")
        yield NewConfig(key, _config(draft, holders, seed), created, created + timedelta(hours=number % 1000))


def case_of(number: int) -> str | None:
    """Return which ugly case a server is; None for an ordinary one."""
    slot = number - _ORDINARY - 1
    return None if slot < 0 or slot % _EVERY != 1 else list(CASES)[slot // _EVERY % len(CASES)]


def _draft(number: int, seed: int) -> Draft:
    random = _random(seed, number, "server")
    draft = Draft(number, _ordinary(number, seed, random), _plain_name(number - 1, seed))
    case = case_of(number)
    if case is not None:
        CASES[case](draft, random)
    return draft


def _ordinary(number: int, seed: int, random: Random) -> dict[str, Any]:
    product = random.choice(words.PRODUCTS)
    launcher = random.choice(words.LAUNCHERS)
    stdio = random.random() < 0.7
    package = [f"{product}_mcp"] if launcher == "uvx" else ["-m", f"{product}_mcp", "--verbose"]
    created = _EPOCH + timedelta(minutes=number, microseconds=random.choice((0, random.randrange(10**6))))
    running = random.random() < 0.3
    variable = f"{product.upper().replace('-', '_')}_{random.choice(words.SECRET_VARIABLES)}"
    settings = {name: random.choice(("info", "eu", "50", "/var/cache")) for name in random.sample(words.VARIABLES, 2)}
    return {
        "id": number,
        "name": _plain_name(number, seed),
        "server_type": "stdio" if stdio else "http",
        "description": random.choice((None, *words.DESCRIPTIONS)),
        "command": [launcher, *package] if stdio else None,
        "env": {variable: f"${{{variable}}}", **settings} if random.random() < 0.8 else {},
        "http_url": None if stdio else f"https://{product}.mcp.example.com/v{random.randint(1, 3)}/mcp",
        "auto_start": random.random() < 0.8,
        "max_retries": random.choice((3, 3, 3, 1, 5)),
        "timeout_seconds": random.choice((30, 30, 30, 10, 60, 300)),
        "tags": random.sample(words.TAGS, random.randrange(4)),
        "priority": random.choice((0, 0, 0, 1, 10)),
        "status": "running" if running else "stopped",
        "enabled": random.random() < 0.85,
        "started_at": _moment(created + timedelta(days=1)) if running else None,
        "last_error": None,
        "error_count": random.choice((0, 0, 0, 1, 7)),
        "connection_attempts": random.randrange(100),
        "last_ping": _moment(created + timedelta(days=2)) if running else None,
        "tools_discovered": [tool(random) for _ in range(random.randrange(5))] if running else [],
        "resources_discovered": [],
        "created_at": _moment(created),
        "updated_at": _moment(created + timedelta(hours=random.randrange(2000))),
        "last_started": _moment(created + timedelta(days=1)) if running else None,
        "last_stopped": None,
    }


def _plain_name(number: int, seed: int) -> str:
    random = _random(seed, number, "name")
    return f"{random.choice(words.PRODUCTS)}-{random.choice(words.PURPOSES)}-{number}"


def _agent(number: int) -> LegacyRow:
    role = words.ROLES[(number - 1) % len(words.ROLES)]
    name = f"{role}-{words.TEAMS[(number - 1) // len(words.ROLES) % len(words.TEAMS)]}-{number}"
    odd, position = number > 5, (number - 6) // 5
    if odd and number % 5 == 1 and position < len(words.ODD_AGENTS):
        name = words.ODD_AGENTS[position]
    return LegacyRow(AGENTS.name, {"id": number, "name": name, "active": number % 7 != 6})


def _holders(draft: Draft, seed: int, agents: int) -> list[int]:
    """Return who has a server, by number: a few agents, those of low numbers more often."""
    if draft.spread != "some":
        return list(range(1, agents + 1)) if draft.spread == "everyone" else []
    random = _random(seed, draft.number, "agents")
    return sorted({int(random.random() ** 2 * agents) + 1 for _ in range(random.choice((0, 1, 1, 2, 2, 3, 4)))})


def _assignment(server: int, agent: int) -> LegacyRow:
    moment = _moment(_EPOCH + timedelta(minutes=server, seconds=agent))
    values = {"agent_id": agent, "mcp_server_id": server, "created_at": moment, "updated_at": moment}
    return LegacyRow(ASSIGNMENTS.name, {"id": server * 400 + agent, **values})


def _defects(size: Scale, seed: int) -> Iterator[LegacyRow]:
    first = _written(_draft(1, seed))
    yield LegacyRow(SERVERS.name, {**first, "id": size.servers + 1})
    once = _assignment(1, 1).values
    pairs = ((1, size.servers + 1), (1, size.servers + 1), (NO_SUCH, 1), (1, NO_SUCH), (NO_SUCH, NO_SUCH))
    for place, (agent, server) in enumerate(pairs):
        key = NO_SUCH + place
        yield LegacyRow(ASSIGNMENTS.name, {**once, "id": key, "agent_id": agent, "mcp_server_id": server})


def _config(draft: Draft, holders: list[str], seed: int) -> dict[str, Any]:
    """Return the config that somebody would have written for this server, with what only the new form can say."""
    columns, random = draft.columns, _random(seed, draft.number, "config")
    stdio = columns["server_type"] == "stdio"
    config: dict[str, Any] = {
        "name": columns["name"],
        "server_type": columns["server_type"],
        "command": columns["command"],
        "url": None if stdio else columns["http_url"],
        "environment": {name: _as_text(value) for name, value in mapping(columns["env"]).items() if value is not None},
        "agents": [EVERY_AGENT] if draft.spread == "everyone" else holders,
        "timeout": None if columns["timeout_seconds"] is None else columns["timeout_seconds"] * 1000,
        "retry_count": columns["max_retries"],
        "tags": columns["tags"] or [],
        **{each: columns[each] for each in ("enabled", "auto_start", "description", "priority")},
    }
    if random.random() < 0.3:
        config["tools"] = {"include": random.choice((["*"], ["get_*", "list_*"], [])), "exclude": ["delete_*"]}
    if random.random() < 0.1:
        config["x-owner"] = {"team": random.choice(words.TEAMS), "since": 2023.5, "notes": [None, {}]}
    if stdio and random.random() < 0.1:
        config["cwd"] = "/srv/mcp"
    if not stdio and random.random() < 0.5:
        config |= {"transport": random.choice(("http", "sse")), "headers": {"Authorization": "Bearer ${ACCESS_TOKEN}"}}
    return {name: value for name, value in config.items() if value is not None}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _written(draft: Draft) -> dict[str, Any]:
    """Return the columns with the text of their JSON."""
    write = _STYLES[draft.style]
    columns = draft.columns
    return columns | {name: write(columns[name]) for name in _JSON if columns[name] is not None}


def _twice(value: Any) -> str:
    text = json.dumps(value)
    return f'{{"REGION": "us", {text[1:]}' if isinstance(value, dict) and value else text


def _escaped(value: Any) -> str:
    text = json.dumps(value).replace("/", r"\/").replace(r"\t", r"\u0009")
    return re.sub(r"\\u[0-9a-f]{4}", lambda found: r"\u" + found[0][2:].upper(), text)


_STYLES: Mapping[str, Callable[[Any], str]] = {
    "plain": json.dumps,
    "indented": lambda value: "\n" + json.dumps(value, indent="\t", sort_keys=True) + " \r\n",
    "tight": lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    "escaped": _escaped,
    "twice": _twice,
    "null": lambda value: json.dumps(value or None),
}


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f").removesuffix(".000000")


def _random(seed: int, number: int, purpose: str) -> Random:
    return Random(f"{seed}/{number}/{purpose}")  # noqa: S311  (data, no keys)
