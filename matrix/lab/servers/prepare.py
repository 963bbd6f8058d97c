"""Preparing a real server's start: its files laid, its placeholders filled in, confined to one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from matrix.errors import MatrixError
from matrix.lab.servers.sources import RealServer
from matrix.lab.servers.spec import Prepared
from matrix.model import Probe
from matrix.placeholders import fill
from matrix.registry import environments

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SETUP_SECONDS = 60


def unavailable(server: RealServer) -> str | None:
    """Why this machine cannot have the server, as far as that is known without installing anything."""
    missing = [program for program in server.requires if shutil.which(program) is None]
    if missing:
        return f"{server.name} needs {' and '.join(missing)}, not found on PATH."
    return environments.available(server.environment)


def prepare(server: RealServer, root: Path, port: int | None = None) -> Prepared:
    """Lay the server's files below `root` and say how it is started: over stdio, or over HTTP on `port`.

    The server's environment must be installed. For one root, the files are laid once, however often this is
    called; it blocks for the setup commands of that first time.
    """
    if port is None and server.stdio is None:
        raise MatrixError(f"the server {server.name} is not to be had over stdio")
    if port is not None and server.http is None:
        raise MatrixError(f"the server {server.name} is not to be had over HTTP")
    values = {
        "bin": str(environments.bin_path(server.environment)),
        "python": str(environments.bin_path(server.environment) / "python"),
        "root": str(root),
    }
    home = root / "home"
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        **fill(server.env, values),
    }
    _lay(server, root, values, env)
    if port is not None and server.http is not None:
        values["port"] = str(port)
        return Prepared(
            argv=tuple(fill(server.http.argv, values)),
            env=env | fill(server.http.env, values),
            cwd=root,
            url=f"http://127.0.0.1:{port}{server.http.path}",
            ready=server.http.ready,
        )
    return Prepared(argv=tuple(fill(server.stdio, values)), env=env, cwd=root)


def _lay(server: RealServer, root: Path, values: Mapping[str, str], env: Mapping[str, str]) -> None:
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
            stderr = str(getattr(error, "stderr", None) or error).strip().splitlines()
            raise MatrixError(f"{server.name}: the setup command {command[0]!r} failed: {stderr[-1]}") from error
    done.touch()


def filled(probe: Probe, root: Path, token: str, site: str = "") -> Probe:
    """Return a probe with what one run is given: the cell's folder, its own token, the address of the lab's site."""
    values = {"root": str(root), "token": token, "site": site}
    return replace(probe, arguments=fill(probe.arguments, values), contains=fill(probe.contains, values))
