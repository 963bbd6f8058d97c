"""Where an agent was registered, and what brings the same row back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RegistrationKind(StrEnum):
    """The ways to register an agent; a closed set."""

    FOLDER = "folder"
    PYPROJECT = "pyproject"
    ENTRY_POINT = "entry-point"
    IMPORT_STRING = "import-string"
    TOML_FILE = "toml-file"
    BUILT_IN = "built-in"


@dataclass(frozen=True)
class Registration:
    """Where an agent was registered.

    `source` is the file (folder, pyproject and TOML file: absolute where it was found by discovery), the package of an
    entry point, or the import string; `entry` the name under which a pyproject or a package has it. `root` is the
    folder in which discovery was made: there, and for a TOML file or an entry point anywhere, `arguments` bring the
    same row back. `python` is the interpreter that is to import an import string, where it is not ours.
    """

    kind: RegistrationKind
    source: str = ""
    entry: str = ""
    root: str | None = None
    python: str | None = None

    def __str__(self) -> str:
        """Say where it was registered, for messages."""
        match self.kind:
            case RegistrationKind.BUILT_IN:
                return "built in"
            case RegistrationKind.PYPROJECT:
                return f"{self.source} [tool.matrix.agents] {self.entry}"
            case RegistrationKind.ENTRY_POINT:
                return f"entry point {self.entry!r} of {self.source}"
            case RegistrationKind.IMPORT_STRING:
                return f"--agent {self.source}"
            case RegistrationKind.FOLDER | RegistrationKind.TOML_FILE:
                return self.source

    @property
    def given(self) -> str | None:
        """What `--agent` has to be given again; None where the agent is found by its name."""
        return self.source if self.kind in {RegistrationKind.IMPORT_STRING, RegistrationKind.TOML_FILE} else None

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words of a command line that bring the row back; none where it is found by its name."""
        python = () if self.python is None else ("--python", self.python)
        return () if self.given is None else ("--agent", self.given, *python)
