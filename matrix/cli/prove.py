"""`prove`: shows of each capability that it can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from matrix.errors import OUR_FAULT, NeedsCheckout, UnknownName

PROVING = "tests.saboteurs.proving"
"""The module of a checkout that has the saboteurs, and proves a capability by one of them."""


@click.command()
@click.argument("capabilities", nargs=-1)
def prove(capabilities: tuple[str, ...]) -> int:
    """Show that each CAPABILITY is green on the control, and red on agents that are broken in just that respect.

    The saboteurs belong to the tests, which only a checkout of the matrix has. Exits 3 where a proof fails.
    """
    from matrix.capabilities.registry import find_capabilities  # noqa: PLC0415
    from matrix.registry.importing import load  # noqa: PLC0415

    known = [each.id for each in find_capabilities()]
    for name in capabilities:
        if name not in known:
            raise UnknownName("capability", name, known, "list capabilities")
    root = Path.cwd()
    if not (root / "tests" / "saboteurs" / "proving.py").is_file():
        raise NeedsCheckout("prove", root)
    failed = 0
    prove_one = load(f"{PROVING}:prove", root)
    for capability, saboteur in load(f"{PROVING}:proofs", root)(capabilities):
        proof = prove_one(capability, saboteur)
        click.echo(_line(proof))
        for problem in proof.problems:
            click.echo(f"  {problem}")
        failed += bool(proof.problems)
    return OUR_FAULT if failed else 0


def _line(proof: Any) -> str:
    if proof.lacking is not None:
        return f"{'skipped':<10}  {proof.capability}  {proof.vice}: {proof.lacking}"
    came_to = "NOT PROVEN" if proof.problems else "proven"
    return f"{came_to:<10}  {proof.capability}  {proof.vice}: {proof.caught}"
