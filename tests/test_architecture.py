"""The rules of the house that no linter knows; sources are read with `ast`, so nothing is imported for it."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_cover  # it reads the tool, and runs nothing of it: measuring that would double its time
ROOT = Path(__file__).parent.parent
SOURCES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("matrix", "agents", "mcp_stubs")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
LINES = 300


def named(path: Path) -> str:
    """Return a file's name for messages."""
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and full name of everything that a file imports, also inside of functions."""
    package = [*path.relative_to(ROOT).parent.parts]
    for node in ast.walk(SOURCES[path]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def within(name: str, part: str) -> bool:
    """Tell whether a dotted name is a part, or below it."""
    return name == part or name.startswith(f"{part}.")


def texts(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the string literals that are no docstrings."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def files(*folders: str) -> list[Path]:
    """Return the source files of these folders."""
    return [path for path in SOURCES if path.relative_to(ROOT).parts[0] in folders]


MATRIX = files("matrix")


def within_package(path: Path) -> str:
    """Return the first part of a file's place below matrix/."""
    return path.relative_to(ROOT / "matrix").parts[0].removesuffix(".py")


def test_every_contract_of_the_floors_is_kept() -> None:
    """The contracts are in `.importlinter`; a module that is missing, or that none of them names, breaks them too."""
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONUTF8": "1"},
    )
    assert linted.returncode == 0, linted.stdout[linted.stdout.find("Contracts\n") :]


AGENTS = {path.name for path in (ROOT / "agents").iterdir() if any(path.glob("agent.*"))}
STUBS = {path.stem for path in (ROOT / "mcp_stubs").glob("*.py") if not path.name.startswith("_")}
WORDS_OF_THE_WIRE = {"arguments", "content", "instructions"}
"""Stubs that are called as a key of the provider's or of MCP's messages."""
TOOLS = {"echo"}
"""Stubs that are called as their tool, which scripts name."""
ORDINARY_WORDS = {"simple", "control"}
"""Agents whose names also occur in sentences."""


def test_there_are_agents_and_stubs_to_look_for() -> None:
    assert {"simple", "stan"} <= AGENTS
    assert {"echo", "rendezvous"} <= STUBS


def test_the_tool_names_no_bundled_agent() -> None:
    distinctive = re.compile(rf"(?<![\w/-])({'|'.join(map(re.escape, sorted(AGENTS - ORDINARY_WORDS)))})(?![\w-])")
    assert [
        f"{named(path)}:{text.lineno} says {text.value!r}"
        for path in MATRIX
        for text in texts(SOURCES[path])
        if text.value in AGENTS or distinctive.search(str(text.value))
    ] == []


def declared_servers(tree: ast.AST) -> set[int]:
    """Return the literals that stand in `servers=[...]` of a capability's declaration."""
    return {
        id(literal)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "capability"
        for keyword in node.keywords
        if keyword.arg == "servers"
        for literal in ast.walk(keyword.value)
    }


def test_only_the_declarations_of_capabilities_name_a_stub() -> None:
    named_elsewhere: list[str] = []
    for path in (each for each in MATRIX if within_package(each) != "configs"):  # which knows neither stubs nor cells
        in_catalogue = within_package(path) == "capabilities"
        declared = declared_servers(SOURCES[path]) if in_catalogue else set()
        allowed = WORDS_OF_THE_WIRE | (TOOLS if in_catalogue else set())
        named_elsewhere += [
            f"{named(path)}:{text.lineno} says {text.value!r}"
            for text in texts(SOURCES[path])
            if id(text) not in declared and str(text.value).removesuffix(".py") in STUBS - allowed
        ]
    assert named_elsewhere == []


def test_every_stub_that_a_capability_declares_exists() -> None:
    declared = {
        node.value
        for path in MATRIX
        if within_package(path) == "capabilities"
        for node in texts(SOURCES[path])
        if id(node) in declared_servers(SOURCES[path])
    }
    assert declared <= STUBS


REGISTRY = "registry"
"""The package that knows where agents and stubs are, and imports them by name."""


def test_only_discovery_knows_the_folders_of_agents_and_stubs() -> None:
    assert [
        f"{named(path)}:{text.lineno} says {text.value!r}"
        for path in MATRIX
        if within_package(path) != REGISTRY
        for text in texts(SOURCES[path])
        if re.search(r"\bmcp_stubs\b|^agents[./]", str(text.value))
    ] == []
    joined = [
        f"{named(path)}:{node.lineno}"
        for path in MATRIX
        if within_package(path) != REGISTRY
        for node in ast.walk(SOURCES[path])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        if isinstance(node.right, ast.Constant) and node.right.value == "agents"
    ]
    assert joined == []


IMPORTERS = {"import_module", "reload", "__import__", "spec_from_file_location", "run_module", "run_path", "exec"}


def test_only_what_discovers_the_harness_and_the_preload_import_by_name() -> None:
    def called(node: ast.Call) -> str:
        return getattr(node.func, "attr", getattr(node.func, "id", ""))

    importing = {
        named(path)
        for path in MATRIX
        for node in ast.walk(SOURCES[path])
        if isinstance(node, ast.Call) and called(node) in IMPORTERS
    }
    assert importing == {
        "matrix/adapters/harness/serve.py",
        "matrix/adapters/harness/start.py",
        "matrix/capabilities/registry.py",
        "matrix/engine/preload.py",
        "matrix/lab/servers/prefork.py",
        "matrix/registry/importing.py",
        "matrix/registry/loading.py",
    }


def test_importlib_is_otherwise_only_asked_for_versions_and_whether_a_module_is_there() -> None:
    others = {
        (named(path), name)
        for path in MATRIX
        for _, name in imports(path)
        if within(name, "importlib") and path.name not in {"discovery.py", "preload.py"}
    }
    assert others == {
        ("matrix/adapters/harness/serve.py", "importlib.metadata"),
        ("matrix/adapters/harness/start.py", "importlib"),
        ("matrix/capabilities/registry.py", "importlib"),
        ("matrix/engine/header.py", "importlib.metadata.PackageNotFoundError"),
        ("matrix/engine/header.py", "importlib.metadata.version"),
        ("matrix/registry/environments.py", "importlib.util"),
        ("matrix/registry/importing.py", "importlib.util"),
        ("matrix/registry/loading.py", "importlib"),
        ("matrix/registry/name_clash.py", "importlib.metadata"),
    }


def test_the_tool_has_no_assert_and_no_print() -> None:
    """An agent's own AssertionError must not become a verdict; and only the command line has an audience."""
    assert [
        f"{named(path)}:{node.lineno}"
        for path in MATRIX
        for node in ast.walk(SOURCES[path])
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
    ] == []


def test_no_source_file_is_longer_than_300_lines() -> None:
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > LINES} == {}


PROSE = {
    "cause",
    "detail",
    "error",
    "expected",
    "how",
    "mend",
    "message",
    "note",
    "notes",
    "origin",
    "problem",
    "reason",
    "reproduce",
    "shown",
    "summary",
    "title",
    "why",
}
"""What we call sentences that we have written ourselves."""
IDS = {"capability", "cell", "column", "id", "server"}
"""Names with a grammar of their own, which `matrix/model.py` reads and nobody else."""
READING = {"endswith", "find", "index", "match", "partition", "rpartition", "search", "split", "startswith"}


def read_back(node: ast.AST) -> str | None:
    """Return the name of what a call takes apart as a text, if it does."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READING):
        return None
    read = node.func.value
    if isinstance(read, ast.Name) and read.id == "re" and len(node.args) > 1:
        read = node.args[1]
    return getattr(read, "attr", getattr(read, "id", None))


def test_nothing_is_decided_by_reading_back_what_we_wrote_ourselves() -> None:
    """What code needs to know is a field or an enum: `blamed_on`, `NoteKind`, `Registration`, `Cell.servers`."""
    assert [
        f"{named(path)}:{node.lineno} takes {name!r} apart"
        for path in MATRIX
        for node in ast.walk(SOURCES[path])
        if (name := read_back(node)) in PROSE | (set() if path.name == "model.py" else IDS)
    ] == []


TOP = ("LICENSE", "Makefile", "*.md", "*.toml", "*.lock")
FOLDERS = ("matrix", "agents", "mcp_stubs", "tests", "benchmarks", "results", ".github")
ONE_MACHINE = re.compile(rb"/(root|work)/")


def test_no_file_speaks_of_one_machine() -> None:
    found = [path for pattern in TOP for path in ROOT.glob(pattern)]
    found += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    sources = [path for path in found if "__pycache__" not in path.parts]
    assert [named(path) for path in sources if ONE_MACHINE.search(path.read_bytes())] == []
