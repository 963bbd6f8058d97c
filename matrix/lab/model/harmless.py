"""What a model says where it is asked to judge, guard or classify: that nothing is wrong, since nothing is.

Agents ask such questions beside their run, in JSON of a schema or in a word, and do not go on where the answer is that
a request is harmful. No wording is required of anybody: these are the words that guards are commonly written with.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matrix.lab.model.finding import words

# fmt: off
_ILL = frozenset({
    "abuse", "abusive", "attack", "block", "blocked", "clarification", "clarify", "dangerous", "decline", "denied",
    "deny", "disallowed", "end", "error", "escalate", "escalation", "fail", "failed", "fails", "failure", "flag",
    "flagged", "forbidden", "hallucinated", "hallucination", "harm", "harmful", "hate", "inappropriate", "incomplete",
    "incorrect", "injection", "insufficient", "invalid", "irrelevant", "jailbreak", "malicious", "offensive",
    "offtopic", "phishing", "prohibited", "refuse", "refused", "reject", "rejected", "retry", "risk", "risky", "spam",
    "suspicious", "toxic", "toxicity", "tripwire", "triggered", "unacceptable", "unauthorized", "unsafe", "unsupported",
    "violated", "violates", "violation", "violations", "wrong",
})
_WELL = frozenset({
    "accept", "acceptable", "accepted", "allow", "allowed", "approve", "approved", "benign", "continue", "correct",
    "good", "harmless", "ok", "okay", "pass", "passed", "proceed", "relevant", "safe", "valid",
})
_SCORES = frozenset({"confidence", "grade", "quality", "rating", "relevance", "score"})
# fmt: on
_CHOICE = re.compile(r"\b[A-Z]{2,}\b|(?<=[\"'`])[A-Za-z_]+(?=[\"'`])")
_ANSWERS = {"yes": "no", "true": "false"}


def speaks_ill(name: str) -> bool:
    """Whether a name or a value says that something is wrong (`is_harmful`, `offTopic`, `BLOCK`)."""
    spoken = words(name)
    ill = bool(_ILL & {*spoken, *map("".join, itertools.pairwise(spoken))})
    return ill is not bool({"no", "not", "non"} & set(spoken))


def guesses(name: str, schema: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what a property of this name is by preference: false for what is ill, the highest for a score."""
    ill = speaks_ill(name)
    if ill and schema.get("type") == "boolean":
        yield False
    if _SCORES & set(words(name)) and not ill and "maximum" in schema:
        yield schema["maximum"]


def a_word(text: str) -> str | None:
    """Return the word that says that all is well, of those that a text offers in capitals or in quotes, or None."""
    offered = {found.lower(): found for found in reversed(_CHOICE.findall(text))}
    for good, bad in _ANSWERS.items():
        if good in offered and bad in offered:
            return offered[bad if _ILL & set(words(text)) else good]
    if not any(speaks_ill(each) for each in offered):
        return None
    return next((each for key, each in offered.items() if key in _WELL), None)


def harmless_first(values: Sequence[Any]) -> list[Any]:
    """Return the values of an enum, those that say that something is wrong after the others, and null last."""
    return sorted(values, key=lambda each: (each is None, isinstance(each, str) and speaks_ill(each)))
