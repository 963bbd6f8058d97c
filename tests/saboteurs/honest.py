"""The honest agent: the control, as little patient as a test needs it; a saboteur overrides one step of it."""

from __future__ import annotations

import json

from matrix.adapters.control import Control, Entry


class Honest(Control):
    """One run of an honest agent."""

    patience = 8.0


def key_of(entry: Entry) -> str:
    """Return what tells one server entry from every other one of a process."""
    return entry["url"] if "url" in entry else json.dumps([entry["command"], *entry["args"]])
