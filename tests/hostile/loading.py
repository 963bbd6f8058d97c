"""Agents that are hostile while they are loaded: whoever looks one up here is struck.

Modules that make their attributes when they are asked for do so in `__getattr__`, and so does this one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

from tests.hostile.vices import OfNoName, Speechless, Unheard, WithoutLoops
from tests.saboteurs.honest import Honest


def raising(problem: BaseException) -> None:
    raise problem


def command_line() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.parse_args([])


STRIKES: dict[str, Callable[[], object]] = {
    "exits_with_a_text": lambda: sys.exit("give me a config"),
    "exits_with_a_code": lambda: sys.exit(3),
    "parses_a_command_line": command_line,
    "is_interrupted": lambda: raising(KeyboardInterrupt()),
    "raises_no_exception": lambda: raising(Unheard("nobody expects this")),
    "has_no_text": lambda: raising(Speechless()),
    "has_no_name": lambda: raising(OfNoName("without")),
    "has_half_a_surrogate": lambda: raising(ValueError("\ud800")),
    "ends_the_process": lambda: os._exit(7),
    "has_a_policy_without_loops": lambda: asyncio.set_event_loop_policy(WithoutLoops()),
}


class InitExits:
    """A class that ends the process when it is called."""

    def __init__(self) -> None:
        sys.exit("no instance today")


class InitRaises:
    """A class that raises what is no exception when it is called."""

    def __init__(self) -> None:
        raise Unheard("nobody expects this either")


def __getattr__(name: str) -> Any:
    if name not in STRIKES:
        raise AttributeError(name)
    STRIKES[name]()
    return Honest
