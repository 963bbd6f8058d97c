"""What a stdio server is started with: the program by its resolved path, the arguments, the environment, the folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from matrix.configs.model import ServerConfig
from matrix.configs.rules.decoding import climbs, decoded, has_control, views
from matrix.configs.rules.interpreters import check_interpreter
from matrix.configs.rules.model import Policy, Violation, among
from matrix.secret_detector import REFERENCE


def check_stdio(config: ServerConfig, policy: Policy) -> Iterator[Violation]:
    """Check the command, its arguments, the environment and the folder of a config."""
    if config.command:
        program, *arguments = config.command
        yield from _program(program, policy)
        yield from _arguments(arguments, policy)
        yield from check_interpreter(Path(program).name, arguments, policy)
    yield from _environment(config, policy)
    if config.cwd is not None:
        if climbs(config.cwd):
            yield Violation("cwd-traversal", "cwd", "climbs out of its folder with `..`; write the folder itself")
        if has_control(config.cwd):
            yield Violation("cwd-control", "cwd", "has a control character")


def _program(program: str, policy: Policy) -> Iterator[Violation]:
    """Check where a program really is: symlinks resolved, then folder by folder, never by a prefix of the text."""
    rules = policy.command
    if REFERENCE.search(program) or "$" in program:
        yield Violation("command-placeholder", "command", "is a placeholder; name the program", 0)
        return
    if climbs(program):
        yield Violation("command-traversal", "command", "has `..` in it; write the path itself", 0)
        return
    pure = Path(program)
    if has_control(program) or program != str(pure) or any(char.isspace() or char == "\\" for char in program):
        yield Violation(
            "command-form", "command", "is no plain name or path: no spaces, no backslashes, nothing doubled", 0
        )
        return
    if not pure.is_absolute() and len(pure.parts) > 1:
        yield Violation("command-form", "command", "is a relative path; write a name, or the whole path", 0)
        return
    if pure.name not in rules.allowed:
        allowed = ", ".join(sorted(rules.allowed))
        yield Violation("command-not-allowed", "command", f"is none of the programs that are allowed ({allowed})", 0)
        return
    yield from _place(pure, policy)


def _place(pure: Path, policy: Policy) -> Iterator[Violation]:
    rules = policy.command
    found = str(pure) if pure.is_absolute() else shutil.which(pure.name, path=os.pathsep.join(rules.path))
    real = None if found is None else Path(os.path.realpath(found))
    there = real is not None and os.path.isfile(real)  # noqa: PTH113  (does not raise for what we may not see)
    if not there and rules.unresolved == "refuse":
        yield Violation("command-unresolved", "command", "is not on this machine, in the folders of command.path", 0)
    if real is None:
        return
    if not _inside(real, [*rules.directories, *map(os.path.realpath, rules.directories)]):
        yield Violation("command-outside", "command", "really is in none of the folders of command.directories", 0)
    elif there and not among(real.name, rules.allowed[pure.name]):
        yield Violation("command-disguised", "command", "leads to a file that is not the program it is called after", 0)


def _inside(path: Path, folders: Sequence[str]) -> bool:
    return any(path.is_relative_to(folder) and path != Path(folder) for folder in folders)


def _arguments(arguments: Sequence[str], policy: Policy) -> Iterator[Violation]:
    rules = policy.arguments
    if len(arguments) > rules.count:
        yield Violation("argument-count", "command", f"has more than {rules.count} arguments")
    refused = set(rules.metacharacters)
    for number, argument in enumerate(arguments, 1):
        if len(argument) > rules.length:
            yield Violation("argument-length", "command", f"is longer than {rules.length} characters", number)
        if has_control(argument):
            yield Violation("argument-control", "command", "has a control character or a line break", number)
        if any(refused & set(view + decoded(view)) for view in views(argument)):
            yield Violation(
                "argument-metacharacter", "command", f"has one of the characters {rules.metacharacters}", number
            )
        if climbs(argument):
            yield Violation(
                "argument-traversal", "command", "climbs out of a folder with `..`; write the path itself", number
            )


def _environment(config: ServerConfig, policy: Policy) -> Iterator[Violation]:
    rules = policy.environment
    if len(config.environment) > rules.count:
        yield Violation("environment-count", "environment", f"has more than {rules.count} variables")
    for name, value in config.environment.items():
        shown = name[:64] if name.isprintable() else repr(name[:64])
        if among(name, rules.refused, ignore_case=True):
            yield Violation(
                "environment-refused", "environment", "decides what a program loads or runs; leave it out", shown
            )
        elif not re.fullmatch(rules.name, name):
            yield Violation("environment-name", "environment", f"is no name of the form {rules.name}", shown)
        elif not among(name, rules.allowed):
            yield Violation(
                "environment-not-allowed",
                "environment",
                "is not among environment.allowed; add it there if need be",
                shown,
            )
        if len(value) > rules.length:
            yield Violation("environment-length", "environment", f"is longer than {rules.length} characters", shown)
        if has_control(value, encoded=False):
            yield Violation("environment-control", "environment", "has a control character or a line break", shown)
