"""Agents that are commands, of any language: a process for every run, in a home and a folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matrix.adapters.base import Answer, Task
from matrix.error_line import error_line
from matrix.model import HOST_VARIABLE, Command
from matrix.placeholders import fill
from matrix.processes import RunProcesses

PASSED_ON = (
    "AGENT_MATRIX_WORKER",
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    HOST_VARIABLE,
)
OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes of standard output that are taken for the answer; what a command babbles beyond is let go."""
POLITENESS = 4
"""Added to a command's niceness: when many start at once, the servers that they time still answer promptly."""
_STDERR_HEAD, _STDERR_TAIL = 4 * 1024, 12 * 1024
"""Bytes of standard error that are kept, of its beginning and of its end."""


class CommandFailed(Exception):
    """The command could not be started, or ended badly: the exit code, then the line of its stderr that says why."""

    def __init__(self, text: str, stderr: str = "") -> None:
        super().__init__(text)
        self.stderr = stderr


@dataclass(frozen=True)
class CommandInstance:
    """A command row; `bin_path` is the folder of its environment's executables, if it has one."""

    command: Command
    folder: Path
    bin_path: Path | None = None
    row_folder: Path | None = None
    """The folder of the registration: `{folder}` in the command."""
    wiring: str = "the command was handed {servers} in its `{{mcp_config}}` and connected to none"
    """What is said where no server was ever reached."""
    _runs: list[RunProcesses] = field(default_factory=list[RunProcesses])

    async def ask(self, task: Task) -> Answer:
        """Start the command and wait for it; its standard output is the answer. Raises CommandFailed.

        What the command leaves running is left running, so that `leftovers` can tell of it; `close` ends it. A run
        that is cancelled is ended with everything that it has started.
        """
        start = self._prepare(task)
        process = await self._started(start)
        run = RunProcesses(process.pid, start.home)
        run.yield_to_others(POLITENESS)
        self._runs.append(run)
        try:
            # Not until its output closes: a server that it has left behind may hold that open for ever.
            code = await process.wait()
        except BaseException:
            run.kill()
            await process.wait()
            raise
        if not run.alive():
            self._forget(run)
        stderr = _written(start.stderr)
        if code:
            raise CommandFailed(_bad_end(code, stderr), stderr)
        with start.stdout.open("rb") as output:
            return Answer(output.read(OUTPUT_LIMIT).decode("utf-8", "replace").strip(), stderr=stderr)

    async def leftovers(self, seconds: float) -> Sequence[str]:
        """Return the names of the processes that the runs' commands have left, and that do not end in time."""
        names = await asyncio.gather(*(run.still_alive(seconds) for run in self._runs))
        return sorted(name for each in names for name in each)

    async def close(self) -> None:
        """End what the commands have left running, and remove their homes."""
        for run in list(self._runs):
            run.kill()
            self._forget(run)

    def _forget(self, run: RunProcesses) -> None:
        self._runs.remove(run)
        shutil.rmtree(run.home, ignore_errors=True)

    def _prepare(self, task: Task) -> _Start:
        home = Path(tempfile.mkdtemp(prefix="home-", dir=self.folder))
        config = home / "mcp.json"
        config.write_text(json.dumps({"mcpServers": dict(task.mcp_servers)}, indent=1), encoding="utf-8")
        values = {
            "prompt": task.prompt,
            "mcp_config": str(config),
            "model_base_url": task.model.base_url,
            "model_api_key": task.model.api_key,
            "model_name": task.model.name,
            "home": str(home),
            "folder": "" if self.row_folder is None else str(self.row_folder),
            "bin": "" if self.bin_path is None else str(self.bin_path),
        }
        for name, content in self.command.files.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fill(content, values), encoding="utf-8")
        argv = tuple(fill(part, values) for part in self.command.argv)
        outputs = home.with_suffix(".out"), home.with_suffix(".err")
        return _Start(argv, self._environment(values, home), home, *outputs)

    def _environment(self, values: Mapping[str, str], home: Path) -> dict[str, str]:
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        if self.bin_path is not None:
            kept["PATH"] = f"{self.bin_path}{os.pathsep}{kept.get('PATH', os.defpath)}"
        return {**kept, "HOME": str(home), **fill(self.command.env, values)}

    async def _started(self, start: _Start) -> asyncio.subprocess.Process:
        program = self.command.argv[0]
        with start.stdout.open("wb") as stdout, start.stderr.open("wb") as stderr:
            try:
                return await asyncio.create_subprocess_exec(
                    *start.argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    cwd=start.home,
                    env=start.env,
                    start_new_session=True,
                )
            except (OSError, ValueError) as problem:
                why = (problem.strerror or str(problem)) if isinstance(problem, OSError) else str(problem)
                lacking = self.bin_path is not None and not self.bin_path.is_dir()
                cause = ", because its environment has not been installed" if lacking else ""
                raise CommandFailed(f"the program {program!r} cannot be started: {why}{cause}") from problem


@dataclass(frozen=True)
class _Start:
    """A run that is ready to be started; its output goes to files, which nobody can hold open against us."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    home: Path
    stdout: Path
    stderr: Path


def _written(path: Path) -> str:
    """Return what a command wrote to a file: all of it, or of much the beginning and the end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size <= _STDERR_HEAD + _STDERR_TAIL:
            return file.read().decode("utf-8", "replace")
        head = file.read(_STDERR_HEAD).decode("utf-8", "replace")
        file.seek(size - _STDERR_TAIL)
        tail = file.read().decode("utf-8", "replace")
    return f"{head}\n… ({size - _STDERR_HEAD - _STDERR_TAIL} bytes left out)\n{tail}"


def _bad_end(code: int, stderr: str) -> str:
    """Say how a command ended, with the line of its stderr that names the error."""
    how = f"exit code {code}" if code > 0 else f"ended by {signal.Signals(-code).name}"
    return f"{how}: {error_line(stderr) or 'nothing on stderr'}"
