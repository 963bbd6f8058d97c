"""The CNPJ, by which Brazil numbers its companies."""

import re

_FORM = re.compile(r"[0-9A-Z]{12}[0-9]{2}")


def normalize(cnpj: str) -> str:
    """Return the 14 characters of a CNPJ without its punctuation.

    Raises `ValueError` where the form or the two check digits are wrong. Since July 2026 the first twelve
    characters may be letters, which count as their code less 48 (Instrução Normativa RFB 2.229/2024).
    """
    plain = re.sub(r"[.\-/\s]", "", cnpj).upper()
    if not _FORM.fullmatch(plain) or len(set(plain)) == 1:
        raise ValueError(f"{cnpj!r} does not have the form of a CNPJ")
    if _check_digits(plain[:12]) != plain[12:]:
        raise ValueError(f"the check digits of the CNPJ {cnpj!r} are wrong")
    return plain


def _check_digits(base: str) -> str:
    for _ in range(2):
        weighted = sum((ord(character) - 48) * (2 + i % 8) for i, character in enumerate(reversed(base)))
        remainder = weighted % 11
        base += "0" if remainder < 2 else str(11 - remainder)
    return base[-2:]
