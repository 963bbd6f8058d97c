"""`run`: ask every registered agent every question, and print one table."""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from matrix.cli.console import FILE, FOLDER, OUTPUT, console
from matrix.configs.extras import needs
from matrix.errors import INTERRUPTED, CannotEnter
from matrix.interrupts import Interrupts, LeavingAtOnce

if TYPE_CHECKING:
    from matrix.engine.engines import EngineKind
    from matrix.engine.run import Request
    from matrix.sources import SourceReader


@click.command()
@click.option(
    "--agent",
    "agents",
    multiple=True,
    metavar="NAME",
    help="Only this agent (a glob), or one more: package.module:attribute, or a TOML file.",
)
@click.option("--python", metavar="FILE", help="The interpreter that imports such an agent (default: this one).")
@click.option("--server", "servers", multiple=True, metavar="NAME", help="Only this server (a glob).")
@click.option("--transport", "transports", multiple=True, metavar="NAME", help="Only stdio, http or sse.")
@click.option("--capability", "capabilities", multiple=True, metavar="ID", help="Only this capability (a glob).")
@click.option("--revision", "revisions", multiple=True, metavar="DATE", help="Only this revision of MCP.")
@click.option("--cell", "cells", multiple=True, metavar="CELL", help="Only this cell (a glob; brackets are literal).")
@click.option(
    "--output",
    type=FOLDER,
    default=OUTPUT,
    show_default=True,
    help="Where results and evidence go; a narrow run renews only its own cells there.",
)
@click.option("-C", "--directory", type=FOLDER, help="Run as if started in this folder.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Workers at once (default: what there is memory for).")
@click.option(
    "--repeat",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Ask every cell so often; it is flaky unless all agree.",
)
@click.option("--shard", metavar="I/N", default="1/1", help="Only the I-th of N parts; `matrix merge` joins them.")
@click.option(
    "--baseline", type=FILE, help="A file of expected red cells, each with a reason; only what is worse fails."
)
@click.option("--configs", metavar="URL", help="Ask about the servers that this config store assigns to the agents.")
@click.option("--configs-policy", "policy", type=FILE, help="Changes their security policy.")
@click.option(
    "--engine", metavar="URL", help="Ask on several machines: dask://HOST:PORT, a Dask scheduler (docs/scale.md)."
)
@click.option("--no-share", is_flag=True, help="Ask every question in a run of its own, none in one that others share.")
@click.option(
    "--isolate",
    metavar="HOW",
    type=click.Choice(["process", "user"]),
    is_flag=False,
    flag_value="process",
    help="Keep agents apart: each in a process of its own (process), or also in a user namespace (user).",
)
@click.option("--resume", is_flag=True, help="Keep what an interrupted run into the same folder has finished.")
@click.option("--strict-pins", is_flag=True, help="Refuse rows whose packages name no exact version.")
@click.option("--live", is_flag=True, help="Use the agents' real models and services (keys from the environment).")
def run(
    agents: tuple[str, ...],
    python: str | None,
    servers: tuple[str, ...],
    transports: tuple[str, ...],
    capabilities: tuple[str, ...],
    revisions: tuple[str, ...],
    cells: tuple[str, ...],
    output: Path,
    directory: Path | None,
    jobs: int | None,
    repeat: int,
    shard: str,
    baseline: Path | None,
    configs: str | None,
    policy: Path | None,
    engine: str | None,
    no_share: bool,
    isolate: str | None,
    resume: bool,
    strict_pins: bool,
    live: bool,
) -> int:
    """Ask every registered agent every question, and print one table."""
    with LeavingAtOnce():
        if engine is None:
            _begin_to_import()
        from matrix.engine.engines import Local  # noqa: PLC0415
        from matrix.engine.prepare import Wish, pinned  # noqa: PLC0415
        from matrix.engine.run import Request  # noqa: PLC0415
        from matrix.plan import Filters, read_shard  # noqa: PLC0415
        from matrix.registry.isolation import Isolation  # noqa: PLC0415
        from matrix.results.baseline import read_baseline  # noqa: PLC0415
        from matrix.results.command import Reproduction, program  # noqa: PLC0415

    if directory is not None:
        _enter(directory)
    filters = Filters(agents, servers, transports, capabilities, revisions, cells)
    kind = Local() if engine is None else _elsewhere(engine, configs=configs is not None, live=live)
    source = pinned if configs is None else _stored(configs, policy)
    request = Request(
        wish=Wish(
            Path.cwd(),
            filters,
            read_shard(shard),
            live,
            source,
            python=python,
            isolation=None if isolate is None else Isolation(isolate),
            strict_pins=strict_pins,
        ),
        output=output,
        jobs=jobs,
        repeat=repeat,
        share=not no_share,
        baseline=None if baseline is None else read_baseline(baseline),
        resume=resume,
        reproduction=Reproduction(
            program(),
            Path.cwd(),
            None if output == OUTPUT else output,
            (
                *(("--repeat", str(repeat)) if repeat > 1 else ()),
                *(("--baseline", str(baseline.absolute())) if baseline is not None else ()),
                *(("--live",) if live else ()),
                *(("--isolate", isolate) if isolate else ()),
            ),
        ),
        engine=kind,
    )
    return _run_and_report(request, output if directory is None else output.absolute())


def _begin_to_import() -> None:
    """Have the fork server import what workers need while we import what planning does: both take a second or two."""
    from matrix.engine.fork_server import fork_server  # noqa: PLC0415

    fork_server()


def _enter(directory: Path) -> None:
    try:
        os.chdir(directory)
    except OSError as problem:
        raise CannotEnter(directory, problem) from problem


def _elsewhere(url: str, *, configs: bool, live: bool) -> EngineKind:
    """Return the engine of several machines. Raises UsageError for what only this machine has."""
    from matrix.engine.several.errors import NotElsewhere  # noqa: PLC0415

    if configs:
        raise NotElsewhere("--configs", "the store, and its key, are this machine's")
    if live:
        raise NotElsewhere("--live", "the keys of real models are this machine's")
    with LeavingAtOnce(), needs("dask"):
        from matrix.engine.several.cluster import read_address  # noqa: PLC0415
        from matrix.engine.several.engine import Dask  # noqa: PLC0415

    return Dask(read_address(url))


def _stored(url: str, policy: Path | None) -> SourceReader:
    from matrix.configs.source import reader  # noqa: PLC0415

    return reader(url, policy)


def _run_and_report(request: Request, output: Path) -> int:
    with LeavingAtOnce():
        from matrix.engine.run import run as run_matrix  # noqa: PLC0415
        from matrix.processes import CANCELLING  # noqa: PLC0415
        from matrix.report import markdown, pace, progress, terminal  # noqa: PLC0415
        from matrix.results.writing import write_page  # noqa: PLC0415

    interrupts = Interrupts()
    # Whoever cancels us otherwise than by Ctrl-C gets the same: what is done is kept, nothing is left behind.
    interrupts.heed(*CANCELLING)
    shown = console()
    live = shown.is_terminal and not shown.is_dumb_terminal
    try:
        with progress.LiveProgress(shown) if live else progress.PlainProgress(shown) as observer:
            result = run_matrix(request, observer)
            interrupts.end()
    except SystemExit as ending:
        if not isinstance(ending.__context__, BrokenPipeError):
            raise
        # So ends rich where nobody reads what it prints any more: the run is cut short, as by Ctrl-C.
        return INTERRUPTED
    write_page(request.output, markdown.render(result.whole))
    elsewhere = len(result.whole.outcomes) - len(result.matrix.outcomes)
    with contextlib.suppress(SystemExit):
        table = terminal.render(
            result.matrix,
            result.stale,
            output=str(output),
            program=shlex.join(request.reproduction.program),
            elsewhere=elsewhere,
        )
        shown.print(table, crop=False)
        if result.effort is not None:
            shown.print(pace.afterwards(result.effort), style="dim", highlight=False, soft_wrap=True)
    return result.exit_code
