"""The security policy of configs: what it is, how it is read, and which of its rules a config breaks.

The default is `policy.toml` beside this module; an owner's file changes what it names. Nothing is judged by the
beginning of a text: paths are resolved and compared folder by folder, encodings undone until nothing changes, and
addresses read as numbers. No name is looked up on the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from matrix.configs.model import ServerConfig
from matrix.configs.rules.model import Policy, Violation
from matrix.configs.rules.shape import check_shape
from matrix.configs.rules.stdio import check_stdio
from matrix.configs.rules.urls import check_http
from matrix.errors import ConfigurationError
from matrix.json_access import mapping
from matrix.toml_file import checked, read_toml

__all__ = ["DEFAULT", "Policy", "Violation", "read_policy", "violations"]

DEFAULT = Path(__file__).with_name("policy.toml")


def violations(config: ServerConfig, policy: Policy) -> tuple[Violation, ...]:
    """Return what a config breaks of the rules that are in force, in the order of its fields; empty if it may pass."""
    found = [*check_shape(config, policy), *check_stdio(config, policy), *check_http(config, policy)]
    return tuple(each for each in found if policy.rules[each.rule])


def read_policy(path: Path | str | None = None) -> Policy:
    """Read an owner's policy, which changes the default one; None is the default one.

    Raises ConfigurationError: which file, which key, and what is wrong with it.
    """
    return _default() if path is None else _policy(Path(path), _merged(read_toml(DEFAULT), read_toml(Path(path))))


@cache
def _default() -> Policy:
    return _policy(DEFAULT, read_toml(DEFAULT))


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return the base with what the change says; tables are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in change.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        merged[key] = _merged(mapping(base[key]), mapping(cast("object", value))) if both else value
    return merged


def _policy(path: Path, document: Mapping[str, Any]) -> Policy:
    known = set(mapping(read_toml(DEFAULT).get("rules")))
    if unknown := sorted(set(mapping(document.get("rules"))) - known):
        raise ConfigurationError(path, f"rules.{unknown[0]}", f"is no rule; the rules are {', '.join(sorted(known))}")
    policy = checked(Policy, document, path)
    for name, rules in policy.interpreters.items():
        if unknown := sorted(set(rules.runs.values()) - set(policy.interpreters)):
            raise ConfigurationError(path, f"interpreters.{name}.runs", f"{unknown[0]!r} is none of the interpreters")
    return policy
