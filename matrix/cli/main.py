"""The command line: what is asked for, and which exit code says what came of it.

Nothing heavy is imported here: `--help`, `list` and `explain` answer at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from matrix.cli.bench import bench
from matrix.cli.configs import configs
from matrix.errors import MatrixError, UsageError

EXIT_CODES = """
\b
Exit codes:
  0    all well, or nothing worse than the baseline
  1    an agent failed a core or expected capability (with --baseline: a new failure, or a stale entry)
  2    usage or configuration
  3    our own fault: an errored cell, a red control, or nothing was asked
  130  interrupted; what was finished is kept, and --resume goes on
"""
OUTPUT = Path("out")
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agent-matrix", prog_name="matrix")
def cli() -> None:
    """Which agent works with which MCP server, measured: caniuse for agents."""


cli.add_command(configs)
cli.add_command(bench)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every refusal is one sentence on stderr."""
    try:
        code = cli.main(list(sys.argv[1:] if arguments is None else arguments), "matrix", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as problem:
        problem.show()
        code = 2
    except click.ClickException as problem:
        _complain(problem.format_message())
        code = 2
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except UsageError as problem:
        _complain(str(problem))
        code = 2
    except MatrixError as problem:
        _complain(str(problem))
        code = 3
    except SystemExit:
        # So end click and rich where whoever read our output has seen enough (`… | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 0
    except Exception:  # noqa: BLE001  (a fault of ours must not look like an agent's, which is what 1 says)
        traceback.print_exc()
        code = 3
    sys.exit(code or 0)


def _complain(sentence: str) -> None:
    click.echo(f"matrix: {' '.join(sentence.split())}", err=True)


@cli.command()
@click.option(
    "--agent",
    "agents",
    multiple=True,
    metavar="NAME",
    help="Only this agent (a glob), or package.module:attribute, or a TOML file.",
)
@click.option("--server", "servers", multiple=True, metavar="NAME", help="Only this server (a glob).")
@click.option("--transport", "transports", multiple=True, metavar="NAME", help="Only stdio, http or sse.")
@click.option("--capability", "capabilities", multiple=True, metavar="ID", help="Only this capability (a glob).")
@click.option("--revision", "revisions", multiple=True, metavar="DATE", help="Only this revision of MCP.")
@click.option("--cell", "cells", multiple=True, metavar="CELL", help="Only this cell (a glob; brackets are literal).")
@click.option("--output", type=_FOLDER, default=OUTPUT, show_default=True, help="Where results and evidence go.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Workers at once (default: the number of cores).")
@click.option(
    "--repeat",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Ask every cell so often; it is flaky unless all agree.",
)
@click.option("--shard", metavar="I/N", default="1/1", help="Only the I-th of N parts; `matrix merge` joins them.")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="A file of expected red cells, each with a reason; only what is worse fails.",
)
@click.option("--configs", metavar="URL", help="Ask about the servers that this config store assigns to the agents.")
@click.option("--configs-policy", "policy", type=click.Path(path_type=Path), help="Changes their security policy.")
@click.option("--resume", is_flag=True, help="Keep what an interrupted run into the same folder has finished.")
@click.option("--live", is_flag=True, help="Use the agents' real models and services (keys from the environment).")
def run(
    agents: tuple[str, ...],
    servers: tuple[str, ...],
    transports: tuple[str, ...],
    capabilities: tuple[str, ...],
    revisions: tuple[str, ...],
    cells: tuple[str, ...],
    output: Path,
    jobs: int | None,
    repeat: int,
    shard: str,
    baseline: Path | None,
    configs: str | None,
    policy: Path | None,
    resume: bool,
    live: bool,
) -> int:
    """Ask every registered agent every question, and print one table."""
    from matrix.engine.run import Request  # noqa: PLC0415
    from matrix.plan import Filters, read_shard  # noqa: PLC0415
    from matrix.results.baseline import read_baseline  # noqa: PLC0415

    filters = Filters(agents, servers, transports, capabilities, revisions, cells)
    request = Request(
        root=Path.cwd(),
        output=output,
        filters=filters,
        jobs=jobs,
        repeat=repeat,
        shard=read_shard(shard),
        baseline=None if baseline is None else read_baseline(baseline),
        live=live,
        resume=resume,
        configs=configs,
        policy=policy,
    )
    return _run_and_report(request)


def _run_and_report(request: Any) -> int:
    from matrix.engine.run import run as run_matrix  # noqa: PLC0415
    from matrix.report import markdown, progress, terminal  # noqa: PLC0415
    from matrix.results.files import severities, write_page  # noqa: PLC0415

    for ending in (signal.SIGTERM, signal.SIGHUP):
        # Whoever cancels us otherwise than by Ctrl-C gets the same: what is done is kept, nothing is left behind.
        signal.signal(ending, signal.default_int_handler)
    console = _console()
    live = console.is_terminal and not console.is_dumb_terminal
    try:
        with progress.LiveProgress(console) if live else progress.PlainProgress(console) as audience:
            result = run_matrix(request, audience)
    except SystemExit as unread:
        # So ends rich where nobody reads what it prints any more: the run is cut short, as by Ctrl-C.
        raise click.Abort from unread
    known = severities(result.matrix)
    write_page(request.output, markdown.render(result.matrix, known))
    with contextlib.suppress(SystemExit):
        console.print(terminal.render(result.matrix, known, result.stale, output=str(request.output)), crop=False)
    return result.exit_code


@cli.command("list")
@click.argument("what", type=click.Choice(["agents", "servers", "capabilities"]), default="agents")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")
def list_(what: str, as_json: bool) -> None:
    """List the agents, servers or capabilities that are known here."""
    from matrix.registry import discovery  # noqa: PLC0415
    from matrix.report import catalogue  # noqa: PLC0415

    if what == "agents":
        rows = [catalogue.agent_row(each) for each in discovery.find_agents(Path.cwd())]
    elif what == "servers":
        servers = discovery.find_servers(discovery.real_servers_file())
        rows = [catalogue.server_row(each) for each in servers]
    else:
        rows = [catalogue.capability_row(each) for each in discovery.find_capabilities()]
    click.echo(json.dumps(rows, ensure_ascii=False, indent=1) if as_json else catalogue.listing(rows))


@cli.command()
@click.argument("capability")
def explain(capability: str) -> None:
    """Say what a pass of CAPABILITY means, why it matters, and how it is checked."""
    from matrix.plan import nearest  # noqa: PLC0415
    from matrix.registry.discovery import find_capabilities  # noqa: PLC0415
    from matrix.report import catalogue  # noqa: PLC0415

    known = {each.id: each for each in find_capabilities()}
    if capability not in known:
        msg = f"no capability is called {capability!r}{nearest(capability, known)}; see `matrix list capabilities`"
        raise UsageError(msg)
    click.echo(catalogue.explain(known[capability]))


@cli.command()
@click.argument("cell")
@click.option("--output", type=_FOLDER, default=OUTPUT, show_default=True, help="The folder of the run.")
def show(cell: str, output: Path) -> None:
    """Tell the story of one CELL of a run, in order, from its three witnesses."""
    from matrix.report.story import tell  # noqa: PLC0415
    from matrix.results.files import read_evidence, read_matrix  # noqa: PLC0415

    matrix = read_matrix(output)
    outcome = _one_cell(cell, matrix)
    evidence = read_evidence(output, outcome)
    if evidence is None:
        click.echo(f"{outcome.cell.id}\n\n{outcome.verdict.value}: {outcome.reason}\nNo evidence: it was not asked.")
        return
    click.echo(tell(evidence, outcome.expected))


def _one_cell(text: str, matrix: Any) -> Any:
    from matrix.plan import nearest  # noqa: PLC0415

    found = [each for each in matrix.outcomes if each.cell.id == text or each.cell.matches(text)]
    if len(found) == 1:
        return found[0]
    if not found:
        close = nearest(text, [each.cell.id for each in matrix.outcomes])
        msg = f"this run has no cell {text!r}{close}"
        raise UsageError(msg)
    msg = f"{text!r} is {len(found)} cells; name one, such as {found[0].cell.id}"
    raise UsageError(msg)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["terminal", "markdown"]), default="terminal", show_default=True)
@click.option("--publish", type=_FOLDER, help="Write the published matrix into this folder.")
def report(file: Path, form: str, publish: Path | None) -> None:
    """Print the table of a run's FILE (matrix.jsonl, or its folder) again, or publish it."""
    from matrix.report import markdown, terminal  # noqa: PLC0415
    from matrix.results.files import publish as write_published  # noqa: PLC0415
    from matrix.results.files import read_matrix, severities, sorted_matrix  # noqa: PLC0415

    matrix = sorted_matrix(read_matrix(file))
    known = severities(matrix)
    if publish is not None:
        if not matrix.complete:
            msg = f"{file} is of a run that did not end; only a complete matrix is published"
            raise UsageError(msg)
        write_published(matrix, publish, markdown.render(matrix, known))
        click.echo(f"published in {publish}")
    elif form == "markdown":
        click.echo(markdown.render(matrix, known), nl=False)
    else:
        _console().print(terminal.render(matrix, known), crop=False)


@cli.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def diff(old: Path, new: Path) -> int:
    """Say what became worse, better, new or absent between two runs; exits 1 when something became worse."""
    from matrix.report.diff import compare, render  # noqa: PLC0415
    from matrix.results.files import read_matrix, severities  # noqa: PLC0415

    before, after = read_matrix(old), read_matrix(new)
    changes = compare(before, after, severities(after))
    click.echo(render(changes), nl=False)
    return 1 if any(each.is_regression for each in changes) else 0


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", type=_FOLDER, default=OUTPUT, show_default=True)
def merge(files: tuple[Path, ...], output: Path) -> int:
    """Join the FILES of shards into one matrix."""
    from matrix.engine.run import exit_code  # noqa: PLC0415
    from matrix.report import terminal  # noqa: PLC0415
    from matrix.results.files import merge_runs, read_matrix, severities, write_merged  # noqa: PLC0415

    matrix = merge_runs([(path, read_matrix(path)) for path in files])
    write_merged(matrix, files, output)
    _console().print(terminal.render(matrix, severities(matrix), output=str(output)), crop=False)
    return exit_code(matrix)


def _console() -> Any:
    from rich.console import Console  # noqa: PLC0415

    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe or a log has no width: nothing is to be cut off there.
        console.width = 10_000 if os.environ.get("COLUMNS") is None else console.width
    return console
