"""Agents that are commands, of any language: a process for every run, in a home and a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from matrix.adapters.base import Answer, Task
from matrix.model import Command

_PASSED_ON = (
    "AGENT_MATRIX_WORKER",
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
)


class CommandFailed(Exception):  # noqa: N818  (the agent's failure, not ours)
    """The command ended with an exit code; the text has the last lines of its stderr."""


@dataclass(frozen=True)
class CommandInstance:
    """A command row; `bin_path` is the folder of its environment's executables, if it has one."""

    command: Command
    folder: Path
    bin_path: Path | None = None
    row_folder: Path | None = None
    """The folder of the registration: `{folder}` in the command."""

    async def ask(self, task: Task) -> Answer:
        """Start the command and wait for it; its standard output is the answer. Raises CommandFailed."""
        home = Path(tempfile.mkdtemp(prefix="home-", dir=self.folder))
        config = home / "mcp.json"
        config.write_text(json.dumps({"mcpServers": dict(task.mcp_servers)}, indent=1), encoding="utf-8")
        values = self._values(task, home, config)
        for name, content in self.command.files.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fill(content, values), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(fill(part, values) for part in self.command.argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=home,
            env=self._environment(values, home),
            start_new_session=True,
            limit=64 * 1024 * 1024,
        )
        try:
            out, err = await process.communicate()
        finally:
            # Also what the command has left running: its servers must not outlive the cell.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if process.returncode is None:
                with anyio.CancelScope(shield=True):
                    await process.wait()
        if process.returncode:
            lines = err.decode("utf-8", "replace").strip().splitlines()
            msg = f"exit code {process.returncode}: {' | '.join(lines[-3:])[-600:] or 'nothing on stderr'}"
            raise CommandFailed(msg)
        return Answer(out.decode("utf-8", "replace").strip())

    async def close(self) -> None:
        """Every run had a process of its own."""

    def _values(self, task: Task, home: Path, config: Path) -> dict[str, str]:
        return {
            "prompt": task.prompt,
            "mcp_config": str(config),
            "model_base_url": task.model.base_url,
            "model_api_key": task.model.api_key,
            "model_name": task.model.name,
            "home": str(home),
            "folder": "" if self.row_folder is None else str(self.row_folder),
            "bin": "" if self.bin_path is None else str(self.bin_path),
        }

    def _environment(self, values: Mapping[str, str], home: Path) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        if self.bin_path is not None:
            kept["PATH"] = f"{self.bin_path}{os.pathsep}{kept.get('PATH', '')}"
        own = {name: fill(value, values) for name, value in self.command.env.items()}
        return {**kept, "HOME": str(home), **own}


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values into `{placeholders}`; other braces stay as they are."""
    for name, value in values.items():
        template = template.replace("{" + name + "}", value)
    return template
