"""A lab for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from matrix.lab.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as opened:
        yield opened
