"""The wheel as it is published, and an environment that has nothing but it; each is made once for all workers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
UNREACHABLE = ("error sending request", "failed to fetch", "could not connect", "network was disabled", "dns error")
"""How uv words it that there is no way to a package index (in lower case)."""


@dataclass(frozen=True)
class BareEnvironment:
    """An environment with the wheel and no extra: `packages` is what an owner gets, `bin` has its commands."""

    bin: Path
    packages: frozenset[str]

    def run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run one of its commands in a folder, seeing nothing of this repository."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
        command = [str(self.bin / arguments[0]), *arguments[1:]]
        return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, without a network: hatchling is in the lock."""

    def build(folder: Path) -> None:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    return next(once(tmp_path_factory, "wheel", build).glob("*.whl"))


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> BareEnvironment:
    """Install the wheel without extras, in the versions of the lock, then pytest beside it."""

    def make(folder: Path) -> None:
        (folder.parent / "packages.json").write_text(json.dumps(sorted(installed(folder, str(wheel)))))
        installed(folder, "pytest")

    folder = once(tmp_path_factory, "bare", make)
    return BareEnvironment(folder / "bin", frozenset(json.loads((folder.parent / "packages.json").read_text())))


def installed(folder: Path, requirement: str) -> frozenset[str]:
    """Install something in the versions of the lock; returns the names of all packages that are there then."""
    uv = shutil.which("uv") or shutil.which(ROOT / ".venv/tool/bin/uv")
    if uv is None:
        pytest.skip("there is no uv to make an environment with; `make setup` fetches it")
    python = str(folder / "bin" / "python")
    if not folder.exists():
        told(uv, "venv", "--python", sys.executable, str(folder))
    told(uv, "pip", "install", "--python", python, "--constraint", "requirements.lock", requirement)
    listed = json.loads(told(uv, "pip", "list", "--python", python, "--format", "json"))
    return frozenset(each["name"] for each in listed)


def told(*command: str) -> str:
    """Run uv and return what it says; a test that needs packages is skipped where there is no way to any."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode and any(each in done.stderr.lower() for each in UNREACHABLE):
        pytest.skip(f"no package index can be reached and the cache has not everything: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of this session that the first worker to come makes, and all others wait for."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not (shared / f"{name}.made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            (shared / f"{name}.made").touch()
    return folder
