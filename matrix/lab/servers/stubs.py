"""Stubs, imported by name: servers of one behaviour each, which live in the lab."""

from __future__ import annotations

import sys

from matrix.lab.servers.spec import Stub
from matrix.registry.importing import STUBS_PACKAGE, load


def load_stub(name: str) -> Stub:
    """Import a stub. Raises Broken."""
    module = f"{STUBS_PACKAGE}.{name}"
    create = load(f"{module}:create")
    return Stub(
        name=name,
        create=create,
        new_room=load(f"{STUBS_PACKAGE}._room:Room"),
        stderr=load(f"{STUBS_PACKAGE}._stub:STDERR"),
        http=getattr(sys.modules[module], "http", None),
    )
