"""The same cells, asked by the engine of an older commit and by this one, in turn."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections import defaultdict
from functools import partial
from pathlib import Path

from benchmarks.measured import Extent, Goal, Measured
from benchmarks.timing import ROOT, CommandFailed, Taken, in_turn, taken

COMMIT = "77c0f2e"
"""It published 882 cells; each agent had a worker, a fixed number of places, and every question a run of its own."""
RESULTS = "results/matrix.jsonl"
SAMPLE = ("simple", "stan")
"""Beside the control. Rows in processes of their own changed more: with them the ratio would be larger."""


def measure(extent: Extent) -> Measured:
    """Make the old environment, warm both up, and ask in turn, twice."""
    capabilities = common_capabilities()
    if extent is Extent.SMALLEST:
        capabilities = ["invoke.round-trip"]
    agents = {Extent.SMALLEST: SAMPLE[:1], Extent.USUAL: SAMPLE, Extent.WHOLE: ()}[extent]
    asked = [word for each in agents for word in ("--agent", each)]
    asked += [word for each in capabilities for word in ("--capability", each)]
    old = exported()
    with tempfile.TemporaryDirectory() as folder:
        if extent is not Extent.SMALLEST:
            for root in (old, ROOT):  # what is installed on first use is there before anything is measured
                run(root, Path(folder) / "warm", [*asked[: 2 * len(agents)], "--capability", "real.discovery"])
        outputs = {"before": Path(folder) / "before", "now": Path(folder) / "now"}
        runs = {
            "before": partial(run, old, outputs["before"], asked),
            "now": partial(run, ROOT, outputs["now"], asked),
        }
        medians = in_turn(1 if extent is Extent.SMALLEST else 2, runs)
        verdicts = {name: verdicts_in((output / "matrix.jsonl").read_text()) for name, output in outputs.items()}
    before, now = medians["before"], medians["now"]
    both = verdicts["before"].keys() & verdicts["now"].keys()
    moved = sum(verdicts["before"][each] != verdicts["now"][each] for each in both)
    where = "all rows" if not agents else f"{', '.join(agents)} and the control"
    return Measured(
        ["", f"before ({COMMIT})", "now", "ratio"],
        [
            ["cells", str(len(verdicts["before"])), str(len(verdicts["now"])), ""],
            ["wall, s", f"{before.wall:.1f}", f"{now.wall:.1f}", f"{before.wall / now.wall:.1f} ×"],
            ["CPU, s", f"{before.cpu:.1f}", f"{now.cpu:.1f}", f"{before.cpu / now.cpu:.1f} ×"],
        ],
        [Goal(f"wall time, the engine before over this one ({where})", before.wall / now.wall, 4)],
        f"{len(capabilities)} capabilities, asked of {where}: {len(both)} cells that both have, {moved} of them with "
        "another verdict than before.",
    )


def run(root: Path, output: Path, asked: list[str]) -> Taken:
    """Ask with the engine that is there."""
    interpreter = str(root / ".venv" / "bin" / "python")
    return taken([interpreter, "-m", "matrix", "run", *asked, "--output", str(output)], folder=root, codes=(0, 1, 3))


def exported() -> Path:
    """Return a folder with the old commit and its environment; makes them on first use."""
    folder = Path(tempfile.gettempdir()) / f"matrix-bench-{COMMIT}"
    ready = folder / ".venv" / ".ready"
    if not ready.is_file():
        archive = git("archive", COMMIT)
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(folder, filter="data")
        words = ["make", "setup"]
        ours = ROOT / ".venv" / "tool" / "bin" / "uv"
        taken([*words, *([f"UV={ours}"] if ours.is_file() else [])], folder=folder)
    return folder


def common_capabilities() -> list[str]:
    """Return the capabilities that have the same cells in the published matrices of both."""
    before = by_capability(verdicts_in(git("show", f"{COMMIT}:{RESULTS}").decode()))
    now = by_capability(verdicts_in((ROOT / RESULTS).read_text(encoding="utf-8")))
    return sorted(name for name, cells in before.items() if now.get(name) == cells)


def by_capability(cells: dict[str, str]) -> dict[str, set[str]]:
    """Return cells by their capability."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in cells:
        found[each.split("::")[1]].add(each)
    return found


def verdicts_in(lines: str) -> dict[str, str]:
    """Return the verdicts of a result file, by cell."""
    read = [json.loads(line) for line in lines.splitlines()]
    return {each["cell"]: each["verdict"] for each in read if each["kind"] == "outcome"}


def git(*words: str) -> bytes:
    """Return what git says of this repository."""
    argv = ["git", *words]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, check=False, env=os.environ)  # noqa: S603
    if done.returncode:
        raise CommandFailed(argv, done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout
