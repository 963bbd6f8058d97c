"""Preparing a real server's start: its files laid, its placeholders filled in, confined to one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from matrix.errors import MatrixError, ServerFault
from matrix.lab.servers.real import PinnedServer
from matrix.model import Probe
from matrix.placeholders import fill
from matrix.registry import environments
from matrix.sources import StdioServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SETUP_SECONDS = 60


def unavailable(server: PinnedServer) -> str | None:
    """Why this machine cannot have the server, as far as that is known without installing anything."""
    missing = [program for program in server.requires if shutil.which(program) is None]
    if missing:
        return f"{server.name} needs {' and '.join(missing)}, not found on PATH."
    return environments.available(server.environment)


@dataclass(frozen=True)
class HttpProcess:
    """What starts a server that then listens at `url`, and has printed `ready` once it does."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    url: str
    ready: str


def prepare_stdio(server: PinnedServer, root: Path) -> StdioServer:
    """Lay the server's files below `root` and say how it is started over stdio.

    The server's environment must be installed. For one root, the files are laid once, however often this is
    called; it blocks for the setup commands of that first time. Raises MatrixError.
    """
    if server.stdio is None:
        raise MatrixError(f"the server {server.name} is not to be had over stdio")
    values, env = _laid(server, root)
    return StdioServer(tuple(fill(server.stdio, values)), env, root)


def prepare_http(server: PinnedServer, root: Path, port: int) -> HttpProcess:
    """Lay the server's files below `root`, as for stdio, and say how it is started over HTTP on `port`."""
    http = server.http
    if http is None:
        raise MatrixError(f"the server {server.name} is not to be had over HTTP")
    values, env = _laid(server, root)
    values = {**values, "port": str(port)}
    url = f"http://127.0.0.1:{port}{http.path}"
    return HttpProcess(tuple(fill(http.argv, values)), env | fill(http.env, values), root, url, http.ready)


def _laid(server: PinnedServer, root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Lay the server's files; return the values of its placeholders, and its whole environment."""
    values = {
        "bin": str(environments.bin_path(server.environment)),
        "python": str(environments.bin_path(server.environment) / "python"),
        "root": str(root),
    }
    home = root / "home"
    env: dict[str, str] = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        **fill(server.env, values),
    }
    _lay(server, root, values, env)
    return values, env


def _lay(server: PinnedServer, root: Path, values: Mapping[str, str], env: Mapping[str, str]) -> None:
    """Write the server's files and run its setup commands, unless that was done in this root before."""
    done = root / f".{server.name}.laid"
    if done.exists():
        return
    (root / "home" / "tmp").mkdir(parents=True, exist_ok=True)
    for name, text in server.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for template in server.setup:
        command = cast("list[str]", fill(template, values))
        try:
            subprocess.run(  # noqa: S603 - the commands come from a file of the repository or of its user
                command,
                cwd=root,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
                timeout=_SETUP_SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = error.stderr if isinstance(error, subprocess.CalledProcessError) else None
            last = [str(error), *str(said or "").strip().splitlines()][-1]
            raise ServerFault(f"{server.name}: the setup command {command[0]!r} failed: {last}") from error
    done.touch()


def filled(probe: Probe, root: Path, token: str, site: str = "") -> Probe:
    """Return a probe with what one run is given: the cell's folder, its own token, the address of the lab's site."""
    values = {"root": str(root), "token": token, "site": site}
    return replace(probe, arguments=fill(probe.arguments, values), contains=fill(probe.contains, values))
