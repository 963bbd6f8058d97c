"""Masks that come back: who reads a config, changes it and sends it back, keeps the secrets that it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from matrix.configs.model import InvalidConfig, ServerConfig
from matrix.configs.secrets import mask
from matrix.json_access import mapping, sequence
from matrix.redaction import MASK

_DESTINATION = ("server_type", "transport", "command", "cwd")


def unmasked(sent: Mapping[str, Any], stored: ServerConfig | None) -> dict[str, Any]:
    """Return what was sent with every mask replaced by the stored secret that it stands for.

    Raises InvalidConfig for a mask that stands for none, and where kept secrets would go to another program or
    another address than the one they were entrusted to: they have to be sent anew then.
    """
    before = {} if stored is None else stored.to_json()
    name = str(sent.get("name", "" if stored is None else stored.name))
    kept: list[str] = []
    full = cast("dict[str, Any]", _restored(dict(sent), mask(before), before, (), kept, name))
    if kept and _destination(full) != _destination(before):
        problem = "is masked, and the server would send it elsewhere than before; send the secret itself, or ${NAME}"
        raise InvalidConfig(name[:64], kept[0], problem)
    return full


def _restored(sent: Any, shown: Any, stored: Any, path: tuple[str, ...], kept: list[str], name: str) -> Any:
    if isinstance(sent, Mapping):
        shown, stored = mapping(cast("object", shown)), mapping(cast("object", stored))
        return {
            key: _restored(each, shown.get(key), stored.get(key), (*path, str(key)), kept, name)
            for key, each in mapping(cast("object", sent)).items()
        }
    if isinstance(sent, list):
        items, seen, had = sequence(cast("object", sent)), sequence(shown), sequence(stored)
        return [
            _restored(each, _at(seen, number), _at(had, number), (*path, str(number)), kept, name)
            for number, each in enumerate(items)
        ]
    if not isinstance(sent, str) or MASK not in sent or sent == stored:
        return sent
    if sent != shown:
        problem = "is a mask that stands for no stored secret; send the secret itself, or ${NAME}"
        raise InvalidConfig(name[:64], ".".join(path), problem)
    kept.append(".".join(path))
    return stored


def _at(items: Any, number: int) -> Any:
    return items[number] if number < len(items) else None


def _destination(config: Mapping[str, Any]) -> list[Any]:
    """Return where a server's secrets go to."""
    url = str(config.get("url") or "")
    try:
        origin = urlsplit(url)[:2]
    except ValueError:  # no address at all, as the policy will say
        origin = (url, "")
    return [*(config.get(key) for key in _DESTINATION), *origin]
