"""The command line: its commands, and which exit code says what came of one.

Nothing heavy is imported here: `--help`, `list` and `explain` answer at once.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Generator, Sequence
from typing import Any

import click

from matrix.cli import lists, results
from matrix.cli.bench import bench
from matrix.cli.configs import configs
from matrix.cli.prove import prove
from matrix.cli.run import run
from matrix.errors import INTERRUPTED, NO_ROOM, OUR_FAULT, UNWRITABLE, USAGE, MatrixError
from matrix.redaction import printable

EXIT_CODES = """
\b
Exit codes:
  0    all well, or nothing worse than the baseline
  1    an agent failed a core or expected capability (with --baseline: a new failure, or a stale entry)
  2    usage or configuration
  3    our own fault: an errored cell, a red control, or nothing was asked
  4    results, or what is printed, could not be written (a full disk); what was finished is kept
  130  interrupted; what was finished is kept, and --resume goes on
"""


class Commands(click.Group):
    """The commands; where nobody reads our output any more, they end as rich does: click would end with 1."""

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        """Read the command line."""
        with _unread():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _unread():
            return super().invoke(ctx)


@contextlib.contextmanager
def _unread() -> Generator[None]:
    try:
        yield
    except BrokenPipeError as problem:
        raise SystemExit from problem


@click.group(cls=Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agent-matrix", prog_name="matrix")
def cli() -> None:
    """Which agent works with which MCP server, measured: caniuse for agents."""


for _command in (run, *lists.COMMANDS, *results.COMMANDS, prove, configs, bench):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every refusal is one sentence on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # where the locale's encoding lacks what we say
    try:
        code = cli.main(list(sys.argv[1:] if arguments is None else arguments), "matrix", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as problem:
        problem.show()
        code = USAGE
    except click.ClickException as problem:
        code = _complained(problem.format_message(), USAGE)
    except (click.Abort, KeyboardInterrupt):
        code = _complained("interrupted", INTERRUPTED)
    except MatrixError as problem:
        code = _complained(str(problem), problem.exit_code)
    except SystemExit as ending:
        code = _ended(ending)
    except OSError as problem:
        code = _cannot_write(problem)
    except Exception:  # noqa: BLE001  (a fault of ours must not look like an agent's, which is what 1 says)
        code = _at_fault()
    sys.exit(code or 0)


def _at_fault() -> int:
    click.echo(printable(traceback.format_exc()), err=True, nl=False)
    return OUR_FAULT


def _cannot_write(problem: OSError) -> int:
    """Say where there is no room; whatever else the system refuses is a fault of ours."""
    if problem.errno not in NO_ROOM:
        return _at_fault()
    where = problem.filename or "a temporary file"
    try:
        click.echo()  # the error does not say so, where it is our output
    except OSError:
        where = "standard output"
        _give_up(1)
    return _complained(f"cannot write to {where}: {problem.strerror}; make room there", UNWRITABLE)


def _give_up(descriptor: int) -> None:
    """Give up standard output or standard error: what it still holds would fail once more when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _ended(ending: SystemExit) -> int:
    """Return the exit code that a command ended with; a text is said, as Python does."""
    if isinstance(ending.__context__, BrokenPipeError):
        # So it ends where whoever read our output has seen enough (`… | head`).
        _give_up(1)
        return 0
    if isinstance(ending.code, str):
        return _complained(ending.code, 1)
    return ending.code or 0


def _complained(sentence: str, code: int) -> int:
    try:
        click.echo(printable(f"matrix: {' '.join(sentence.split())}"), err=True)
    except OSError:  # the code alone tells it
        _give_up(2)
    return code
