"""Symptoms: what is wrong alike in several cells, though each says it in its own words."""

from __future__ import annotations

from enum import StrEnum


class Symptom(StrEnum):
    """One defect of an agent that shows in many questions; its value is the capability that asks about it.

    Where that one is red for the same, the others tell nothing new: one cause is one red.
    """

    NUMBERS = "invoke.number-fidelity"
    """Numbers arrive as other numbers, or as texts."""
    ADDED_ARGUMENTS = "invoke.optional-args"
    """Arguments arrive that the model did not give."""
    REPEATED_FAILURES = "invoke.tool-error"
    """A call that fails is made again."""
    EXCHANGED_ANSWERS = "concurrency.order"
    """A call is shown the answer of another."""
