"""What an agent has done to the process that it shares with its lab; asked where something of ours has failed there.

Instrumentation replaces functions too, and is no fault. But what fails after that is not ours to answer for.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import io
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

_MODULES = sys.modules
_SPARE_DESCRIPTORS = 16
"""So few are as good as none."""


def _functions(module: ModuleType) -> Mapping[str, Any]:
    return {name: each for name, each in vars(module).items() if callable(each) and not name.startswith("_")}


_SHARED = {
    module: _functions(module)
    for module in (asyncio, builtins, contextlib, io, json, os, socket, subprocess, tempfile, threading, time)
}
_LIMITS = {
    "open files": resource.RLIMIT_NOFILE,
    "the size of files": resource.RLIMIT_FSIZE,
    "memory": resource.RLIMIT_AS,
    "processes": resource.RLIMIT_NPROC,
}
_BEFORE = {name: resource.getrlimit(limit)[0] for name, limit in _LIMITS.items()}


def found() -> str | None:
    """Return the first thing that the agent has done, as a predicate of it; None where we know of nothing."""
    with contextlib.suppress(OSError, ValueError):
        return next(_found(), None)
    return None


def _found() -> Iterator[str]:
    if sys.modules is not _MODULES or "asyncio" not in sys.modules:
        yield "replaced sys.modules in its process"
    for module, functions in _SHARED.items():
        for name, each in functions.items():
            if vars(module).get(name) is not each:
                yield f"replaced {module.__name__}.{name} in its process"
    for name, limit in _LIMITS.items():
        soft = resource.getrlimit(limit)[0]
        if soft != _BEFORE[name] and soft != resource.RLIM_INFINITY:
            yield f"set a limit of {soft} for {name} of its process"
    if not Path(tempfile.gettempdir()).is_dir():
        yield "removed its folder for temporary files"
    if not Path.cwd().is_dir():
        yield "removed its working folder"
    yield from _descriptors()


def _descriptors() -> Iterator[str]:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        free = os.dup(0)
        os.close(free)
    except OSError:
        yield f"has as many files open as its process may have, {limit}"
        return
    if free > limit - _SPARE_DESCRIPTORS:
        yield f"has {free} files open, and its process may have {limit}"
