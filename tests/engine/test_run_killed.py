"""A run whose parent is killed, at any moment: what it had finished is kept, and the rest comes to the same later."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from matrix.results.reading import read_matrix
from tests.engine.killed import come_to, killed
from tests.engine.projects import make_project
from tests.engine.running import Running, on_linux

ROOT = Path(__file__).parents[2]
MORE = ("--capability", "invoke.unicode")
pytestmark = on_linux


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for the temporary files of the runs; short, as sockets are in it."""
    folder = Path(tempfile.mkdtemp(prefix="m-"))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def left_in(temporary: Path) -> list[str]:
    return [each.name for each in temporary.iterdir() if "agent-matrix" in each.name]


def test_a_killed_run_goes_on_where_it_was_and_the_next_one_sweeps_what_it_left(
    tmp_path: Path, temporary: Path
) -> None:
    project = make_project(tmp_path / "project", '[tool.matrix.agents]\nmute = "mute:agent"\n')
    assert Running(project, *MORE, "--output", "undisturbed").end()[0] == 1
    for moment in (0, 2):
        output = project / f"killed-{moment}"
        options = (*MORE, "--output", output.name)
        killed(project, moment, *options)
        assert len(left_in(temporary)) == 1 or moment == 0
        path = output / "matrix.jsonl"
        kept = len(read_matrix(path).outcomes)
        with path.open("a") as file:
            file.write('{"kind": "outc')  # as when it is killed within a line
        code, out, err = Running(project, "--resume", *options).end()
        assert (code, err) == (1, "")
        assert f"{kept} kept from before" in out or kept == 0
        assert come_to(output) == come_to(project / "undisturbed")
        assert left_in(temporary) == []


def test_there_is_nothing_to_resume_where_not_even_a_header_was_written(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", '[tool.matrix.agents]\nmute = "mute:agent"\n')
    (project / "out").mkdir()
    for text in ("", '{"kind": "hea'):
        (project / "out" / "matrix.jsonl").write_text(text)
        code, _, err = Running(project, "--resume").end()
        said = "matrix: nothing was kept in out/matrix.jsonl, which has no whole header: run again without --resume\n"
        assert (code, err) == (2, said)
    assert Running(project).end()[0] == 1


@pytest.mark.soak
def test_at_each_of_fifty_moments(tmp_path: Path, temporary: Path) -> None:
    few = ("--agent", "simple", "--capability", "invoke.*", "--capability", "discovery.*")
    assert Running(ROOT, *few, "--output", str(tmp_path / "undisturbed")).end()[0] in {0, 1}
    found = come_to(tmp_path / "undisturbed")
    moments = [number * len(found) // 50 for number in range(50)]
    for number, moment in enumerate(moments):
        output = tmp_path / f"killed-{number}"
        killed(ROOT, moment, *few, "--output", str(output))
        assert Running(ROOT, "--resume", *few, "--output", str(output)).end()[0] in {0, 1}
        assert come_to(output) == found, moment
        assert left_in(temporary) == []
