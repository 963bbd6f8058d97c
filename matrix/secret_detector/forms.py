"""Secrets that are known by their form: keys and tokens as their issuers write them, and private keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

from matrix.secret_detector.encodings import Span, from_base64
from matrix.secret_detector.names import words

# Each alternative begins at a word's start and only grows from there: no search costs more than the text's length.
_ISSUED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|gl(?:pat|ptt|dt|rt|ft|cbt|imt|agent|soat)-[\w.-]{16,}"
    r"|xox[abeoprs]-[\w-]{8,}|xapp-[\w-]{8,}|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}"
    r"|AIza[\w-]{20,}|ya29\.[\w-]{8,}|GOCSPX-[\w-]{16,}|lin_api_\w{8,}|ntn_\w{16,}|secret_[A-Za-z0-9]{40,}"
    r"|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}|hf_[A-Za-z0-9]{20,}|gsk_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}"
    r"|r8_[A-Za-z0-9]{20,}|dop_v1_[a-f0-9]{32,}|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|figd_[\w-]{20,}|sntry[su]_[\w=+/-]{20,}|glsa_\w{20,}|dapi[a-f0-9]{32}|hvs\.[\w-]{20,}|tvly-[\w-]{16,}"
    r"|pplx-[A-Za-z0-9]{20,}|AGE-SECRET-KEY-1[A-Z0-9]{20,}|amx_[0-9a-f]{12}_[\w-]{43}"
    r")"
)
_HINTS = sorted(
    words(
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- glptt- gldt- glrt- glft- glcbt- glimt- glagent- glsoat- xox xapp-"
        " AKIA ASIA ABIA ACCA AIza ya29. GOCSPX- lin_api_ ntn_ secret_ npm_ pypi- hf_ gsk_ xai- r8_ dop_v1_ shpat_"
        " shpca_ shppa_ shpss_ SG. figd_ sntrys_ sntryu_ glsa_ dapi hvs. tvly- pplx- AGE-SECRET-KEY- amx_"
    )
)
"""What a text has that holds one of these; looking for words is much faster than looking for patterns."""
_TELEGRAM = re.compile(r"[0-9](?<![0-9]{2})[0-9]{7,9}:[\w-]{33,40}(?![\w-])")
_DISCORD = re.compile(r"[MNO](?<![\w-][MNO])[\w-]{23,27}\.[\w-]{6,7}\.[\w-]{27,}")
_SHORT_PREFIX = re.compile(r"(?<![A-Za-z0-9])[spr]k[-_][A-Za-z0-9_-]{8,}")
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{8,}+(?:\.[\w-]{8,}+)(?:\.[\w-]*+){1,3}")
_SCHEME = re.compile(r"(?<![A-Za-z0-9])(?:bearer|basic)\s{1,8}(?P<value>[A-Za-z0-9._~+/=-]{6,})", re.IGNORECASE)
_HOOK = re.compile(
    r"(?:hooks\.slack\.com/(?:services|workflows|triggers)|[a-z]{1,32}\.com/api/webhooks)/(?P<value>[\w/-]{8,})"
)
_SPOKEN_OF = re.compile(
    r"(?:access|api|auth\w*|challenge|credentials?|error|example|format|header|prefix|realm|required|scheme|signature|string|tokens?|\w+=.*)"
    r"[.=]?",
    re.IGNORECASE,
)
"""What follows `bearer` in sentences about it, and its parameters in a challenge."""

_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}-----|-----END")
_KEY_BODY = re.compile(r"(?:(?:\s|\\[nrt])*+[A-Za-z0-9+/=]{16,}+)*+(?:(?:\s|\\[nrt])++[A-Za-z0-9+/=]{1,64}$)?+")
_LONGEST_KEY = 16_384


def forms(text: str) -> Iterator[Span]:
    """Yield where a text has a secret of a known form."""
    if any(hint in text for hint in _HINTS):
        yield from (found.span() for found in _ISSUED.finditer(text))
    if ":" in text:
        yield from (found.span() for found in _TELEGRAM.finditer(text))
    if "." in text:
        yield from (found.span() for found in _DISCORD.finditer(text))
    if "k-" in text or "k_" in text:
        yield from (found.span() for found in _SHORT_PREFIX.finditer(text) if _is_no_word(found[0][3:]))
    if "eyJ" in text:
        yield from (found.span() for found in _JWT.finditer(text))
    if "hook" in text:
        yield from (found.span("value") for found in _HOOK.finditer(text))
    if "earer" in text or "asic" in text or "EARER" in text or "ASIC" in text:
        yield from (found.span() for found in _SCHEME.finditer(text) if _is_credential(found))
    if "-----BEGIN " in text:
        yield from _private_keys(text)


def _is_no_word(text: str) -> bool:
    """Whether what follows a prefix as short as `sk-` is no name: it has a digit, or is as long as no word."""
    parts = re.split("[-_]", text)
    return any(len(each) >= 16 or (len(each) >= 6 and any(map(str.isdigit, each))) for each in parts)


def _is_credential(found: re.Match[str]) -> bool:
    """Tell a credential from a sentence: `Basic` is base64 of `user:password` (RFC 7617), `Bearer` precedes any."""
    value = found["value"]
    if found[0][:2].lower() == "be":
        return not _SPOKEN_OF.fullmatch(value)
    decoded = from_base64(value)
    return ":" in decoded if decoded is not None else len(value) >= 12 and _is_mixed(value)


def _is_mixed(text: str) -> bool:
    return any(map(str.isdigit, text)) and any(map(str.isupper, text))


def _private_keys(text: str) -> Iterator[Span]:
    """Yield private keys, to their end line; where that is missing, as far as there is base64."""
    at, ends, is_last = 0, None, False
    while begins := _KEY_BEGINS.search(text, at):
        if not is_last and (ends is None or ends.start() < begins.end()):
            ends = _KEY_ENDS.search(text, begins.end())
            is_last = ends is None
        if ends is not None and 0 <= ends.start() - begins.end() <= _LONGEST_KEY:
            at = ends.end()
        else:
            body = _KEY_BODY.match(text, begins.end())
            at = begins.end() if body is None else body.end()
        yield begins.start(), at
