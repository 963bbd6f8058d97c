"""Finds agents, servers and capabilities; the only module that imports by name.

Listing is light: agents are read from their registrations, stubs by `ast`, without importing either.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from matrix.errors import ConfigurationError
from matrix.json_access import mapping
from matrix.model import CONTROL, REVISIONS, Agent, Server, ServerKind, Transport
from matrix.registry.registration import broken, from_import_string, from_mapping, from_toml, with_valid_name

ENTRY_POINT_GROUP = "matrix.agents"
STUBS_PACKAGE = "mcp_stubs"


class Broken(Exception):
    """A registration that cannot be loaded: `cause` and `mend`."""

    def __init__(self, cause: str, mend: str) -> None:
        super().__init__(f"{cause}; {mend}")
        self.cause = cause
        self.mend = mend


def find_agents(root: Path, extra: Sequence[str] = ()) -> tuple[Agent, ...]:
    """Return every registered agent, sorted by name, the control first.

    `root` is a project: its `agents/` folder and the `[tool.matrix.agents]` of its pyproject.toml are read, besides
    the entry points of the installed packages. `extra` are import strings and paths of TOML files. Where two
    registrations have one name, the nearer wins: extra, pyproject, folder, entry point.
    Raises ConfigurationError when pyproject.toml is no TOML.
    """
    found: dict[str, Agent] = {}
    for agent in (*_entry_points(), *_folder(root / "agents"), *_pyproject(root), *map(_named, extra)):
        row = with_valid_name(agent)
        found[row.name] = row
    found[CONTROL] = Agent(
        CONTROL, "built in", "The official MCP SDK's client with no agent around it.", "matrix.adapters.control:control"
    )
    return tuple(sorted(found.values(), key=lambda agent: (not agent.is_control, agent.name)))


def is_registration(text: str) -> bool:
    """Whether what `--agent` was given is a registration of its own rather than a name."""
    return text.endswith(".toml") or (":" in text and not text.startswith(":"))


def registration_name(text: str) -> str:
    """Return the row's name for an import string or a TOML path that was given on the command line."""
    if text.endswith(".toml"):
        path = Path(text)
        return path.parent.resolve().name if path.stem == "agent" else path.stem
    module, _, attribute = text.partition(":")
    last = module.rpartition(".")[2]
    return last if attribute in {"create_agent", "agent"} else f"{last}.{attribute}"


def find_stubs() -> tuple[Server, ...]:
    """Return the stubs, sorted by name."""
    return tuple(_read_stub(path) for path in _stub_files())


def real_servers_file() -> Path | None:
    """Return the file that pins the real servers."""
    return next((path for path in (_stubs_folder() / "real.toml",) if path.is_file()), None)


def load(import_string: str, folder: Path | None = None) -> Any:
    """Import `package.module:attribute`. Raises Broken, with cause and mend, for whatever is wrong with it."""
    module_name, _, path = import_string.partition(":")
    if folder is not None and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as problem:
        mend = "install it"
        if problem.name is not None and f"{module_name}.".startswith(f"{problem.name}."):
            mend = _shadowed(module_name, folder) or "correct the import string"
        msg = f"{module_name} cannot be imported: no module named {problem.name!r}"
        raise Broken(msg, mend) from problem
    except Exception as problem:
        msg = f"{module_name} cannot be imported: {type(problem).__name__}: {problem}"
        raise Broken(msg, "import it in a shell of its own to see the traceback") from problem
    for attribute in path.split("."):
        if not hasattr(found, attribute):
            members = cast("Mapping[str, object]", vars(found))
            public = [name for name, each in members.items() if not name.startswith("_") and callable(each)]
            msg = f"{module_name} has no {attribute!r}"
            raise Broken(msg, f"name one that it has, such as {', '.join(sorted(public)[:3]) or 'a factory'}")
        found = getattr(found, attribute)
    return found


def _shadowed(module_name: str, folder: Path | None) -> str | None:
    """Tell how to mend a module that is there, but in a folder whose name an installed package has too."""
    path = folder and folder.joinpath(*module_name.split("."))
    if not path or not (path.is_dir() or path.with_suffix(".py").is_file()):
        return None
    top = module_name.partition(".")[0]
    return f"another package is called {top!r}: add an __init__.py to the folder {top}"


def _entry_points() -> Iterable[Agent]:
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda each: each.name):
        package = point.dist.name if point.dist is not None else "an installed package"
        yield from_import_string(point.value, point.name, f"entry point {point.name!r} of {package}")


def _folder(folder: Path) -> Iterable[Agent]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.suffix == ".toml":
            yield from_toml(path, path.stem, folder.parent)
        elif (path / "agent.toml").is_file():
            yield from_toml(path / "agent.toml", path.name, folder.parent)
        elif (path / "agent.py").is_file():
            target = f"{folder.name}.{path.name}.agent:create_agent"
            yield from_mapping({"factory": target}, path.name, str(path / "agent.py"), folder.parent)


def _pyproject(root: Path) -> Iterable[Agent]:
    path = root / "pyproject.toml"
    if not path.is_file():
        return
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigurationError(path, None, f"is no valid TOML: {problem}") from problem
    rows = mapping(mapping(document.get("tool")).get("matrix")).get("agents", {})
    if not isinstance(rows, dict):
        raise ConfigurationError(path, "tool.matrix.agents", "should be a table of name = 'package.module:attribute'")
    for name, row in sorted(mapping(cast("object", rows)).items()):
        origin = f"{path} [tool.matrix.agents] {name}"
        if isinstance(row, str):
            yield from_mapping({"factory": row}, name, origin, root)
        elif isinstance(row, dict):
            yield from_mapping(mapping(cast("object", row)), name, origin, root)
        else:
            yield broken(name, origin, "is neither a text nor a table", "write name = 'package.module:attribute'")


def _named(text: str) -> Agent:
    name = registration_name(text)
    if text.endswith(".toml"):
        path = Path(text).resolve()
        return replace(from_toml(path, name, path.parent), origin=f"--agent {text}")
    return from_mapping({"factory": text}, name, f"--agent {text}", Path.cwd())


def _stubs_folder() -> Path:
    spec = importlib.util.find_spec(STUBS_PACKAGE)
    locations = list(spec.submodule_search_locations or []) if spec is not None else []
    if not locations:
        raise ConfigurationError(STUBS_PACKAGE, None, "the stub servers are not installed; run from the repository")
    return Path(locations[0])


def _stub_files() -> list[Path]:
    return sorted(path for path in _stubs_folder().glob("*.py") if not path.name.startswith("_"))


def _read_stub(path: Path) -> Server:
    """Read a stub's docstring and its literal constants, without importing it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = _literal(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            constants[node.target.id] = _literal(node.value)
    summary = (ast.get_docstring(tree) or "").partition("\n")[0]
    transports = tuple(Transport(each) for each in constants.get("TRANSPORTS") or Transport)
    return Server(path.stem, summary, ServerKind.STUB, transports, tuple(constants.get("REVISIONS") or REVISIONS))


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
