"""No text costs more than in proportion to its length: every pattern, and every function that reads untrusted text.

Nothing here depends on how fast a machine is: what counts is how CPU time grows when a text becomes four times as
long. Linear work grows fourfold, quadratic work sixteenfold. `pytest -m soak` goes up to 10 MB everywhere.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from itertools import islice

import pytest

from matrix.configs.rules.decoding import decoded
from matrix.configs.rules.model import among
from matrix.configs.secrets import change_secrets
from matrix.redaction import Pieces, hide, one_sentence, printable, redact
from matrix.registry.environments import _complaint
from matrix.secret_detector import mask_text
from tests.patterns import Used, every_pattern, hard_words

pytestmark = pytest.mark.no_cover  # it is to be timed, and covers nothing that others do not

QUICK = 0.002
"""Seconds of CPU that some thousand characters seldom cost; where they do, growth is looked at."""
PATTERNS = every_pattern()
FUNCTIONS: dict[str, Callable[[str], object]] = {
    "mask_text": mask_text,
    "one_sentence": one_sentence,
    "printable": printable,
    "redact": lambda text: redact({"frames": [{"text": text, text: 1}]}),
    "redact pieces": lambda text: redact(Pieces(tuple(text[at : at + 100] for at in range(0, len(text), 100)))),
    "hide": lambda text: hide(text, ["aaaaaaaaaaaab", "0123456789abcdef", "pa\"ss'w\\ord 1"]),
    "change_secrets": lambda text: change_secrets(
        {"environment": {"LEVEL": text}, "command": ["x", text], "url": text, "x": text}, lambda _: "", suspicious=True
    ),
    "decoded": decoded,
    "among": lambda text: among(text, ["*_KEY", "a*a*a*a*b", "LOG_*"]),
    "complaint": _complaint,
}
WORDS: dict[str, Callable[[int], str]] = {
    "one letter": lambda size: "a" * size,
    "random": lambda size: "".join(random.Random(size).choices("abcXYZ0189-_./+=", k=size)),
    "sentences": lambda size: ("It is said that the token or password was wrong. " * (size // 49 + 1))[:size],
    **{
        name: lambda size, unit=unit: (unit * (size // len(unit) + 1))[:size]
        for name, unit in {
            "equals": "=", "colons": ":", "names": "api_key=$ ", "quotes": 'x_key="', "open quotes": "x_key='\\\"",
            "schemes": "a://", "users": "a://b@", "colons and users": "a://b:c@", "queries": "?key=", "ampersands": "&",
            "prefixes": "-sk-", "tokens": "-eyJ", "dots": "eyJaaaaaaaa.", "keys": "-----BEGIN PRIVATE KEY-----",
            "ends": "-----END", "cookies": "cookie: \x0b$ ", "options": "--api-key ", "bearers": "bearer  ",
            "escapes": '\\"', "percents": "%41", "nested percents": "%25", "ampersand entities": "amp;&",
            "numbers": "&#00", "marks": "a\u0301\u0323", "only marks": "\u0301\u0323", "base64": "YWFhYWFh",
            "json": '{"a": {"password": "x1", "b": [', "paths": "/a", "labs": "/matrix-lab-a", "slashes": "//",
            "npm": "Not compatible with your version of node/npm: a Required: {", "surrogates": "\ud800",
            "cut secrets": "0123456789a'", "spaces": " ", "lines": "a\n", "references": "${", "sealed": "${sealed:a",
        }.items()
    },
}  # fmt: skip


def seconds(work: Callable[[str], object], text: str, times: int = 2) -> float:
    """Return the CPU seconds of this thread that some work takes, the least of a few times."""
    least = float("inf")
    for _ in range(times):
        began = time.thread_time()
        work(text)
        least = min(least, time.thread_time() - began)
    return least


def assert_linear(work: Callable[[str], object], word: Callable[[int], str], sizes: list[int]) -> None:
    """Assert that work does not grow with the square; sizes are four times one another.

    What is quadratic is told by two steps in a row, so that no disturbance can look like it, and then goes no further.
    """
    before, steep = 0.0, 0
    for size in sizes:
        now = seconds(work, word(size), 2 if size < 1_000_000 else 1)
        steep = steep + 1 if before > QUICK / 4 and now > 9 * before else 0
        assert steep < 2, f"{size} characters took {now:.3f} s of CPU, a quarter of them {before:.3f} s"
        before = now


@pytest.mark.parametrize("used", PATTERNS, ids=[each.where for each in PATTERNS])
def test_a_pattern_is_linear(used: Used) -> None:
    for place, text in enumerate(hard_words(used.pattern, 8_000)):
        if seconds(used.read, text, 1) > QUICK:
            assert_linear(used.read, lambda size, place=place: _hard_word(used, size, place), [1_000, 4_000, 16_000])


def _hard_word(used: Used, size: int, place: int) -> str:
    return next(islice(hard_words(used.pattern, size), place, None))


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_that_reads_untrusted_text_is_linear(function: str, name: str) -> None:
    work, word = FUNCTIONS[function], WORDS[name]
    if seconds(work, word(4_000), 1) > QUICK:
        assert_linear(work, word, [1_000, 4_000, 16_000])


def test_the_detector_is_linear_up_to_ten_megabytes() -> None:
    assert_linear(mask_text, WORDS["one letter"], [10_000, 40_000, 160_000, 640_000, 2_560_000, 10_240_000])


@pytest.mark.soak
@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_linear_up_to_ten_megabytes(function: str, name: str) -> None:
    assert_linear(FUNCTIONS[function], WORDS[name], [10_000, 40_000, 160_000, 640_000, 2_560_000, 10_240_000])


@pytest.mark.soak
@pytest.mark.parametrize("used", PATTERNS, ids=[each.where for each in PATTERNS])
def test_a_pattern_is_linear_up_to_ten_megabytes(used: Used) -> None:
    for word in WORDS.values():
        assert_linear(used.read, word, [10_000, 40_000, 160_000, 640_000, 2_560_000, 10_240_000])


def test_a_quadratic_pattern_is_found_to_be_one() -> None:
    vice = Used("here", re.compile(r"[a-z]+://"), anchored=False)
    with pytest.raises(AssertionError, match="of CPU"):
        assert_linear(vice.read, WORDS["one letter"], [1_000, 4_000, 16_000, 64_000])  # one step may be disturbed


def test_patterns_are_found_in_modules_tuples_dictionaries_and_calls() -> None:
    where = {each.where for each in PATTERNS}
    assert {"matrix.redaction._NOISE[0][0]", "matrix.configs.rules.interpreters._REGISTERED['npm']"} <= where
    assert any(each.startswith("model.py:") for each in where)
