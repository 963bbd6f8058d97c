"""Configs in the forms that others read. A secret in clear is never written; references are, sealed ones as well."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from matrix.configs.dialects.entry import UNTRANSLATED
from matrix.configs.model import ServerConfig, leaves
from matrix.configs.secrets import SEALED, change_secrets, secrets_of
from matrix.errors import UsageError
from matrix.json_access import mapping
from matrix.redaction import MASK

DIALECTS = ("configs", "mcpServers", "vscode")
_INPUT = re.compile(r"\$\{input:([^${}]+)\}")
_OURS = ("agents", "tools", "timeout", "retry_count", "auto_start", "tags", "priority", "legacy")
"""Fields that only our own form has a word for."""
_DEFAULTS = ServerConfig(name="default", server_type="stdio", command=["default"])


def write_configs(configs: Sequence[ServerConfig], dialect: str) -> str:
    """Return configs as JSON text in a dialect: `configs` (whole), `mcpServers` or `vscode`.

    References stay, sealed ones as `${sealed:…}`; a secret in clear is masked. `losses` says what is not in the text.
    Raises UsageError for another dialect, or two servers of one name.
    """
    if dialect not in DIALECTS:
        raise UsageError(f"{dialect!r} cannot be written; write one of {', '.join(DIALECTS)}")
    names = Counter(config.name for config in configs)
    if twice := sorted(name for name, times in names.items() if times > 1):
        raise UsageError(f"two servers are called {twice[0]!r}; a file can hold one of them")
    safe = [ServerConfig.read(change_secrets(config.to_json(), lambda _: MASK)) for config in configs]
    if dialect == "configs":
        document: dict[str, Any] = {"configs": [config.to_json() for config in safe]}
    elif dialect == "mcpServers":
        document = {"mcpServers": {config.name: _entry(config) for config in safe}}
    else:
        servers = {config.name: {**_kind(config), **_entry(config)} for config in safe}
        document = {"servers": servers, "inputs": _inputs(servers)}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def losses(configs: Sequence[ServerConfig], dialect: str) -> tuple[str, ...]:
    """Return what a text of this dialect does not say of these configs: masked secrets, fields without a word."""
    notes: list[str] = []
    for config in configs:
        data = config.to_json()
        notes += [f"{config.name!r}: {path} is a secret in clear, and was masked" for path in secrets_of(data)]
        if any(isinstance(value, str) and SEALED.search(value) for _, value in leaves(data)):
            notes.append(f"{config.name!r}: its sealed secrets can be opened with the key of the store only")
        lost = [name for name in _OURS if getattr(config, name) != getattr(_DEFAULTS, name)]
        if lost and dialect != "configs":
            notes.append(f"{config.name!r}: {dialect} has no word for {', '.join(lost)}")
    return tuple(notes)


def _kind(config: ServerConfig) -> dict[str, Any]:
    return {"type": "stdio" if config.server_type == "stdio" else config.transport or "http"}


def _entry(config: ServerConfig) -> dict[str, Any]:
    """Write a server as most clients read it."""
    if config.command and config.server_type == "stdio":
        entry: dict[str, Any] = {"command": config.command[0], "args": config.command[1:], "cwd": config.cwd}
    else:
        entry = {**_kind(config), "url": config.url}
    entry |= {"env": config.environment or None, "headers": config.headers or None, "description": config.description}
    entry |= {"disabled": None if config.enabled else True}
    kept = dict(config.model_extra or {})
    kept |= mapping(kept.pop(UNTRANSLATED, None))
    return {key: value for key, value in {**kept, **entry}.items() if value is not None}


def _inputs(servers: dict[str, Any]) -> list[dict[str, Any]]:
    """Declare the inputs that the servers refer to, so that the client asks for them."""
    found = {match for _, value in leaves(servers) if isinstance(value, str) for match in _INPUT.findall(value)}
    return [{"id": each, "type": "promptString", "description": each, "password": True} for each in sorted(found)]
