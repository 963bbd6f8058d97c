"""Configs around one part that the policy judges, and the rules that they break."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matrix.configs.model import ServerConfig
from matrix.configs.policy import Policy, read_policy, violations

EMPTY = "/nonexistent-folder-of-programs"
UNRESOLVED = f'[command]\npath = ["{EMPTY}"]\n'
"""The default policy on a machine that has none of the programs: what is judged does not depend on ours."""


def policy_of(folder: Path, text: str) -> Policy:
    file = folder / "policy.toml"
    file.write_text(text, encoding="utf-8")
    return read_policy(file)


def stdio(*command: str, **fields: Any) -> ServerConfig:
    return ServerConfig.read({"name": "server", "server_type": "stdio", "command": list(command), **fields})


def http(url: str, **fields: Any) -> ServerConfig:
    return ServerConfig.read({"name": "server", "server_type": "http", "url": url, **fields})


def broken_rules(config: ServerConfig, policy: Policy) -> set[str]:
    return {each.rule for each in violations(config, policy)}


def running(program: str) -> ServerConfig:
    """Make a config around the model, which itself refuses some of these programs (NUL)."""
    return stdio("npx", "server").model_copy(update={"command": [program, "server"]})


def named(name: str) -> ServerConfig:
    return stdio("npx", "server").model_copy(update={"name": name})
