"""Values that look real: secrets that open nothing, prose, tools; each from the random numbers that it is given."""

from __future__ import annotations

from random import Random
from string import ascii_letters, ascii_uppercase, digits
from typing import Any

from matrix.configs.generator import words


def secret(random: Random) -> str:
    """Make something that looks like a secret, and opens nothing."""
    kind = random.randrange(5)
    if kind == 0:
        return f"ghp_{token(random, 36)}"
    if kind == 1:
        return f"sk-proj-{token(random, 48)}"
    if kind == 2:
        return f"xoxb-{random.randint(10**11, 10**12)}-{token(random, 24)}"
    if kind == 3:
        return f"AKIA{''.join(random.choices(ascii_uppercase + digits, k=16))}"
    return f"eyJ{token(random, 20)}.eyJ{token(random, 60)}.{token(random, 43)}"


def token(random: Random, length: int) -> str:
    """Make letters and digits."""
    return "".join(random.choices(ascii_letters + digits, k=length))


def prose(random: Random, length: int) -> str:
    """Make words, as many characters in all."""
    return " ".join(random.choices(words.NOUNS + words.PRODUCTS, k=length // 5))[:length].ljust(length, ".")


def tool(random: Random) -> dict[str, Any]:
    """Make a tool as a server lists it."""
    noun = random.choice(words.NOUNS)
    schema = {"type": "object", "properties": {"id": {"type": "string"}, "limit": {"type": "integer"}}}
    return {"name": f"{random.choice(words.VERBS)}_{noun}", "description": f"About a {noun}.", "inputSchema": schema}
