"""What is installed together, in an environment of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

_EXACT_PYPI = re.compile(r"[\w.-]++\s*+(?:\[[^\]]*+\]\s*+)?={2,3}\s*+[\w.!+-]++\s*+(?:;.*)?")
_EXACT_NPM = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_ARCHIVE = re.compile(r"\S+\.(whl|tgz|tar\.gz|zip)(#\S*)?", re.IGNORECASE)
_COMMIT = re.compile(r"\S*[@#][0-9a-f]{40}(#\S*)?")


@dataclass(frozen=True)
class EnvironmentSpec:
    """What is installed together: pins of PyPI (`name==1.0`) and of npm (`name@1.0.0`).

    `python` is the version that the virtual environment needs (`3.12`), or None for that of this process.
    Where both kinds are given, the npm packages run with the Node.js that the PyPI packages may bring along.
    Raises ValueError for a name that is none of a folder, and where no package is named.
    """

    name: str
    pypi: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    python: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ValueError(f"{self.name!r} cannot be the name of a folder")
        if not self.packages:
            raise ValueError(f"the environment {self.name!r} names no package")

    @property
    def packages(self) -> tuple[str, ...]:
        """All that is installed: of PyPI, then of npm."""
        return (*self.pypi, *self.npm)

    @property
    def unpinned(self) -> tuple[str, ...]:
        """The packages of which two machines may install two versions."""
        return tuple(
            [each for each in self.pypi if not _is_exact_pypi(each)]
            + [each for each in self.npm if not _is_exact_npm(each)]
        )


def _is_exact_pypi(requirement: str) -> bool:
    """Whether it is `name==1.0`, or names an archive or a commit: those do not change."""
    _, at, address = requirement.partition("@")
    place = address.strip() if at else requirement.strip()
    return bool(_EXACT_PYPI.fullmatch(requirement.strip()) or _ARCHIVE.fullmatch(place) or _COMMIT.fullmatch(place))


def _is_exact_npm(package: str) -> bool:
    """Whether it is `name@1.0.0`, or names an archive or a commit."""
    name, _, version = package.strip().rpartition("@")
    exact = bool(name) and _EXACT_NPM.fullmatch(version) is not None
    return exact or bool(_ARCHIVE.fullmatch(package.strip()) or _COMMIT.fullmatch(package.strip()))
