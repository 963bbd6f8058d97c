"""The ugly cases: what real stores hold and simple tests do not; each changes one ordinary row.

A case is a function of a row (JSON columns still as values) and the row's own random numbers. Every one of them is
data that a migration must carry; what must stop a migration is made elsewhere, and only when asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from string import ascii_letters, ascii_lowercase
from typing import Any

from matrix.configs.generator import words
from matrix.configs.generator.values import prose, secret, token, tool

LARGEST_INTEGER = 2**31 - 1
BEYOND_DOUBLES = 2**53 + 1
HUGE = 64 * 1024


@dataclass
class Draft:
    """A server in the making: its legacy columns, and what is decided beside them.

    `spread` says who has it: some agents, nobody, or everyone. `style` says how its JSON is written.
    """

    number: int
    columns: dict[str, Any]
    neighbour: str
    """The name of the row before."""
    spread: str = "some"
    style: str = "plain"


Case = Callable[[Draft, Random], None]


def _name(draft: Draft, start: str) -> None:
    draft.columns["name"] = f"{start}-{draft.number}"


def name_combining(draft: Draft, random: Random) -> None:
    """A name with combining marks."""
    _name(draft, random.choice(words.ACCENTED))


def name_right_to_left(draft: Draft, random: Random) -> None:
    """A name in a script that runs right to left."""
    _name(draft, random.choice(words.RIGHT_TO_LEFT))


def name_emoji(draft: Draft, random: Random) -> None:
    """A name of emoji that are several code points each."""
    _name(draft, "".join(random.sample(words.EMOJI, 3)))


def name_ideograms(draft: Draft, random: Random) -> None:
    """A name in Chinese, Japanese or Korean."""
    _name(draft, random.choice(words.IDEOGRAMS))


def name_longest(draft: Draft, random: Random) -> None:
    """A name of 255 characters, the most that the column holds."""
    end = f"-{draft.number}"
    draft.columns["name"] = "".join(random.choices(ascii_lowercase, k=255 - len(end))) + end


def name_syntax(draft: Draft, _: Random) -> None:
    """A name full of what SQL, JSON, URLs and formats mean something by."""
    _name(draft, """O'Brien's "best"; drop table x -- /* %s {0} $1 :a ? \\ / & # ü""")


def name_case_twin(draft: Draft, _: Random) -> None:
    """A name that differs from the one before by case only."""
    draft.columns["name"] = draft.neighbour.swapcase()


def name_width_twin(draft: Draft, _: Random) -> None:
    """A name that compatibility normalization would make equal to the one before."""
    draft.columns["name"] = chr(ord(draft.neighbour[0]) + 0xFEE0) + draft.neighbour[1:]


def nobody(draft: Draft, _: Random) -> None:
    """A server without an assignment."""
    draft.spread = "nobody"


def everyone(draft: Draft, _: Random) -> None:
    """A server that every agent has, one assignment each."""
    draft.spread = "everyone"


def disabled(draft: Draft, _: Random) -> None:
    """A server that is switched off, with a priority below zero."""
    draft.columns |= {"enabled": False, "auto_start": False, "priority": -5}


def failing(draft: Draft, random: Random) -> None:
    """A server in the error state; its last error quotes an address with a password."""
    address = f"postgresql://app:{token(random, 16)}@db.example.org/prod"
    attempts = random.randint(3, 50)
    error = words.TRACEBACK.format(line=random.randint(1, 900), address=address, attempts=attempts)
    counts = {"error_count": attempts, "connection_attempts": attempts + 1}
    draft.columns |= {"status": "error", "last_error": error, **counts}


def in_transit(draft: Draft, random: Random) -> None:
    """A server that was caught starting or stopping."""
    draft.columns["status"] = random.choice(("starting", "stopping"))


def discovered(draft: Draft, random: Random) -> None:
    """A running server with the tools and resources that it was found to have."""
    tools = [tool(random) for _ in range(random.randint(3, 12))]
    resources = [{"uri": f"file:///srv/{noun}s", "name": noun, "size": None} for noun in words.NOUNS[:4]]
    found = {"tools_discovered": tools, "resources_discovered": resources}
    draft.columns |= {"status": "running", "enabled": True, **found}


def secret_in_env(draft: Draft, random: Random) -> None:
    """Secrets in clear in the environment."""
    secrets = {name: secret(random) for name in random.sample(words.SECRET_VARIABLES, 2)}
    draft.columns["env"] = {**secrets, "GITHUB_PERSONAL_ACCESS_TOKEN": f"ghp_{token(random, 36)}"}


def secret_in_arguments(draft: Draft, random: Random) -> None:
    """Secrets in clear in a command's arguments: after an option, joined to one, and in a header."""
    header = f"Authorization: Bearer {token(random, 40)}"
    options = ["--api-key", secret(random), f"--token={secret(random)}", "--header", header]
    _as_stdio(draft, ["npx", "-y", f"@example/{random.choice(words.PRODUCTS)}-mcp", *options])


def secret_in_url(draft: Draft, random: Random) -> None:
    """Secrets in clear in a URL: a password, and a parameter."""
    _as_http(draft, f"https://svc:{token(random, 20)}@mcp.example.org/v1/mcp?region=eu&api_key={token(random, 32)}")


def secret_as_reference(draft: Draft, random: Random) -> None:
    """Secrets as they should be: references to variables."""
    name = random.choice(words.SECRET_VARIABLES)
    env = {name: f"${{{name}}}", "OTHER_TOKEN": "${env:OTHER_TOKEN}", "AUTHORIZATION": "Bearer ${ACCESS_TOKEN}"}
    draft.columns["env"] = env


def secret_of_many_lines(draft: Draft, random: Random) -> None:
    """A private key, line breaks and all."""
    body = "\n".join(token(random, 64) for _ in range(12))
    draft.columns["env"] = {"PRIVATE_KEY": f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"}


def http_with_env(draft: Draft, random: Random) -> None:
    """An http server with an environment: the old migration lost it."""
    _as_http(draft, f"https://{random.choice(words.PRODUCTS)}.example.com/mcp")
    draft.columns["env"] = {"REGION": "eu-west-1", "TENANT": f"t-{draft.number}", "API_KEY": secret(random)}


def url_longest(draft: Draft, random: Random) -> None:
    """A URL of 500 characters, the most that the column holds."""
    start = "https://例え.example.org/mcp?filter="
    _as_http(draft, start + "".join(random.choices(ascii_letters, k=500 - len(start))))


def huge_environment(draft: Draft, random: Random) -> None:
    """An environment of 64 KB."""
    draft.columns["env"] = {f"CHUNK_{each:02}": prose(random, HUGE // 16) for each in range(16)}


def huge_discovery(draft: Draft, random: Random) -> None:
    """A list of discovered tools of 64 KB."""
    tools: list[dict[str, Any]] = []
    size = 0
    while size < HUGE:
        tools.append({**tool(random), "documentation": prose(random, 2000)})
        size += 2200
    draft.columns["tools_discovered"] = tools


def long_description(draft: Draft, random: Random) -> None:
    """A long description with line breaks, quotes and several scripts."""
    draft.columns["description"] = words.PARAGRAPH * random.randint(8, 20)


def falsy(draft: Draft, _: Random) -> None:
    """Values that a truth test would drop, none of which is absent."""
    zeros = {"priority": 0, "max_retries": 0, "timeout_seconds": 0, "error_count": 0, "connection_attempts": 0}
    draft.columns |= {"tags": [], "env": {}, "description": "", "last_error": "", **zeros}
    draft.columns |= {"tools_discovered": [], "resources_discovered": [], "enabled": False, "auto_start": False}


def empty_values(draft: Draft, _: Random) -> None:
    """Variables, arguments and tags that are empty texts."""
    draft.columns |= {"env": {"EMPTY": "", "SPACE": " "}, "tags": ["", " "]}
    _as_stdio(draft, ["python3", "-m", "server", "", " "])


def nulls(draft: Draft, _: Random) -> None:
    """A server whose every column that may be NULL is."""
    needed = {"id", "name", "server_type", "command" if draft.columns["server_type"] == "stdio" else "http_url"}
    draft.columns |= dict.fromkeys(set(draft.columns) - needed)


def null_command(draft: Draft, _: Random) -> None:
    """An http server with NULL wherever it can be."""
    _as_http(draft, f"http://10.0.{draft.number % 250}.7:8080/sse")
    nulls(draft, _)


def odd_moments(draft: Draft, random: Random) -> None:
    """Moments with microseconds, of long ago, far ahead, and none."""
    columns = draft.columns
    columns["created_at"] = f"0001-01-02 00:00:00.{random.randint(1, 999999):06}"
    columns["updated_at"] = f"2024-02-29 23:59:59.{random.randint(1, 999999):06}"
    columns |= {"started_at": "1969-12-31 23:59:59", "last_ping": "9999-12-30 23:59:59", "last_stopped": None}


def moments_with_zones(draft: Draft, _: Random) -> None:
    """Moments in the ISO form, with a zone."""
    draft.columns |= {"created_at": "2023-05-06T07:08:09Z", "updated_at": "2025-03-30T02:30:00.5+02:00"}


def big_integers(draft: Draft, random: Random) -> None:
    """The largest numbers of the columns, and JSON numbers that no double holds."""
    limits = ("error_count", "connection_attempts", "priority", "timeout_seconds", "max_retries")
    draft.columns |= dict.fromkeys(limits, LARGEST_INTEGER)
    quota = {"quota": BEYOND_DOUBLES, "id": 10**30, "ratio": random.random()}
    draft.columns["tools_discovered"] = [{"name": "count", "limits": quota}]


def env_of_other_types(draft: Draft, _: Random) -> None:
    """Numbers, switches and null where texts are expected."""
    draft.columns["env"] = {"PORT": 8080, "DEBUG": True, "RATE": 0.25, "UNSET": None, "ID": BEYOND_DOUBLES}


def tags_of_other_types(draft: Draft, _: Random) -> None:
    """Tags that are no texts."""
    draft.columns["tags"] = ["dev", 7, None, True, {"team": "ops", "tier": [1, 2]}, []]


def odd_arguments(draft: Draft, _: Random) -> None:
    """Arguments with quotes, line breaks, other scripts and JSON in them."""
    odd = ['{"a": [1, 2]}', "it's", "two\nlines", "ação 中文 👩🏽‍💻", "C:\\dir\\file", "--flag=a=b", "$HOME", "*"]
    _as_stdio(draft, ["node", "server.js", *odd])


def json_of_many_lines(draft: Draft, _: Random) -> None:
    """JSON that was written by hand: indented, with white space around it."""
    draft.style = "indented"


def json_escaped(draft: Draft, _: Random) -> None:
    """JSON with escapes that need not be there."""
    draft.columns["tags"] = ["a/b", "é", "👩", "日本", "\t"]
    draft.style = "escaped"


def json_unescaped(draft: Draft, _: Random) -> None:
    """JSON as tight as can be, with every character as itself."""
    draft.columns["tags"] = ["é", "👩🏽‍💻", "日本", "\u2028"]
    draft.style = "tight"


def json_with_a_key_twice(draft: Draft, _: Random) -> None:
    """JSON in which a key occurs twice; the last one counts."""
    draft.columns["env"] = {"REGION": "eu", "MODE": "fast"}
    draft.style = "twice"


def json_null(draft: Draft, _: Random) -> None:
    """JSON's own null in columns that could have had SQL's."""
    draft.columns |= {"env": {}, "tags": [], "resources_discovered": []}
    draft.style = "null"


CASES: dict[str, Case] = {
    each.__name__.replace("_", "-"): each
    for each in (
        name_combining, name_right_to_left, name_emoji, name_ideograms, name_longest, name_syntax, name_case_twin,
        name_width_twin, nobody, everyone, disabled, failing, in_transit, discovered, secret_in_env,
        secret_in_arguments, secret_in_url, secret_as_reference, secret_of_many_lines, http_with_env, url_longest,
        huge_environment, huge_discovery, long_description, falsy, empty_values, nulls, null_command, odd_moments,
        moments_with_zones, big_integers, env_of_other_types, tags_of_other_types, odd_arguments,
        json_of_many_lines, json_escaped, json_unescaped, json_with_a_key_twice,
        json_null,
    )
}  # fmt: skip
"""Every ugly case by its name, in the order in which the rows take turns."""


def _as_stdio(draft: Draft, command: list[str]) -> None:
    draft.columns |= {"server_type": "stdio", "command": command, "http_url": None}


def _as_http(draft: Draft, url: str) -> None:
    draft.columns |= {"server_type": "http", "command": None, "http_url": url}
