"""Whether each call was shown its own answer, and not that of another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from matrix.capabilities.calls import shown_instead
from matrix.capabilities.verbs import Run, expect
from matrix.symptom import Symptom

ANOTHERS = "a call was shown the answer of another"


def expect_own_answers(run: Run, tool: str, texts: Sequence[str], lost: str) -> None:
    """Expect that the n-th call of the tool was shown the n-th text; `lost` is said where it was shown none of them."""
    for text, each in zip_longest(texts, run.shown(tool)):
        shown = "" if each is None else each.text
        expect(not any(other in shown for other in texts if other != text), ANOTHERS, symptom=Symptom.EXCHANGED_ANSWERS)
        expect(text is not None and text in shown, f"{lost}{shown_instead(run, tool, texts)}")


def each_got(run: Run, tool: str, texts: list[str]) -> bool:
    """Whether the n-th call of the tool was shown the n-th text."""
    shown = run.shown(tool)
    return len(shown) == len(texts) and all(
        each is not None and text in each.text for each, text in zip(shown, texts, strict=True)
    )
