"""Names that say that their value is a secret: of variables, headers, options, parameters and JSON keys."""

from __future__ import annotations

import re
from functools import lru_cache

_SECRET = re.compile(
    r"authorization|cookie|token(?!s|iz)|secret|pass[-_]?w|passphrase|pwd$|api[-_]?key|access[-_]?key|credential|"
    r"private[-_]?key|auth$|bearer|signature|dsn$|connection[-_]?string|webhook|[a-z0-9][-_]keys?$|[-_]pa(?:t|ss)$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[0-9]+")


def words(text: str) -> frozenset[str]:
    """Return the words of a list that is written as a text."""
    return frozenset(text.split())


_OF_TOKENS = words(
    "bos continuation current cursor end eos first last max min next pad page prev previous progress resume start stop"
    " sync unk"
)
"""Tokens of these kinds count, mark or page, and open nothing: `progressToken`, `next_page_token`."""
_OF_KEYS = words(
    "cache composite dict foreign group hot idempotency index lookup natural object partition primary public row sort"
    " surrogate translation unique"
)
"""Keys of these kinds are no secrets."""
_ABOUT = words(
    "algorithm algorithms allowed at budget class count dir directory enabled endpoint endpoints expired expires expiry"
    " file folder format header in invalid issuer length limit manager max method methods min missing mode name names"
    " path policy prefix provider required scheme server servers size store supported ttl type types uri url usage"
    " valid version"
)
"""Where a name ends in one of these, it speaks of a secret and holds none: `token_endpoint`, `api_key_required`."""
_LONGEST = 256
"""Characters of a name that count; the last ones say what it is."""
_PARAMETERS = frozenset({"key", "sig", "auth", "code", "password", "pw", "token"})
UNCERTAIN = frozenset({"auth", "bearer", "signature", "token", "webhook"})
"""Alone, these name as many harmless things: a marker, a function's parameters. The value decides, where it stands."""


def is_secret_name(name: str) -> bool:
    """Whether a variable, header, option or key of this name usually holds a secret."""
    return _is_secret_name(name[-_LONGEST:])


def is_secret_parameter(name: str) -> bool:
    """Whether a URL's parameter of this name usually holds a secret."""
    return name.lower() in _PARAMETERS or is_secret_name(name)


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    found = _SECRET.search(name)
    if found is None:
        return False
    words = [each.lower() for each in _WORD.findall(name)]
    if not words or (len(words) > 1 and words[-1] in _ABOUT):
        return False
    kind = words[-2] if len(words) > 1 else ""
    if words[-1] == "token":
        return kind not in _OF_TOKENS
    return not (words[-1] in {"key", "keys"} and kind in _OF_KEYS)
