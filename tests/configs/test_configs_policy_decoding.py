"""What the policy sees through: encodings of a traversal, spellings of an address."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from matrix.configs.rules.decoding import climbs, decoded
from matrix.configs.rules.urls import read_address

ENCODERS: dict[str, Callable[[str], str]] = {
    "as it is": lambda char: char,
    "percent": lambda char: f"%{ord(char):02x}",
    "double percent": lambda char: f"%25{ord(char):02X}",
    "triple percent": lambda char: f"%2525{ord(char):02x}",
    "overlong": lambda char: f"%{0xC0 | ord(char) >> 6:02x}%{0x80 | ord(char) & 0x3F:02x}",
    "longer": lambda char: f"%e0%{0x80 | ord(char) >> 6:02x}%{0x80 | ord(char) & 0x3F:02x}",
    "unicode": lambda char: f"%u{ord(char):04x}",
    "entity": lambda char: f"&#{ord(char)};",
    "full width": lambda char: chr(ord(char) + 0xFEE0),
    "full width, percent": lambda char: "".join(f"%{byte:02x}" for byte in chr(ord(char) + 0xFEE0).encode()),
}


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(sorted(ENCODERS)), min_size=4, max_size=4), st.sampled_from("/\\"))
def test_any_mixture_of_encodings_of_a_traversal_is_seen(ways: list[str], slash: str) -> None:
    encoded = "".join(ENCODERS[way](char) for way, char in zip(ways, f"{slash}..{slash}", strict=True))
    assert climbs(f"a{encoded}b")


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(max_size=60))
def test_decoding_ends_at_a_fixed_point(text: str) -> None:
    assert decoded(decoded(text)) == decoded(text)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(alphabet="ab./%2e1-_@:", max_size=40))
def test_only_a_component_of_dots_climbs(text: str) -> None:
    plain = "".join(char for char in text if char != "%")
    components = re.split(r"[/:@]+", plain)
    assert climbs(plain) == any(re.fullmatch(r"(?:-{1,2}\w*)?\.{2,}", each) is not None for each in components)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.ip_addresses(v=4), st.lists(st.sampled_from("dox"), min_size=4, max_size=4), st.integers(1, 4))
def test_an_address_is_read_in_every_spelling(address: Any, bases: list[str], parts: int) -> None:
    number = int(address)
    values = [number >> 8 * (3 - place) & 0xFF for place in range(parts - 1)]
    values.append(number & (256 ** (5 - parts) - 1))
    spelled = {"d": "{}", "o": "0{:o}", "x": "0x{:x}"}
    host = ".".join(spelled[base].format(value) for base, value in zip(bases, values, strict=False))
    assert read_address(host) == address
