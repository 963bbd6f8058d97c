"""What has to be the same on every machine of a run: versions, pins, the plan, and the agents' own files."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

from matrix.engine.header import header_of, version_of
from matrix.engine.options import Options
from matrix.engine.places import processors
from matrix.model import Agent
from matrix.origin import Registration, RegistrationKind
from matrix.plan import fingerprint
from matrix.planned import Plan

_SOURCES = frozenset({".cjs", ".js", ".json", ".md", ".mjs", ".py", ".toml", ".ts", ".txt", ".yaml", ".yml"})
_MOST_FILES = 1000
_NOT_ITS_OWN = frozenset({"__pycache__", "build", "dist", "node_modules", "out", "site-packages", "venv"})


@dataclass(frozen=True)
class Facts:
    """What a machine is, and plans; `agents` are digests of rows and their files, `plan` is one of the cells.

    `host`, `folder` and `processors` differ from machine to machine.
    """

    matrix: str
    python: str
    packages: Mapping[str, str]
    pins: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    agents: Mapping[str, str] = field(default_factory=dict[str, str])
    plan: str = ""
    host: str = ""
    folder: str = ""
    processors: int = 1


@dataclass(frozen=True)
class Difference:
    """What a machine has that another one has not, as a predicate of it, and how to mend that."""

    what: str
    mend: str


def facts_of(plan: Plan) -> Facts:
    """Return what holds for this machine, and a plan that it has made in its own current folder."""
    header = header_of(plan, Options())
    return Facts(
        header.matrix,
        header.python,
        {**header.packages, "distributed": version_of("distributed")},
        header.pins,
        {each.name: _digest(each) for each in plan.agents},
        fingerprint([each.cell for each in plan.cells], {}),
        platform.node(),
        str(Path.cwd()),
        processors(),
    )


def difference(ours: Facts, theirs: Facts) -> Difference | None:
    """Return the first thing in which a machine is not as ours, the one that explains most."""
    ours_, theirs_ = _versions(ours), _versions(theirs)
    for name in ours_:
        if ours_[name] != theirs_[name]:
            what = f"has {name} {theirs_[name]}, and this machine {ours_[name]}"
            return Difference(what, "install the same version on both (pip install from one lock)")
    checkout = f"check out the same project in {theirs.folder}, where it was started, as here"
    mine, yours = set(ours.agents), set(theirs.agents)
    if mine != yours:
        lacks = [f"lacks the agent {name!r}" for name in sorted(mine - yours)]
        has = [f"has the agent {name!r}, which is not here" for name in sorted(yours - mine)]
        return Difference(" and ".join([*lacks, *has][:3]), checkout)
    for name in sorted(mine):
        if ours.pins.get(name) != theirs.pins.get(name):
            pinned = ", ".join(theirs.pins.get(name, ())) or "nothing"
            return Difference(f"pins {pinned} for the agent {name!r}, which is not what is pinned here", checkout)
        if ours.agents[name] != theirs.agents[name]:
            return Difference(f"has another registration, or other files, of the agent {name!r}", checkout)
    if ours.plan != theirs.plan:
        return Difference("plans other cells: its servers or capabilities are not those of this machine", checkout)
    return None


def _versions(facts: Facts) -> dict[str, str]:
    return {"agent-matrix": facts.matrix, "Python": facts.python, **facts.packages}


def _digest(agent: Agent) -> str:
    """Return a digest of a row and its files, the same wherever the project is; what a machine lacks is not in it."""
    same = {sys.executable: "python", agent.registration.root or str(Path.cwd()): "."}
    here = replace(agent, registration=Registration(RegistrationKind.BUILT_IN), problem=None)
    row = json.dumps(asdict(here), default=sorted, sort_keys=True, ensure_ascii=False)
    for path, word in same.items():
        row = row.replace(path, word)
    hashed = hashlib.sha256(row.encode())
    for path in islice(_files(agent), _MOST_FILES):
        hashed.update(str(path.relative_to(agent.folder or "")).encode())
        with suppress(OSError):
            hashed.update(path.read_bytes())
    return hashed.hexdigest()[:16]


def _files(agent: Agent) -> Iterator[Path]:
    """Yield the source files that a row surely is made of, in order: those beside its module, or beside its TOML file.

    What an installed package has is a matter of its version.
    """
    if agent.folder is None:
        return
    folder = Path(agent.folder)
    module, *_ = (agent.target or "").partition(":")
    *packages, last = module.split(".")
    if packages and folder.joinpath(*packages).is_dir():
        folder = folder.joinpath(*packages)
    elif (folder / f"{last}.py").is_file():
        yield folder / f"{last}.py"
        return
    elif last and (folder / last).is_dir():
        folder /= last
    elif str(folder) == agent.registration.root:
        return
    yield from _below(folder)


def _below(folder: Path) -> Iterator[Path]:
    for path in _entries(folder):
        if path.name.startswith(".") or path.name in _NOT_ITS_OWN:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)
        elif path.suffix in _SOURCES and path.is_file():
            yield path


def _entries(folder: Path) -> Sequence[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return ()
