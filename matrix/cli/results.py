"""`show`, `report`, `diff` and `merge`: what runs have left, looked at again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from matrix.cli.console import FILE, FOLDER, OUTPUT, console
from matrix.errors import IncompleteRun, UnknownCell

if TYPE_CHECKING:
    from matrix.outcome import Matrix, Outcome


@click.command()
@click.argument("cell")
@click.option("--output", type=FOLDER, default=OUTPUT, show_default=True, help="The folder of the run.")
def show(cell: str, output: Path) -> None:
    """Tell the story of one CELL of a run, in order, from its three witnesses; a glob of several lists them."""
    from matrix.report.story import listing, tell  # noqa: PLC0415
    from matrix.results.reading import read_evidence, read_matrix  # noqa: PLC0415

    found = _cells(cell, read_matrix(output))
    if len(found) > 1:
        click.echo(listing(found))
    else:
        click.echo(tell(found[0], read_evidence(output, found[0])))


def _cells(text: str, matrix: Matrix) -> list[Outcome]:
    """Return the outcomes whose cell has this id, or matches it as a glob. Raises UsageError where there is none."""
    exact = [each for each in matrix.outcomes if each.cell.id == text]
    found = exact or [each for each in matrix.outcomes if each.cell.matches(text)]
    if not found:
        raise UnknownCell(text, [each.cell.id for each in matrix.outcomes], "this run has no cell {cell!r}")
    return found


@click.command()
@click.argument("file", type=FILE)
@click.option("--format", "form", type=click.Choice(["terminal", "markdown"]), default="terminal", show_default=True)
@click.option("--publish", type=FOLDER, help="Write the published matrix into this folder.")
def report(file: Path, form: str, publish: Path | None) -> None:
    """Print the table of a run's FILE (matrix.jsonl, or its folder) again, or publish it."""
    from matrix.report import markdown, terminal  # noqa: PLC0415
    from matrix.results.reading import read_matrix  # noqa: PLC0415
    from matrix.results.writing import published, write_complete, write_page  # noqa: PLC0415

    matrix = read_matrix(file).in_order()
    if publish is not None:
        if not matrix.complete:
            raise IncompleteRun(file, "only a complete matrix is published")
        public = published(matrix)
        write_complete(publish, public)
        write_page(publish, markdown.render(public))
        click.echo(f"published in {publish}")
    elif form == "markdown":
        click.echo(markdown.render(matrix), nl=False)
    else:
        console().print(terminal.render(matrix), crop=False)


@click.command()
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
def diff(old: Path, new: Path) -> int:
    """Say what became worse, better, new or absent between two runs; exits 1 when something became worse."""
    from matrix.report.diff import render  # noqa: PLC0415
    from matrix.results.diff import compare  # noqa: PLC0415
    from matrix.results.reading import read_matrix  # noqa: PLC0415

    changes = compare(read_matrix(old), read_matrix(new))
    click.echo(render(changes), nl=False)
    return 1 if any(each.is_regression for each in changes) else 0


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--output", type=FOLDER, default=OUTPUT, show_default=True)
@click.option("--baseline", type=FILE, help="The baseline of the run; only here is it known which entries are stale.")
def merge(files: tuple[Path, ...], output: Path, baseline: Path | None) -> int:
    """Join the FILES of shards into one matrix, judged as a whole."""
    from matrix.report import markdown, terminal  # noqa: PLC0415
    from matrix.results.baseline import read_baseline, stale  # noqa: PLC0415
    from matrix.results.command import into  # noqa: PLC0415
    from matrix.results.durations import with_seconds  # noqa: PLC0415
    from matrix.results.judgement import exit_code  # noqa: PLC0415
    from matrix.results.merging import merged  # noqa: PLC0415
    from matrix.results.reading import read_matrix  # noqa: PLC0415
    from matrix.results.writing import write_merged, write_page  # noqa: PLC0415

    entries = None if baseline is None else read_baseline(baseline)
    found = merged([(str(path), read_matrix(path)) for path in files], entries)
    outcomes = tuple(replace(each, command=into(each.command, str(output))) for each in found.outcomes)
    matrix = replace(found, header=with_seconds(found.header, outcomes), outcomes=outcomes)
    write_merged(matrix, files, output)
    write_page(output, markdown.render(matrix))
    outdated = stale(matrix.outcomes, entries or ())
    console().print(terminal.render(matrix, outdated, output=str(output)), crop=False)
    return exit_code(matrix, outdated)


COMMANDS = (show, report, diff, merge)
