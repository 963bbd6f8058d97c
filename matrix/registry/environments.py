"""Environments of their own for the programs that a run starts: installed on first use, then kept in a cache.

Real servers and agents of other frameworks cannot share our environment, nor one another's: they pin what
the others forbid. Each `EnvironmentSpec` therefore owns a folder in the cache, named after its pins, with a
virtual environment for PyPI packages, a `node_modules` for npm packages, and one `bin` for the executables
of both.

The scripts in there carry absolute paths, so a folder is built where it stays. It counts only once its
marker, the last file written, is there; a lock lets one process build while the others wait, and whatever
an interrupted build left behind is removed and built anew.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from filelock import FileLock, Timeout

from matrix.environment_spec import EnvironmentSpec
from matrix.errors import MatrixError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

_INSTALL_SECONDS = 900
_MARKER = ".complete"


class EnvironmentUnavailable(MatrixError):
    """This machine cannot have the environment; the reason is one sentence."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def ensure(spec: EnvironmentSpec, progress: Callable[[str], None]) -> Path:
    """Install the environment unless it is there already, and return its folder.

    It blocks: for milliseconds once installed, else for as long as the installers take, and while another
    process builds the same one. `progress` is told in one line what is being waited for.
    """
    if installed(spec):
        return _folder(spec)
    if reason := available(spec):
        raise EnvironmentUnavailable(reason)
    with _locked(spec, progress):
        folder = _folder(spec)
        if not installed(spec):
            shutil.rmtree(folder, ignore_errors=True)
            progress(f"installing {' '.join(spec.packages)} (kept for the next run)")
            _build(spec, folder)
    return folder


def available(spec: EnvironmentSpec) -> str | None:
    """Why the environment cannot be had on this machine, as far as that is known without installing."""
    if installed(spec):
        return None
    if spec.npm and not spec.pypi:
        missing = [program for program in ("node", "npm") if shutil.which(program) is None]
        if missing:
            return f"{spec.name} needs Node.js, and {' and '.join(missing)} cannot be found on PATH."
    if spec.pypi and spec.python and not _uv() and shutil.which(f"python{spec.python}") is None:
        return f"{spec.name} needs Python {spec.python}, and neither it nor uv can be found on PATH."
    return None


def installed(spec: EnvironmentSpec) -> bool:
    """Tell whether the environment is there, whole, and its interpreter still exists."""
    whole = (_folder(spec) / _MARKER).is_file()
    return whole and (not spec.pypi or _python(spec).exists())


def bin_path(spec: EnvironmentSpec) -> Path:
    """Name the folder that holds the environment's executables, installed or not."""
    return _folder(spec) / "bin"


def _cache() -> Path:
    """Name the folder of all environments."""
    chosen = os.environ.get("AGENT_MATRIX_CACHE")
    return (Path(chosen) if chosen else platformdirs.user_cache_path("agent-matrix")).absolute() / "environments"


def _folder(spec: EnvironmentSpec) -> Path:
    """Name the folder of one environment: other pins, or another Python, are another folder."""
    python = spec.python or f"{sys.version_info.major}.{sys.version_info.minor}"
    pins = json.dumps([spec.pypi, spec.npm, python if spec.pypi else None])
    return _cache() / f"{spec.name}-{hashlib.sha256(pins.encode()).hexdigest()[:12]}"


def _python(spec: EnvironmentSpec) -> Path:
    return bin_path(spec) / "python"


@contextmanager
def _locked(spec: EnvironmentSpec, progress: Callable[[str], None]) -> Generator[None]:
    """Hold the environment's lock; the system releases it even where its holder is killed."""
    path = _folder(spec).with_suffix(".lock")
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress(f"waiting for another process that installs {spec.name}")
            lock.acquire()
    except OSError as error:
        raise EnvironmentUnavailable(
            f"{spec.name} cannot be installed, because its cache cannot be written to "
            f"({error.strerror}); AGENT_MATRIX_CACHE names another folder."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _build(spec: EnvironmentSpec, folder: Path) -> None:
    """Install everything into an empty folder and mark it as whole; leave nothing behind on failure."""
    try:
        folder.mkdir(parents=True)
        if spec.pypi:
            _install_pypi(spec, folder)
        if spec.npm:
            _install_npm(spec, folder)
        (folder / _MARKER).write_text(json.dumps(asdict(spec), indent=2) + "\n")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise EnvironmentUnavailable(f"{spec.name} cannot be installed: {error.strerror or error}.") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _install_pypi(spec: EnvironmentSpec, folder: Path) -> None:
    """Make a virtual environment and install into it: with uv where there is one, else with venv and pip."""
    # The system's certificates, as an environment variable: older versions of uv do not know the option.
    env = _environ() | {"UV_SYSTEM_CERTS": "1"}
    uv = _uv()
    if uv:
        python = spec.python or sys.executable
        commands = [
            [*uv, "venv", "--quiet", "--allow-existing", "--python", python, str(folder)],
            [
                *uv,
                "pip",
                "install",
                "--quiet",
                "--compile-bytecode",
                "--python",
                str(_python(spec)),
                *spec.pypi,
            ],
        ]
    else:
        python = shutil.which(f"python{spec.python}") if spec.python else sys.executable
        commands = [
            [str(python), "-m", "venv", str(folder)],
            [
                str(_python(spec)),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                *spec.pypi,
            ],
        ]
    for command in commands:
        _run(spec, folder, command, env)


def _install_npm(spec: EnvironmentSpec, folder: Path) -> None:
    """Install npm packages, running none of their scripts, and put their executables into `bin`."""
    executables = bin_path(spec)
    env = _environ()
    env["PATH"] = os.pathsep.join([str(executables), env.get("PATH", os.defpath)])
    npm = shutil.which("npm", path=env["PATH"])
    if npm is None:
        raise EnvironmentUnavailable(f"{spec.name} needs Node.js, and npm cannot be found on PATH.")
    (folder / "package.json").write_text('{"private": true}\n')
    # A package that needs another Node.js is refused here, by name, rather than failing in mid-run.
    quiet = ["--no-fund", "--no-audit", "--no-update-notifier", "--no-progress", "--loglevel=error"]
    _run(spec, folder, [npm, "install", *quiet, "--ignore-scripts", "--engine-strict", *spec.npm], env)
    executables.mkdir(exist_ok=True)
    for script in sorted((folder / "node_modules" / ".bin").iterdir()):
        link = executables / script.name
        if not link.exists():
            link.symlink_to(Path("..", "node_modules", ".bin", script.name))


def _run(spec: EnvironmentSpec, folder: Path, command: Sequence[str], env: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - the pins come from a file of the repository or of its user
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        minutes = _INSTALL_SECONDS // 60
        raise EnvironmentUnavailable(f"{spec.name} was not installed within {minutes} minutes.") from None
    if done.returncode:
        complaint = _complaint(done.stderr or done.stdout).replace(str(folder), spec.name)
        raise EnvironmentUnavailable(f"{spec.name} cannot be installed: {complaint}")


def _uv() -> list[str] | None:
    """Find uv: on PATH, beside this interpreter, or as a module of it."""
    beside = Path(sys.executable).with_name("uv")
    if found := shutil.which("uv") or (str(beside) if beside.is_file() else None):
        return [found]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else None


def _environ() -> dict[str, str]:
    """Copy this process's environment, without what would bend another interpreter towards ours."""
    ours = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"}
    return {name: value for name, value in os.environ.items() if name not in ours}


_NPM_CAUSES = (
    re.compile(r"(No matching version found for \S+?)\.?$", re.MULTILINE),
    re.compile(r"requested resource ('[^']+' could not be found)"),
)


_NODE_REFUSED = re.compile(r"Not compatible with your version of node/npm: (\S+)")
_NODE_NEEDED = re.compile(r'Required: {1,8}\{[^{}]*?"node": ?"([^"]+)"')
_NODE_HERE = re.compile(r'Actual: {1,8}\{[^{}]*?"node": ?"([^"]+)"')
_PREFIX = re.compile(r"^\W*(?:(?:npm )?(?:error|err!)|cause)\b:?\s*", re.IGNORECASE)
_ADDRESS = re.compile(r"\(?[`'\"]?\b\w++://[^\s`'\")]+[`'\"]?\)?")
_ASIDE = re.compile(r"a complete log|code |hint|warning|\[notice", re.IGNORECASE)


def _complaint(output: str) -> str:
    """Reduce an installer's output to the one sentence that names the cause, without any address in it."""
    if found := _NODE_REFUSED.search(output):
        return _other_node(found[1], output[found.end() :])
    for pattern in _NPM_CAUSES:
        if found := pattern.search(output):
            return f"{found[1]}."
    return _last_meaningful(output)


def _other_node(package: str, said: str) -> str:
    """Return what npm says of a package that needs another Node.js than there is here."""
    needed, actual = _NODE_NEEDED.search(said), _NODE_HERE.search(said)
    has = f", and this machine has {actual[1]}" if actual else ""
    return f"{package} needs {f'Node.js {needed[1]}' if needed else 'another Node.js'}{has}."


def _last_meaningful(output: str) -> str:
    """Choose the last thing said: uv ends its chain of causes with the root, pip with the error."""
    # Older versions of uv draw that chain as a tree, and wrap its lines.
    tree = output.rpartition("╰─▶")[2].partition("\n\n")[0] if "╰─▶" in output else None
    lines = [tree] if tree else output.splitlines()
    plain = [" ".join(_ADDRESS.sub("", _PREFIX.sub("", line.strip())).split()) for line in lines]
    told = [line for line in plain if " " in line and not _ASIDE.match(line)]
    return (told[-1] if told else "the installer failed without saying why").rstrip(". :") + "."
