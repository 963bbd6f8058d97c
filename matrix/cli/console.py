"""What the commands share: where results are, and the console on which they are shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from matrix.results.command import DEFAULT_OUTPUT

if TYPE_CHECKING:
    from rich.console import Console

OUTPUT = Path(DEFAULT_OUTPUT)
FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path)
_UNLIMITED = 10_000


def console() -> Console:
    """Return the console; a pipe or a log has no width, so nothing is cut off there."""
    from rich.console import Console  # noqa: PLC0415

    made = Console(highlight=False)
    if not made.is_terminal and os.environ.get("COLUMNS") is None:
        made.width = _UNLIMITED
    return made
