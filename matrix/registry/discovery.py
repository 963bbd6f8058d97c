"""Finds agents, servers and capabilities.

Listing is light: agents are read from their registrations, stubs by `ast`, without importing either.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from matrix.errors import ConfigurationError
from matrix.json_access import mapping
from matrix.model import CONTROL, REVISIONS, Agent, Server, ServerKind, Transport
from matrix.origin import Registration, RegistrationKind
from matrix.registry.importing import stubs_folder
from matrix.registry.registration import broken, from_import_string, from_mapping, from_toml, with_valid_name
from matrix.toml_file import read_toml, unknown_key

ENTRY_POINT_GROUP = "matrix.agents"
PYPROJECT_KEYS = ("agents",)
"""What `[tool.matrix]` may have."""


def find_agents(root: Path, extra: Sequence[str] = (), python: str | None = None) -> tuple[Agent, ...]:
    """Return every registered agent, sorted by name, the control first.

    `root` is a project: its `agents/` folder and the `[tool.matrix.agents]` of its pyproject.toml are read, besides
    the entry points of the installed packages. `extra` are import strings and paths of TOML files; `python` is the
    interpreter that is to import what the former name, where it is not ours. Where two
    registrations have one name, the nearer wins: extra, pyproject, folder, entry point.
    Two with one name in the same place are a broken row.
    Raises ConfigurationError for a pyproject.toml or an agents/ folder that cannot be read.
    """
    root = root.absolute()
    found: dict[str, Agent] = {}
    given = (_named(each, str(root), python) for each in extra)
    for rows in (_entry_points(str(root)), _folder(root), _pyproject(root), given):
        found |= _one_each(rows)
    found[CONTROL] = Agent(
        CONTROL,
        Registration(RegistrationKind.BUILT_IN, root=str(root)),
        "The official MCP SDK's client with no agent around it.",
        "matrix.adapters.control:control",
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
    return next((path for path in (stubs_folder() / "real.toml",) if path.is_file()), None)


def _entry_points(root: str) -> Iterator[Agent]:
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda each: each.name):
        package = point.dist.name if point.dist is not None else "an installed package"
        registration = Registration(RegistrationKind.ENTRY_POINT, package, point.name, root)
        yield from_import_string(point.value, point.name, registration)


def _folder(root: Path) -> Iterator[Agent]:
    folder = root / "agents"
    for path in _entries(folder):
        toml = path if path.suffix == ".toml" else path / "agent.toml"
        if toml is path or _exists(toml):
            name = path.stem if toml is path else path.name
            yield from_toml(toml, name, Registration(RegistrationKind.FOLDER, str(toml), root=str(root)), root)
        elif _exists(path / "agent.py"):
            registration = Registration(RegistrationKind.FOLDER, str(path / "agent.py"), root=str(root))
            yield from_import_string(f"{folder.name}.{path.name}.agent:create_agent", path.name, registration, root)


def _entries(folder: Path) -> Sequence[Path]:
    """Return what is in a folder, sorted; nothing where there is no such folder. Raises ConfigurationError."""
    if not folder.is_dir() and not folder.is_symlink():
        return ()
    try:
        return sorted(folder.iterdir())
    except OSError as problem:
        raise ConfigurationError(folder, None, f"cannot be read: {problem.strerror or problem}") from problem


def _exists(path: Path) -> bool:
    """Whether something has that name, be it unreadable, a folder or a link to nowhere: reading it will tell."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _pyproject(root: Path) -> Iterator[Agent]:
    path = root / "pyproject.toml"
    if not _exists(path):
        return
    for name, row in sorted(_pyproject_rows(path).items()):
        registration = Registration(RegistrationKind.PYPROJECT, str(path), name, str(root))
        if isinstance(row, str):
            yield from_import_string(row, name, registration, root)
        elif isinstance(row, dict):
            yield from_mapping(mapping(row), name, registration, root)
        else:
            mend = "write name = 'package.module:attribute'"
            yield broken(name, registration, "is neither a text nor a table", mend)


def _pyproject_rows(path: Path) -> Mapping[str, object]:
    """Return `[tool.matrix.agents]`. Raises ConfigurationError."""
    tool: object = read_toml(path).get("tool", {})
    if not isinstance(tool, dict):
        raise ConfigurationError(path, "tool", "should be a table")
    settings: object = mapping(tool).get("matrix", {})
    if not isinstance(settings, dict):
        raise ConfigurationError(path, "tool.matrix", "should be a table")
    settings = mapping(settings)
    for key in settings:
        if key not in PYPROJECT_KEYS:
            raise ConfigurationError(path, f"tool.matrix.{key}", unknown_key(key, PYPROJECT_KEYS))
    rows: object = settings.get("agents", {})
    if not isinstance(rows, dict):
        raise ConfigurationError(path, "tool.matrix.agents", "should be a table of name = 'package.module:attribute'")
    return mapping(rows)


def _named(text: str, root: str, python: str | None) -> Agent:
    name = registration_name(text)
    if text.endswith(".toml"):
        path = Path(text).resolve()
        return from_toml(path, name, Registration(RegistrationKind.TOML_FILE, str(path), root=root), path.parent)
    registration = Registration(RegistrationKind.IMPORT_STRING, text, root=str(Path.cwd()), python=python)
    return from_import_string(text, name, registration, Path.cwd())


def _one_each(rows: Iterable[Agent]) -> dict[str, Agent]:
    """Return rows by name; of two registrations with one name neither counts, and the row says where they are."""
    found: dict[str, Agent] = {}
    for row in map(with_valid_name, rows):
        other = found.get(row.name, row).registration
        if other != row.registration:
            cause = f"the name {row.name!r} is registered twice: {other}, and {row.registration}"
            row = broken(row.name, row.registration, cause, "give one of them another name")  # noqa: PLW2901
        found[row.name] = row
    return found


def _stub_files() -> list[Path]:
    return sorted(path for path in stubs_folder().glob("*.py") if not path.name.startswith("_"))


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
