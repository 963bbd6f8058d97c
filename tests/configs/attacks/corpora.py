"""Corpora for the security policy, read from the files beside this one: what must be refused, and what must pass.

What is refused stands under the rule that has to say so. What is refused for its size alone is made here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))


def _pairs(rules: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(rule, attack) for rule, attacks in rules.items() for attack in attacks]


SERVER = ["npx", "-y", "server"]
PROGRAMS: list[tuple[str, str]] = _pairs(_read("programs"))
INJECTIONS: list[tuple[str, list[str]]] = [
    *((rule, [*SERVER, argument]) for rule, argument in _pairs(_read("arguments"))),
    *_pairs(_read("commands")),
    ("argument-length", [*SERVER, "a" * 2049]),
    ("argument-count", [*SERVER, *["a"] * 200]),
]
TRAVERSALS: list[str] = _read("traversals")["traversals"]
ENVIRONMENTS: list[tuple[str, str, str]] = [
    *((rule, name, "1") for rule, name in _pairs(_read("environment")["names"])),
    *((rule, "API_KEY", value) for rule, value in _pairs(_read("environment")["values"])),
    ("environment-name", "A" * 200 + "_KEY", "1"),
    ("environment-length", "API_KEY", "a" * 8193),
]
NAMES: list[tuple[str, str]] = [*_pairs(_read("names")), ("name-form", "a" * 65)]
SQL: list[str] = _read("sql")["injections"]
URLS: list[tuple[str, str]] = [*_pairs(_read("urls")), ("url-length", "https://x.example/" + "a" * 2048)]


def _legitimate() -> list[dict[str, Any]]:
    found = _read("legitimate")
    return [
        *({"command": command.split()} for command in found["commands"]),
        *({"url": url} for url in found["urls"]),
        *found["configs"],
    ]


LEGITIMATE = _legitimate()
