"""Imports by name, with cause and mend for whatever is wrong with one.

Also the harness does it, in interpreters of all kinds: the standard library alone, Python 3.9 or later.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO, cast

from ..error_line import error_line
from ..raised import mend_of_missing, name_of, text_of
from .name_clash import mend_of_clash


class Broken(Exception):
    """A registration that cannot be loaded: `cause` and `mend`."""

    def __init__(self, cause: str, mend: str) -> None:
        super().__init__(f"{cause}; {mend}")
        self.cause = cause
        self.mend = mend


def load(import_string: str, folder: Path | None = None) -> Any:
    """Import `package.module:attribute`. Raises Broken, with cause and mend, for whatever is wrong with it."""
    module_name = import_string.partition(":")[0]
    if folder is not None and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        return _found(import_string, folder)
    except Broken:
        raise
    except ImportError as problem:
        raise _not_imported(import_string, problem, folder) from problem
    except BaseException as problem:
        cause = f"{module_name} cannot be imported: {name_of(problem)}: {text_of(problem)}".rstrip(": ")
        mend = mend_of_missing(problem) or "import it in a shell of its own to see the traceback"
        raise Broken(cause, mend) from problem


def _found(import_string: str, folder: Path | None) -> Any:
    """Import a module and look up what is named. Raises Broken, with what they wrote when they call `sys.exit`."""
    name, _, path = import_string.partition(":")
    overheard = _Overheard(sys.stderr)
    try:
        with contextlib.redirect_stderr(overheard):
            found: Any = importlib.import_module(name)
            for attribute in path.split("."):
                if not hasattr(found, attribute):
                    clash = folder and mend_of_clash(import_string, name, folder)
                    mend = clash or f"name one that it has, such as {_some(found)}"
                    raise Broken(f"{name} has no {attribute!r}", mend)
                found = getattr(found, attribute)
            return found
    except SystemExit as problem:
        said = error_line(overheard.heard()) if problem.code is None or isinstance(problem.code, int) else problem.code
        cause = f"{name} cannot be imported: it calls sys.exit({problem.code!r}){f': {said}' if said else ''}"
        mend = 'put what is for the command line below `if __name__ == "__main__":`'
        raise Broken(cause, mend) from problem
    finally:
        overheard.listening = False


class _Overheard(io.TextIOBase):
    """Standard error, overheard for as long as it is listened to; whoever has kept it writes on to the real one."""

    LIMIT = 64 * 1024

    def __init__(self, stream: TextIO) -> None:
        self.listening = True
        self._stream = stream
        self._heard = io.StringIO()

    def heard(self) -> str:
        """Return what was written so far."""
        return self._heard.getvalue()

    def write(self, text: str, /) -> int:
        """Write on, and remember."""
        if self.listening and self._heard.tell() < self.LIMIT:
            self._heard.write(text)
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush the real one."""
        self._stream.flush()

    def fileno(self) -> int:
        """Return the real one's descriptor."""
        return self._stream.fileno()


def _not_imported(import_string: str, problem: ImportError, folder: Path | None) -> Broken:
    module_name = import_string.partition(":")[0]
    clash = folder and problem.name and mend_of_clash(import_string, problem.name, folder)
    if not isinstance(problem, ModuleNotFoundError):
        cause = f"{module_name} cannot be imported: {name_of(problem)}: {text_of(problem)}"
        return Broken(cause, clash or "import it in a shell of its own to see the traceback")
    is_target = problem.name is not None and f"{module_name}.".startswith(f"{problem.name}.")
    cause = f"{module_name} cannot be imported: no module named {problem.name!r}"
    return Broken(cause, clash or ("correct the import string" if is_target else "install it"))


def _some(found: object) -> str:
    """Name up to three callables of a module or a class."""
    members = cast("Mapping[str, object]", getattr(found, "__dict__", {}))
    public = sorted(name for name, each in members.items() if not name.startswith("_") and callable(each))
    return ", ".join(public[:3]) or "a factory"
