"""Each part of the benchmark runs at its smallest size and prints its table; its figures say nothing there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measured import Goal, Measured, between, keep, kept, recorded
from benchmarks.parts import PARTS
from benchmarks.parts.engine import COMMIT
from benchmarks.parts.profile import by_owner, read

ROOT = Path(__file__).parent.parent
QUICK = "results"
"""The part that starts nothing."""
SAYS = {
    "handwritten": "| by hand, `pytest -n 2`",
    "engine": "| wall, s",
    "efficiency": "| one bundled agent",
    "question": "| · the cells",
    "conformance": "| the suite, no client",
    "scale": "| one row, repeated",
    "results": "| read and rendered",
    "profile": "| · pydantic-ai",
}


def smallest(*parts: str) -> str:
    """Return what is printed where so little is measured that it only shows that it works."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smallest", *parts],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_part_prints_its_table_and_what_becomes_of_its_goals() -> None:
    said = smallest(QUICK)
    assert SAYS[QUICK] in said
    assert "2,000 outcomes read and rendered · ≤ 2 s" in said


@pytest.mark.soak
@pytest.mark.parametrize("part", [name for name in PARTS if name != QUICK])
def test_every_part_works(part: str) -> None:
    """The engine before needs this repository's history, the conformance suite npm's registry."""
    words = ["git", "cat-file", "-e", COMMIT]
    if part == "engine" and subprocess.run(words, cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip("the history is not there")
    assert SAYS[part] in smallest(part)


def test_a_part_that_nobody_knows_is_refused_with_those_that_there_are() -> None:
    words = [sys.executable, "-m", "benchmarks", "everything"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no part 'everything'; there are handwritten, engine" in done.stderr


def test_the_page_has_a_place_for_every_part() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    for name in ("goals", *PARTS):
        assert "measured" in between(page, name, "measured")


def test_what_was_measured_stays_where_another_part_is_measured(tmp_path: Path) -> None:
    file, page = tmp_path / "performance.json", tmp_path / "performance.md"
    page.write_text("".join(f"<!-- {each} -->\n<!-- end of {each} -->\n" for each in ("goals", "a", "b")))
    met = Measured(["", "s"], [["one", "1"]], [Goal("fast", 2, 1)])
    missed = Measured(["", "s"], [["two", "2"]], [Goal("slow", 2, 1, "s", at_most=True)], "A note.")
    keep(recorded("a", "make a", 1, met), file, page)
    keep(recorded("b", "make b", 1, missed), file, page)
    text = page.read_text(encoding="utf-8")
    assert "| one |" in text
    assert "A note." in text
    assert "≥ 1 ×" in text
    assert "**no**" in text
    assert list(kept(file)) == ["a", "b"]


def test_a_sample_belongs_to_the_innermost_frame_that_has_an_owner() -> None:
    site = "/env/site-packages"
    library = (
        f"process 1:python;run (/lib/asyncio/runners.py);send ({site}/mcp/client.py);dumps (/lib/json/__init__.py) 3"
    )
    loading = f"process 1:python;x ({site}/mcp/client.py);_load (<frozen importlib._bootstrap>) 2"
    waking = "process 1:python;run (/lib/asyncio/runners.py) 1"
    samples = [(frames, count) for _, frames, count in map(read, (library, loading, waking))]
    assert by_owner(samples) == {"MCP SDK": 3, "imports": 2, "event loop, threads": 1}
