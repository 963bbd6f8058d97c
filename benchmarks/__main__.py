"""`python -m benchmarks [PART…]`: measure, and renew docs/performance.md part by part.

What is done is kept: where it is interrupted, name the parts that are left.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from benchmarks.measured import Extent, keep, kept, recorded
from benchmarks.parts import PARTS
from benchmarks.timing import CommandFailed
from matrix.descent import adopt_orphans


@click.command()
@click.argument("parts", nargs=-1, metavar=f"[{'|'.join(PARTS)}]…")
@click.option("--whole", "extent", flag_value=Extent.WHOLE, type=Extent, help="Also what takes an hour.")
@click.option("--smallest", "extent", flag_value=Extent.SMALLEST, type=Extent, help="Only to see that it works.")
@click.option("--keep/--no-keep", "keeps", default=True, help="Renew docs/performance.md and .json (not if smallest).")
@click.option("--list", "lists", is_flag=True, help="Say what there is, how long it takes, and when it was measured.")
def main(parts: tuple[str, ...], extent: Extent | None, *, keeps: bool, lists: bool) -> None:
    """Measure these parts, or all; the machine should have nothing else to do."""
    unknown = [each for each in parts if each not in PARTS]
    if unknown:
        raise click.UsageError(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    chosen = [each for each in PARTS.values() if not parts or each.name in parts]
    if lists:
        days = {name: record["day"] for name, record in kept().items()}
        for each in chosen:
            click.echo(f"{each.name:<12} {each.minutes:>4g} min  {each.title} (last: {days.get(each.name, 'never')})")
        return
    extent = extent or Extent.USUAL
    adopt_orphans()
    if extent is not Extent.SMALLEST:
        click.echo(f"about {sum(each.minutes for each in chosen):g} minutes on two cores that have nothing else to do")
    failed = []
    for part in chosen:
        click.echo(f"\n## {part.title} ({part.name})\n")
        began = time.monotonic()
        try:
            measured = part.measure(extent)
        except CommandFailed as problem:
            failed.append(part.name)
            click.echo(f"not measured: {problem}", err=True)
            continue
        click.echo(measured.markdown())
        for goal in measured.goals:
            click.echo(" · ".join(goal.row()))
        if keeps and extent is not Extent.SMALLEST:
            words = [part.name, *(["--whole"] if extent is Extent.WHOLE else [])]
            keep(recorded(part.name, f"python -m benchmarks {' '.join(words)}", time.monotonic() - began, measured))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    # What is started has to find this package, from whatever folder.
    assert Path.cwd().joinpath("benchmarks").is_dir(), "start it in the repository's folder"
    main()
