"""The line of a program's standard error that names the error: what its runtime prints around that says less.

The forms are those of the runtimes' own documentation: Python's `traceback`, groups of exceptions and notes (PEP 654,
PEP 678), Node's uncaught errors, Go's panics, Rust's panics and `anyhow`, Java's stack traces, and what argument
parsers, loggers and shells write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_GROUP_LINE = re.compile(r"^[ |]*\| ?")
_GROUP_MEMBER = re.compile(r"^[ |]*\+-\+?-{4,}")
_PYTHON_FRAMES = "Traceback (most recent call last):"
_PYTHON_ERROR = re.compile(r"^[A-Za-z_][\w.]*(?:: .*|)$")
_PYTHON_GROUP = re.compile(r"^(?:[\w.]+\.)?(?:Base)?ExceptionGroup\b")
_NODE_FRAME = re.compile(r"^\s+at .+")
_NODE_ERROR = re.compile(r"^(?:Uncaught |\[)?(?:[A-Za-z_$][\w$]*(?:Error|Exception|Rejection)|Error)\b[^:]*: ?\S")
_NODE_CAUSE = re.compile(r"^\s*\[cause\]: (.+)")
_JAVA_ERROR = re.compile(r'^(?:Exception in thread "[^"]*" )?((?:[a-z_][\w$]*\.)+[A-Z][\w$]*(?:: .*)?)$')
_DOTNET_ERROR = re.compile(r"^Unhandled exception\. (.+)")
_CAUSED_BY = re.compile(r"^\s*Caused by: (.+)")
_RUST_PANIC = re.compile(r"^thread '[^']*' (?:\(\d+\) )?panicked at (.+)$")
_RUST_OLD_PANIC = re.compile(r"^'(.*)', \S+:\d+:\d+$")
_RUST_CAUSE = re.compile(r"^\s+(?:\d+: )?(\S.*)")
_GO_PANIC = re.compile(r"^(?:panic|fatal error): .+")
_USAGE_ERROR = re.compile(r"^[\w./-]+: error: (.+)")
_ERROR_WORD = re.compile(r"^\W*(?:error|fatal|panic)\b", re.IGNORECASE)
_LOGGED_ERROR = re.compile(r"\b(?:ERROR|FATAL|CRITICAL|level=(?:error|fatal))\b")
_NOISE = re.compile(
    r"^(?:Node\.js v\d|note: run with .*RUST_BACKTRACE|exit status \d+$|goroutine \d+ \[|npm (?:ERR!|error) "
    r"(?:A complete log|code |errno )|\s*\^+\s*$|\s+at |\t|\s*\.\.\. \d+ more|[\]})>]+;?$|For help, see: )"
)


def error_line(text: str) -> str | None:
    """Return the line that names the error, without what stands around it; the last one where none does.

    None where nothing was written.
    """
    lines = _lines(text)
    last = next((line.strip() for line in reversed(lines) if not _NOISE.match(line)), lines[-1] if lines else None)
    return named_error(text) or last


def named_error(text: str) -> str | None:
    """Return the line that names an error, None where no line does."""
    lines = _lines(text)
    found = (find(lines) for find in (_rust, _go, _python, _java, _node, _parser, _said_so))
    return next((each.strip() for each in found if each), None)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def _python(lines: Sequence[str]) -> str | None:
    """Return the exception of the last traceback; of a group the first one in it, however deep."""
    starts = [at for at, line in enumerate(lines) if line.endswith(_PYTHON_FRAMES)]
    members = [at for at, line in enumerate(lines) if _GROUP_MEMBER.match(line)]
    if not starts:
        return next((line for line in reversed(lines) if line.startswith("SyntaxError: ")), None)
    if members and members[0] > starts[-1 - _after(starts, members[0])]:
        for at in range(members[0], len(lines)):
            line = _GROUP_LINE.sub("", lines[at])
            inside = lines[at].lstrip(" ").startswith("|")
            if inside and _PYTHON_ERROR.match(line) and not _PYTHON_GROUP.match(line) and line != _PYTHON_FRAMES:
                return line
    after = lines[starts[-1] + 1 :]
    at = next((n for n, line in enumerate(after) if _PYTHON_ERROR.match(line)), None)
    if at is None:
        return None
    # A validation error says on its first line only how many there are.
    more = [line.strip() for line in after[at + 1 : at + 3]] if " validation error" in after[at] else []
    return " ".join([after[at], *more])


def _after(places: Sequence[int], place: int) -> int:
    return sum(each > place for each in places)


def _node(lines: Sequence[str]) -> str | None:
    """Return the error above the last block of frames, with its innermost cause."""
    if not any(_NODE_FRAME.match(line) for line in lines) and not any(line.startswith("Node.js v") for line in lines):
        return None
    found = [line for line in lines if _NODE_ERROR.match(line)]
    if not found:
        return None
    error = found[0].removeprefix("Uncaught ").removesuffix(" {").strip("[]")
    return _with_cause(error, (cause[1].removesuffix(" {") for line in lines if (cause := _NODE_CAUSE.match(line))))


def _java(lines: Sequence[str]) -> str | None:
    for at, line in enumerate(lines):
        found = _JAVA_ERROR.match(line) or _DOTNET_ERROR.match(line)
        if found and at + 1 < len(lines) and _NODE_FRAME.match(lines[at + 1]):
            return _with_cause(found[1], (cause[1] for each in lines if (cause := _CAUSED_BY.match(each))))
    return None


def _rust(lines: Sequence[str]) -> str | None:
    """Return the message of a panic, or an error with its last cause as `anyhow` prints it."""
    for at, line in enumerate(lines):
        if panicked := _RUST_PANIC.match(line):
            if old := _RUST_OLD_PANIC.match(panicked[1]):
                return old[1]
            return lines[at + 1] if at + 1 < len(lines) else line
        if line == "Caused by:" and at:
            causes: list[str] = []
            for each in lines[at + 1 :]:
                cause = _RUST_CAUSE.match(each)
                if cause is None:
                    break
                causes.append(cause[1])
            return _with_cause(lines[at - 1], causes)
    return None


def _go(lines: Sequence[str]) -> str | None:
    return next((line for line in lines if _GO_PANIC.match(line)), None)


def _parser(lines: Sequence[str]) -> str | None:
    """Return what an argument parser says, below its usage or above it."""
    return next((found[1] for line in reversed(lines) if (found := _USAGE_ERROR.match(line))), None)


def _said_so(lines: Sequence[str]) -> str | None:
    """Return the last line that calls itself an error."""
    plain = [line for line in lines if not _NOISE.match(line)]
    words = (line for line in reversed(plain) if _ERROR_WORD.match(line) or _LOGGED_ERROR.search(line))
    return next(words, None)


def _with_cause(error: str, causes: Iterable[str]) -> str:
    *_, last = (error, *causes)
    return error if last == error or last in error else f"{error} (caused by: {last})"
