"""Imports by name: agents, what answers their calls, and what a stub is made of."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import matrix
from matrix.errors import ConfigurationError
from matrix.registry import loading
from matrix.registry.loading import Broken

__all__ = ["STUBS_PACKAGE", "Broken", "load", "stubs_folder"]

STUBS_PACKAGE = "mcp_stubs"


def load(import_string: str, folder: Path | None = None) -> Any:
    """Import `package.module:attribute`. Raises Broken, with cause and mend, for whatever is wrong with it."""
    _own_stubs()
    return loading.load(import_string, folder)


def stubs_folder() -> Path:
    """Return the folder of the stubs: the one beside this package. Raises ConfigurationError where there is none."""
    folder = Path(matrix.__file__).parents[1] / STUBS_PACKAGE
    if not (folder / "__init__.py").is_file():
        raise ConfigurationError(STUBS_PACKAGE, None, "the stub servers are not installed; run from the repository")
    return folder


def _own_stubs() -> ModuleType:
    """Import the stubs' package from beside this one: an owner's folder may have one of that name, and come first."""
    folder = stubs_folder()
    loaded = sys.modules.get(STUBS_PACKAGE)
    if loaded is not None and str(folder) in getattr(loaded, "__path__", ()):
        return loaded
    spec = importlib.util.spec_from_file_location(
        STUBS_PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ConfigurationError(STUBS_PACKAGE, None, f"{folder} cannot be imported")
    package = importlib.util.module_from_spec(spec)
    sys.modules[STUBS_PACKAGE] = package
    spec.loader.exec_module(package)
    return package
