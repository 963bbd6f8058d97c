"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.types import SnapshotIndex

SNAPSHOTS = Path(__file__).parent / "snapshots"


class TextSnapshot(SingleFileSnapshotExtension):
    """A text as it is: `snapshot(name="NAME")` is tests/snapshots/NAME.txt; `pytest --snapshot-update` renews it."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"

    @staticmethod
    def dirname(**_: object) -> str:
        return str(SNAPSHOTS)

    @staticmethod
    def get_snapshot_name(*, index: SnapshotIndex = 0, **_: object) -> str:
        return str(index)


class MarkdownSnapshot(TextSnapshot):
    """The same, in tests/snapshots/NAME.md."""

    file_extension = "md"


def pytest_xdist_auto_num_workers() -> int:
    """Say how many `-n auto` is: more than there are cores, since many tests wait for processes and deadlines."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(TextSnapshot)


@pytest.fixture
def markdown_snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(MarkdownSnapshot)
