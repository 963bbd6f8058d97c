"""Secrets in configs: which values they are, how they are masked in whatever we print, and how they are sealed.

A value that only refers to a secret (`${VAR}`, `${env:VAR}`, `${input:id}`) is none. A secret in clear is sealed
before it is stored: encrypted with the store's key, and put back in its place as `${sealed:…}`, a reference too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from cryptography.fernet import Fernet, InvalidToken

from matrix.errors import UsageError
from matrix.json_access import mapping, sequence
from matrix.redaction import MASK

KEY_VARIABLE = "MATRIX_CONFIGS_KEY"
SEALED = re.compile(r"\$\{sealed:([A-Za-z0-9_=-]+)\}")
REFERENCE = re.compile(r"\$\{[^${}]+\}")

_SECRET_NAME = re.compile(
    r"(?i)(authorization|cookie|token(?!s|iz)|secret|pass[-_]?w|passphrase|pwd$|api[-_]?key|access[-_]?key|credential|"
    r"private[-_]?key|auth$|bearer|signature|dsn$|connection[-_]?string|webhook|[a-z0-9][-_]keys?$|[-_]pa(?:t|ss)$)"
)
_SECRET_LOOK = re.compile(
    r"(?i:\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,})"
    r"|\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{8,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}"
    r"|\bxox[abprs]-[\w-]{8,}|\bAKIA[A-Z0-9]{12,}|\bAIza[\w-]{20,}|\bya29\.[\w-]{8,}|\blin_api_\w{8,}|\bntn_\w{16,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_SECRET_PARAMETER = re.compile(rf"{_SECRET_NAME.pattern}|^(?i:key|sig|auth|code|password|pw)$")
_HARMLESS = re.compile(
    r"(?i:true|false|yes|no|on|off|none|null|auto|default|debug|info|warn|warning|error|critical|trace"
    r"|development|production|staging|test|local|utf-?8|en|pt|de|[a-z]{2}[-_][a-z]{2}(?:\.utf-?8)?|(?:stdio|http|sse|json|text|application/json|\*/\*))"
    r"|-?\d{1,12}(?:\.\d{1,6})?|"
)
_PATH = re.compile(r"(?:~|\.{1,2})?(?:/[\w.@+ -]{1,64})+/?")
_OPTION = re.compile(r"(--?[\w.-]+)(?:=(.*))?", re.DOTALL)
_ENTROPIC = re.compile(r"(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[A-Za-z0-9+/_=-]{32,}")

Change = Callable[[str], str]


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
            msg = f"set {KEY_VARIABLE} to the store's key (`python -m matrix configs new-key` makes one)"
            raise CannotUnseal(msg)
        try:
            return Fernet(self.key)
        except ValueError:
            msg = f"{KEY_VARIABLE} is no key; `python -m matrix configs new-key` makes one"
            raise CannotUnseal(msg) from None

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
                msg = f"a sealed secret was made with another key, or was changed; set {KEY_VARIABLE} to the key it had"
                raise CannotUnseal(msg) from None

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
    """Return a text of unknown content with what looks like a secret masked."""
    return _SECRET_LOOK.sub(MASK, SEALED.sub(MASK, _mask_url(text)))


def secrets_of(config: Mapping[str, Any]) -> list[str]:
    """Return the paths of the secrets that a config holds in clear, sorted."""
    found: list[str] = []
    change_secrets(config, lambda text: text, found=found)
    return sorted(set(found))


def looks_secret(text: str) -> bool:
    """Whether a text of unknown content holds something that looks like a secret, in clear."""
    return bool(_SECRET_LOOK.search(text)) or _mask_url(text) != text


def is_secret_name(name: str) -> bool:
    """Whether a variable, header or option of this name usually holds a secret."""
    return bool(_SECRET_NAME.search(name))


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
                return list(_arguments(items, path[0], changed))
            return [visit((*path, str(number)), each) for number, each in enumerate(items)]
        if isinstance(value, str) and _is_secret(path, value, suspicious=suspicious):
            where = ".".join(path)
            return _change_url(value, lambda text: changed(where, text)) or changed(where, value)
        return value

    return cast("dict[str, Any]", visit((), config))


def _is_secret(path: tuple[str, ...], value: str, *, suspicious: bool) -> bool:
    literal = REFERENCE.sub("", value).strip()
    if not literal or value == MASK:
        return False
    if looks_secret(value):
        return True
    if path[:1] in {("environment",), ("env",), ("headers",)}:
        return _is_secret_variable(path[-1], value, literal, suspicious=suspicious)
    kept_as_it_was = path[:1] == ("legacy",) and len(path) > 2
    open_words = path[:1] in {("name",), ("agents",), ("tools",), ("description",)}
    return bool(path) and is_secret_name(path[-1]) and not kept_as_it_was and not open_words


def _is_secret_variable(name: str, value: str, literal: str, *, suspicious: bool) -> bool:
    if _HARMLESS.fullmatch(literal) or (value != literal and re.fullmatch(r"(?i)bearer|basic|token", literal)):
        return False
    if is_secret_name(name):
        return True
    if _PATH.fullmatch(literal):
        return False
    plain_url = re.fullmatch(r"https?://[^\s@?]+", literal)
    return bool(_ENTROPIC.search(literal)) or (suspicious and not plain_url)


def _arguments(items: Any, name: str, changed: Callable[[str, str], str]) -> Iterator[Any]:
    """Yield a command's words: what follows `--api-key`, or its `=`, is a secret by the option's name."""
    expected = False
    for number, item in enumerate(items):
        if not isinstance(item, str):
            yield item
            continue
        where = f"{name}.{number}"
        option = _OPTION.fullmatch(item)
        literal = REFERENCE.sub("", item)
        if expected and option is None and literal.strip():
            yield changed(where, item)
            expected = False
            continue
        named = option is not None and is_secret_name(option[1])
        expected = named and option is not None and option[2] is None
        if named and option is not None and option[2] and REFERENCE.sub("", option[2]).strip():
            yield f"{option[1]}={changed(where, option[2])}"
        elif (address := _change_url(item, lambda text, where=where: changed(where, text))) is not None:
            yield address
        else:
            yield _SECRET_LOOK.sub(lambda found, where=where: changed(where, found[0]), item)


_URL = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]*://)(?:(?P<user>[^\s/?#@"']*)@)?(?P<place>[^\s?#"']*)(?:\?(?P<query>[^\s#"']*))?""",
    re.IGNORECASE,
)


def _mask_url(text: str) -> str:
    return _change_url(text, lambda _: MASK) or text


def _change_url(text: str, change: Change) -> str | None:
    """Change the password and the secret parameters of URLs in a text, each as it is written; None without any."""

    def one(found: re.Match[str]) -> str:
        user, query = found["user"], found["query"]
        if user:
            name, colon, password = user.partition(":")
            user = f"{name}:{secret(password)}" if colon else secret(name)
        if query:
            query = "&".join(map(parameter, query.split("&")))
        return (
            found["scheme"]
            + ("" if user is None else f"{user}@")
            + found["place"]
            + ("" if query is None else f"?{query}")
        )

    def parameter(text: str) -> str:
        name, equals, value = text.partition("=")
        return f"{name}={secret(value)}" if equals and _SECRET_PARAMETER.search(unquote(name)) else text

    def secret(value: str) -> str:
        return change(value) if REFERENCE.sub("", value).strip() and value != MASK else value

    changed = _URL.sub(one, text)
    return None if changed == text else changed


def _each_text(value: Any, change: Change) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each_text(each, change) for key, each in mapping(cast("object", value)).items()}
    if isinstance(value, list | tuple):
        return [_each_text(each, change) for each in sequence(cast("object", value))]
    return value
