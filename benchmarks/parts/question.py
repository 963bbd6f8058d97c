"""One narrow question about one agent, beside the bare import of pydantic-ai's MCP part."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.measured import Extent, Goal, Measured
from benchmarks.one_run import Asked
from benchmarks.run_apart import run_apart
from benchmarks.timing import in_turn, python, taken

IMPORT, PRELOAD, QUESTION = "`import pydantic_ai.mcp`", "all that our workers import", "the question"
AGENT, CAPABILITY = "stan", "invoke.round-trip"
STEPS = (
    ("interpreter and first imports", "started"),
    ("our own imports", "imported"),
    ("discovery and planning", "planned"),
    ("until the first cell is asked: the fork server's imports (they began while we planned), two workers", "asked"),
    ("the cells", "answered"),
    ("results written, processes ended", "ended"),
)


def measure(extent: Extent) -> Measured:
    """Run all in turn, five times; then once with the moments noted."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ["--agent", AGENT, "--capability", CAPABILITY, "--output", str(Path(folder) / "out")]
        runs = {
            IMPORT: partial(taken, python("-c", "import pydantic_ai.mcp")),
            PRELOAD: partial(taken, python("-c", "import matrix.engine.preload")),
            QUESTION: partial(taken, python("-m", "matrix", "run", *asked)),
        }
        medians = in_turn(1 if extent is Extent.SMALLEST else 5, runs)
        noted = [
            run_apart(Asked(str(Path.cwd()), str(Path(folder) / "noted"), (AGENT,), (CAPABILITY,)))
            for _ in range(1 if extent is Extent.SMALLEST else 3)
        ]
    moments = min(noted, key=lambda each: each["moments"]["ended"])["moments"]
    rows = [[name, f"{each.wall:.2f}", f"{each.cpu:.2f}"] for name, each in medians.items()]
    before = 0.0
    for name, moment in STEPS:
        rows.append([f"· {name}", f"{moments[moment] - before:.2f}", ""])
        before = moments[moment]
    longer = medians[QUESTION].wall - medians[IMPORT].wall
    return Measured(
        ["", "wall, s", "CPU, s"],
        rows,
        [Goal("one narrow question, longer than the bare import", longer, 1, "s", at_most=True)],
    )
