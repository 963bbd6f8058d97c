"""Two packages of one name: an owner's, and one that is here already; who has the name, and how to mend it.

Python imports the first that it finds: a folder without `__init__.py` gives way to any module or installed package
of its name, and one with it hides an installed package from the owner's own code. The mend has to be right for the
other rows too: they may need whatever has the name.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

OURS = frozenset({"matrix", "mcp_stubs"})
"""Packages of this tool: in the process that runs an agent, their names are taken."""


def mend_of_clash(target: str, missing: str, folder: Path) -> str | None:
    """Say how to import `target` (`package.module:attribute`) from `folder`, where `missing` was not found.

    None where no name is taken twice: then there is no such module, or it is not installed.
    """
    parts = missing.split(".")
    if not _is_there(folder, parts):
        return _hidden_by_owner(target, parts[0], folder)
    taken = next((n for n in range(len(parts)) if not _belongs_here(folder, parts[: n + 1])), None)
    module, _, attribute = target.partition(":")
    if taken is None:
        return None if missing == module else _hidden_by_owner(target, parts[0], folder)
    if parts[0] in OURS:
        return (
            f"the name {parts[0]!r} is taken by a package of this tool: "
            "register the agent as a command (`argv`), which has a process of its own"
        )
    name = ".".join(parts[: taken + 1])
    owner = _owner(name, folder)
    if module != missing and not module.startswith(f"{missing}."):
        return f"the name {name!r} is taken by {owner}: give the folder {'/'.join(parts[: taken + 1])} another name"
    target_parts = module.split(".")
    moved = [*target_parts[:taken], f"my_{target_parts[taken]}", *target_parts[taken + 1 :]]
    what, where = _files(folder, target_parts, moved)
    return f"the name {name!r} is taken by {owner}: move {what} to {where}, and register {'.'.join(moved)}:{attribute}"


def _is_there(folder: Path, parts: list[str]) -> bool:
    path = folder.joinpath(*parts)
    return path.is_dir() or path.with_name(f"{path.name}.py").is_file()


def _belongs_here(folder: Path, parts: list[str]) -> bool:
    """Whether the name is free, or has been given to what the owner's folder has under it."""
    module = sys.modules.get(".".join(parts))
    if module is None:
        return True
    places = [Path(each) for each in getattr(module, "__path__", ())] or [Path(module.__file__ or "")]
    path = folder.joinpath(*parts)
    return bool({path, path.with_name(f"{path.name}.py")} & set(places)) and (
        hasattr(module, "__path__") or not path.is_dir()
    )


def _files(folder: Path, old: list[str], new: list[str]) -> tuple[str, str]:
    """Return what has to be moved, and where: one file of a folder's own, or all modules of an agent's folder."""
    if len(old) > 2:
        return f"the Python modules of {'/'.join(old[:-1])}", "/".join(new[:-1])
    if folder.joinpath(*old).is_dir():
        return f"the Python modules of {'/'.join(old)}", "/".join(new)
    return f"{'/'.join(old)}.py", f"{'/'.join(new)}.py"


def _hidden_by_owner(target: str, top: str, folder: Path) -> str | None:
    """Say that what an installed package has is looked for in the owner's package of the same name."""
    module = sys.modules.get(top)
    origin = None if module is None else module.__file__
    if origin is None or not Path(origin).is_relative_to(folder) or not (installed := _distribution(top)):
        return None
    hiding = Path(origin)
    if hiding.name != "__init__.py":
        return f"the file {hiding.relative_to(folder)} hides the installed {installed}: give it another name"
    first, *rest = target.split(".")
    such_as = f", such as {'.'.join([f'my_{top}', *rest])}" if first == top else ""
    return (
        f"the folder {top} hides the installed {installed}: rename it to my_{top}, correct the imports of it, "
        f"and register its agents in [tool.matrix.agents]{such_as}"
    )


def _owner(name: str, folder: Path) -> str:
    module = sys.modules[name]
    place = Path(module.__file__ or next(iter(getattr(module, "__path__", ["?"]))))
    if place.is_relative_to(folder):
        return f"the file {place.relative_to(folder)}"
    installed = _distribution(name.partition(".")[0])
    return f"the installed {installed}" if installed else f"{place}"


def _distribution(top: str) -> str | None:
    find: Any = getattr(importlib.metadata, "packages_distributions", dict)  # there is no such function in Python 3.9
    found: Mapping[str, Sequence[str]] = find()
    return next(iter(sorted(found.get(top, ()))), None)
