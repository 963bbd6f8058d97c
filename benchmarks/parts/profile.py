"""Where a cell's CPU goes: by process, as the system counts it, and within the workers, by samples of py-spy."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.measured import Extent, Measured
from benchmarks.one_run import Asked
from benchmarks.run_apart import run_apart
from benchmarks.timing import ROOT, CommandFailed, python, taken

AGENTS = ("simple", "stan")
RATE = 100
"""Samples a second, of each process: of the thread that holds the interpreter's lock, for one that waits does not."""
OWNERS = {
    "ours": r"/matrix/matrix/|/mcp_stubs/",
    "the agent's own code": r"/agents/",
    "MCP SDK": r"/site-packages/(mcp|mcp_types)/",
    "pydantic-ai": r"/site-packages/(pydantic_ai|pydantic_graph|fastmcp|genai_prices)/",
    "providers' SDKs": r"/site-packages/(openai|anthropic|google)/",
    "HTTP libraries": r"/site-packages/(httpx2?|httpcore2?|httpx_sse|h11|uvicorn|starlette|sse_starlette)/",
    "pydantic, jsonschema": r"/site-packages/(pydantic|jsonschema|referencing)/",
}
"""Whose code a file is; a sample belongs to the innermost frame that has an owner, with all that it calls of others."""
EVENT_LOOP, IMPORTS = "event loop, threads", "imports"
_FRAME = re.compile(r"(?P<function>.*) \((?P<file>[^()]*?)(:\d+)?\)$")
_STACK = re.compile(r".+? \d+\n(?=process |\Z)", re.DOTALL)
"""A line of its output, but for command lines of several lines, which stand in it as they are."""
_RUNNING = re.compile(r"/matrix/(engine/(worker|entry|forking)|lab/lab|lab/model/inheriting)\.py$")
_RUNS = re.compile(r"(.*\.)?(main|enter|fork|run|serve|_run|_serve|_become|_fork|belonging|<\w+>)$")
"""Files, and functions in them, that run an event loop or a thread: what is left there is the loop's own."""
_WORKING = re.compile(r"main \(.*/matrix/engine/worker\.py\)$")
"""Is in the main thread of every worker."""
_IMPORTING = "<frozen importlib._bootstrap>"
PROCESSES = {
    "parent": "the parent: planning, engine, results",
    "fork server": "the fork server: imports",
    "workers": "the workers",
    "below workers": "below the workers: bridges (interpreter starts), servers in Node.js",
    "real servers": "real servers in Python, forked",
    "looking": "this measurement: looking at the processes",
}
LARGEST = 12


def measure(extent: Extent) -> Measured:
    """Run once with the processes counted, and once under py-spy."""
    smallest = extent is Extent.SMALLEST
    agents = AGENTS[:1] if smallest else AGENTS
    capabilities = ("invoke.round-trip",) if smallest else ()
    with tempfile.TemporaryDirectory() as folder:
        asked = Asked(str(ROOT), str(Path(folder) / "out"), agents, capabilities, look_at_processes=0.1)
        told = run_apart(asked)
        samples = list(sampled(Path(folder), Asked(str(ROOT), str(Path(folder) / "spied"), agents, capabilities)))
    parts = by_owner(samples)
    whole, cells = told["taken"].cpu, told["cells"]
    rows: list[list[str]] = []
    for kind, name in PROCESSES.items():
        seconds = told["processes"].get(kind, 0.0)
        rows.append(line(name, seconds, whole, cells))
        if kind == "workers":
            counted = sum(parts.values()) or 1
            rows += [
                line(f"· {owner}", seconds * count / counted, whole, cells) for owner, count in parts.most_common()
            ]
    known = sum(told["processes"].values())
    rows.append(line("not seen (ended between two looks)", max(0.0, whole - known), whole, cells))
    ours = Counter(module for sample, count in samples if (module := module_of(sample)) for _ in range(count))
    shares = ", ".join(f"`{module}` {count / sum(parts.values()):.1%}" for module, count in ours.most_common(LARGEST))
    return Measured(
        ["", "CPU, s", "share", "CPU a cell, ms"],
        rows,
        note=f"{', '.join(agents)} and the control, {cells} cells; {sum(parts.values())} samples in workers. Within "
        f"*ours*, of all of these: {shares}.",
    )


def line(name: str, seconds: float, whole: float, cells: int) -> list[str]:
    """Return a line of the table."""
    return [name, f"{seconds:.1f}", f"{seconds / whole:.1%}", f"{1000 * seconds / cells:.1f}"]


Sample = tuple[Sequence[str], int]
"""Frames, the outermost first, and how often they were seen."""


def sampled(folder: Path, asked: Asked) -> Iterator[Sample]:
    """Run under py-spy; yields what was seen in workers. Raises CommandFailed."""
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if spy is None:
        raise CommandFailed(["py-spy"], 127, "it is not installed: make setup")
    output = folder / "stacks.txt"
    options = ["--subprocesses", "--gil", "--full-filenames", "--nolineno", "--rate", str(RATE), "--format", "raw"]
    # It ends with 1 where a process was too short to be looked at, which bridges are.
    taken([spy, "record", *options, "--output", str(output), "--", *python(*asked.command())], codes=(0, 1))
    if not output.is_file():
        raise CommandFailed([spy], 1, "py-spy wrote nothing: is it allowed to look at other processes?")
    stacks = [read(each) for each in _STACK.findall(output.read_text(encoding="utf-8"))]
    workers = {process for process, frames, _ in stacks if any(_WORKING.match(each) for each in frames)}
    return ((frames, count) for process, frames, count in stacks if process in workers)


def read(stack: str) -> tuple[str, Sequence[str], int]:
    """Return process, frames and count of a line; the process is the innermost of those that started one another."""
    text, _, count = stack.rstrip().rpartition(" ")
    frames = text.split(";")
    processes = [each for each in frames if each.startswith("process ")]
    inside = [each for each in frames if _FRAME.match(each) and not each.startswith("process ")]
    return (processes[-1].split(":")[0] if processes else ""), inside, int(count)


def by_owner(samples: Sequence[Sample]) -> Counter[str]:
    """Return how many samples are whose."""
    found: Counter[str] = Counter()
    for frames, count in samples:
        found[owner(frames)[0]] += count
    return found


def owner(frames: Sequence[str]) -> tuple[str, str]:
    """Return whose a sample is, and the file that makes it so."""
    if any(_IMPORTING in each for each in frames):
        return IMPORTS, ""
    for frame in reversed(frames):
        if (found := _FRAME.match(frame)) is None:
            continue
        file = found["file"].replace(str(ROOT), "/matrix")
        if _RUNNING.search(file) and _RUNS.match(found["function"]):
            continue
        for name, pattern in OWNERS.items():
            if re.search(pattern, file):
                return name, file
    return EVENT_LOOP, ""


def module_of(frames: Sequence[str]) -> str | None:
    """Return the module of ours that a sample belongs to."""
    name, file = owner(frames)
    return file.removeprefix("/matrix/") if name == "ours" else None
