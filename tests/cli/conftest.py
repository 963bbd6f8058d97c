"""A project to stand in, and the command line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from matrix.cli import main as cli
from tests.cli.said import Matrix, Said


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project with two agents and a file that is nobody's folder."""
    (tmp_path / "pyproject.toml").write_text('[tool.matrix.agents]\nstan = "shop:agent"\nsofia = "shop:agent"\n')
    (tmp_path / "file").write_text("mine\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def matrix(capsys: pytest.CaptureFixture[str]) -> Iterator[Matrix]:
    """Return a function that runs the command line: exit code, standard output, standard error."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    yield run
    for each, handler in handlers.items():
        signal.signal(each, handler)
