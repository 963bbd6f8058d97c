"""Secrets in configs: in which places they are, how they are masked in whatever we print, and how they are sealed.

What looks like a secret is decided in `matrix.secret_detector`. A value that only refers to one (`${VAR}`,
`${env:VAR}`, `${input:id}`) is none. A secret in clear is sealed before it is stored: encrypted with the store's key,
and put back in its place as `${sealed:…}`, a reference too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken

from matrix.errors import UsageError
from matrix.json_access import mapping, sequence
from matrix.secret_detector import (
    MASK,
    Change,
    change_url,
    change_words,
    is_reference,
    is_secret_name,
    is_secret_setting,
    looks_secret,
)
from matrix.secret_detector import mask_text as detected

KEY_VARIABLE = "MATRIX_CONFIGS_KEY"
_NEW_KEY = "python -m matrix configs new-key"
SEALED = re.compile(r"\$\{sealed:([A-Za-z0-9_=-]+)\}")


class CannotUnseal(UsageError):
    """A sealed secret without its key."""


@dataclass(frozen=True)
class Sealer:
    """Seals secrets with the store's key; without a key it can only say that one is needed."""

    key: str | None = None

    @classmethod
    def from_environment(cls) -> Sealer:
        """Take the key from MATRIX_CONFIGS_KEY. Raises UsageError when that is no key."""
        key = os.environ.get(KEY_VARIABLE) or None
        sealer = cls(key)
        if key is not None:
            sealer.fernet()
        return sealer

    def fernet(self) -> Fernet:
        """Return what encrypts. Raises CannotUnseal when there is no key, or it is none."""
        if self.key is None:
            raise CannotUnseal(f"set {KEY_VARIABLE} to the store's key (`{_NEW_KEY}` makes one)")
        try:
            return Fernet(self.key)
        except ValueError:
            raise CannotUnseal(f"{KEY_VARIABLE} is no key; `{_NEW_KEY}` makes one") from None

    def seal(self, secret: str) -> str:
        """Return the reference that stands for a secret."""
        token = self.fernet().encrypt(secret.encode("utf-8", "surrogatepass")).decode("ascii")
        return f"${{sealed:{token}}}"

    def unseal(self, text: str) -> str:
        """Return a text with its sealed references opened. Raises CannotUnseal."""

        def opened(found: re.Match[str]) -> str:
            try:
                return self.fernet().decrypt(found[1].encode("ascii")).decode("utf-8", "surrogatepass")
            except InvalidToken:
                raise CannotUnseal(
                    f"a sealed secret was made with another key, or was changed; set {KEY_VARIABLE} to the key it had"
                ) from None

        return SEALED.sub(opened, text)

    def sealed(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a config whose secrets are sealed; references stay as they are."""
        return change_secrets(config, self.seal)

    def unsealed(self, value: Any) -> Any:
        """Return a JSON value with everything sealed in it opened. Raises CannotUnseal."""
        if isinstance(value, str):
            return self.unseal(value) if "${sealed:" in value else value
        if isinstance(value, Mapping):
            return {key: self.unsealed(each) for key, each in mapping(cast("object", value)).items()}
        if isinstance(value, list | tuple):
            return [self.unsealed(each) for each in sequence(cast("object", value))]
        return value


def new_key() -> str:
    """Make a key for a store."""
    return Fernet.generate_key().decode("ascii")


def mask(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config that anybody may see: secrets and whatever might be one are masked.

    In environments and headers a value is shown only if it is a reference or plainly harmless (a number, a switch,
    a path, a plain URL); elsewhere it is masked by its name or its look.
    """
    masked = change_secrets(config, lambda _: MASK, suspicious=True)
    return cast("dict[str, Any]", _each_text(masked, lambda text: SEALED.sub(MASK, text)))


def mask_text(text: str) -> str:
    """Return a text of unknown content with what looks like a secret masked, and what is sealed."""
    return detected(SEALED.sub(MASK, text))


def secrets_of(config: Mapping[str, Any]) -> list[str]:
    """Return the paths of the secrets that a config holds in clear, sorted."""
    found: list[str] = []
    change_secrets(config, lambda text: text, found=found)
    return sorted(set(found))


def change_secrets(
    config: Mapping[str, Any], change: Change, *, suspicious: bool = False, found: list[str] | None = None
) -> dict[str, Any]:
    """Return the config with each secret in clear changed; with `suspicious`, each value that might be one too."""

    def changed(path: str, text: str) -> str:
        if found is not None:
            found.append(path)
        return change(text)

    def visit(path: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: visit((*path, key), each) for key, each in mapping(cast("object", value)).items()}
        if isinstance(value, list | tuple):
            items = sequence(cast("object", value))
            if path in {("command",), ("args",)}:
                return list(change_words(items, lambda number, text: changed(f"{path[0]}.{number}", text)))
            return [visit((*path, str(number)), each) for number, each in enumerate(items)]
        if isinstance(value, str) and _is_secret(path, value, suspicious=suspicious):
            where = ".".join(path)
            return change_url(value, lambda text: changed(where, text)) or changed(where, value)
        return value

    return cast("dict[str, Any]", visit((), config))


def _is_secret(path: tuple[str, ...], value: str, *, suspicious: bool) -> bool:
    if is_reference(value):
        return False
    if looks_secret(value):
        return True
    if path[:1] in {("environment",), ("env",), ("headers",)}:
        return is_secret_setting(path[-1], value, suspicious=suspicious)
    kept_as_it_was = path[:1] == ("legacy",) and len(path) > 2
    open_words = path[:1] in {("name",), ("agents",), ("tools",), ("description",)}
    return bool(path) and is_secret_name(path[-1]) and not kept_as_it_was and not open_words


def _each_text(value: Any, change: Change) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each_text(each, change) for key, each in mapping(cast("object", value)).items()}
    if isinstance(value, list | tuple):
        return [_each_text(each, change) for each in sequence(cast("object", value))]
    return value
