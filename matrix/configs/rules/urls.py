"""Where an http server is: its URL by structure, its host in every spelling of an address, its headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from matrix.configs.model import ServerConfig
from matrix.configs.rules.decoding import decoded, has_control, views
from matrix.configs.rules.model import Policy, Violation, among
from matrix.secret_detector import REFERENCE

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HOST = re.compile(r"(?i)[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_NUMBER = re.compile(r"(?i)0x[0-9a-f]*|[0-9]+")
_NAT64 = ip_network("64:ff9b::/96")


def check_http(config: ServerConfig, policy: Policy) -> Iterator[Violation]:
    """Check the URL and the headers of a config."""
    if config.url is not None:
        yield from _url(config.url, policy)
    for name, value in config.headers.items():
        shown = name[:64] if name.isprintable() else repr(name[:64])
        if not _TOKEN.fullmatch(name) or has_control(value, encoded=False):
            yield Violation(
                "header-form", "headers", "is no header: a token, and a value without control characters", shown
            )
        if name.casefold() in {each.casefold() for each in policy.urls.refused_headers}:
            yield Violation("header-refused", "headers", "belongs to the connection, and is not to be set", shown)


def _url(url: str, policy: Policy) -> Iterator[Violation]:
    rules = policy.urls
    if len(url) > rules.length:
        yield Violation("url-length", "url", f"is longer than {rules.length} characters")
    plain = next(views(url))
    if has_control(url) or any(char.isspace() or char in '\\<>"^`' for char in plain) or not plain.isprintable():
        yield Violation("url-form", "url", "has a space, a backslash, a control character, or another that no URL has")
        return
    try:
        parts = urlsplit(REFERENCE.sub(_named, url))
        _ = parts.port
    except ValueError:
        yield Violation("url-form", "url", "cannot be read as a URL")
        return
    yield from _parts(parts, policy)


def _named(found: re.Match[str]) -> str:
    """Stand in for a reference: by its default, else by a host that nobody can judge."""
    return found[0][2:-1].partition(":-")[2] or "reference.invalid"


def _parts(parts: SplitResult, policy: Policy) -> Iterator[Violation]:
    rules = policy.urls
    if parts.scheme.lower() not in rules.schemes:
        yield Violation("url-scheme", "url", f"is none of {', '.join(f'{each}://' for each in rules.schemes)}")
        return
    if "@" in decoded(parts.netloc):
        yield Violation("url-userinfo", "url", "has a user or a password in it; write a header with a reference")
    if parts.fragment:
        yield Violation("url-fragment", "url", "has a fragment (#…), which no server ever sees")
    host = decoded(parts.hostname or "").rstrip(".").lower()
    address = read_address(host)
    if address is None and (not _HOST.fullmatch(host) or ".." in host or _NUMBER.fullmatch(host.rpartition(".")[2])):
        yield Violation("url-host", "url", "has no host, or one that is neither a name nor an address")
    elif among(host if address is None else str(address), rules.metadata, ignore_case=True) or (
        address is not None and address.is_link_local
    ):
        yield Violation("url-metadata", "url", "leads to the cloud's own metadata service")
    elif not rules.allow_private and (
        among(host, rules.local, ignore_case=True) or (address is not None and not _is_public(address))
    ):
        yield Violation(
            "url-private", "url", "leads into this machine or its network; set urls.allow_private to allow it"
        )


def read_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is in any spelling (decimal, octal, hexadecimal, short, IPv4 within IPv6)."""
    if ":" in host:
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return None
        return _embedded(address) if isinstance(address, IPv6Address) else address
    numbers = host.split(".")
    if len(numbers) > 4 or not all(_NUMBER.fullmatch(each) for each in numbers):
        return None
    try:
        *high, low = [_number(each) for each in numbers]
    except ValueError:
        return None
    if any(each > 255 for each in high) or low >= 256 ** (4 - len(high)):
        return None
    return IPv4Address(sum(each << 8 * (3 - place) for place, each in enumerate(high)) + low)


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if len(text) > 1 and text.startswith("0") else 10)


def _embedded(address: IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one leads to, if it does."""
    number = int(address)
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour or address
    if address.teredo:
        return address.teredo[1]
    compatible = number >> 32 == 0 and number > 0xFFFF
    return IPv4Address(number & 0xFFFFFFFF) if compatible or address in _NAT64 else address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved
