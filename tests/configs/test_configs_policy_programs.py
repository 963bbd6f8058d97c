"""Which program a command leads to: the policy judges files on a disk, through every symlink."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.configs.configs_policy_helpers import broken_rules, policy_of, running


class Machine:
    """Real folders with real programs, and a policy that allows `tool` in the folder `bin`."""

    def __init__(self, folder: Path, **command: str) -> None:
        self.folder = folder
        self.bin = self.program("bin", "tool").parent
        options = "".join(f"{key} = {value}\n" for key, value in command.items())
        text = f'[command]\ndirectories = ["{self.bin}"]\npath = ["{self.bin}"]\n{options}'
        self.policy = policy_of(folder, f'{text}[command.allowed]\ntool = ["tool"]\n')

    def program(self, folder: str, name: str) -> Path:
        """Make an executable file."""
        (self.folder / folder).mkdir(parents=True, exist_ok=True)
        file = self.folder / folder / name
        file.write_text("#!/bin/sh\n", encoding="utf-8")
        file.chmod(0o755)
        return file

    def broken(self, program: object) -> set[str]:
        """Return the rules that this program breaks."""
        return broken_rules(running(str(program)), self.policy)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_program_in_an_allowed_folder_passes_by_name_and_by_path(machine: Machine) -> None:
    assert machine.broken("tool") == machine.broken(machine.bin / "tool") == set()


def test_a_sibling_folder_whose_name_begins_with_an_allowed_one_is_outside(machine: Machine) -> None:
    for sibling in ("bin-evil", "binary", "bin.old", "bin "):
        file = machine.program(sibling, "tool")
        assert machine.broken(file) & {"command-outside", "command-form"}


def test_a_symlink_out_of_an_allowed_folder_is_outside(machine: Machine) -> None:
    evil = machine.program("evil", "tool")
    (machine.bin / "tool").unlink()
    (machine.bin / "tool").symlink_to(evil)
    assert machine.broken("tool") == machine.broken(machine.bin / "tool") == {"command-outside"}


def test_a_chain_of_symlinks_and_a_folder_that_is_one_are_followed(machine: Machine) -> None:
    evil = machine.program("evil", "tool")
    (machine.folder / "middle").symlink_to(evil.parent, target_is_directory=True)
    (machine.bin / "tool").unlink()
    (machine.bin / "tool").symlink_to(machine.folder / "middle" / "tool")
    assert machine.broken("tool") == {"command-outside"}
    (machine.folder / "alias").symlink_to(machine.bin, target_is_directory=True)
    machine.program("bin", "other")
    assert machine.broken(machine.folder / "alias" / "tool") == {"command-outside"}


def test_a_symlink_into_an_allowed_folder_passes(machine: Machine) -> None:
    (machine.folder / "links").mkdir()
    (machine.folder / "links" / "tool").symlink_to(machine.bin / "tool")
    assert machine.broken(machine.folder / "links" / "tool") == set()


def test_an_allowed_name_that_leads_to_another_program_is_disguised(machine: Machine) -> None:
    shell = machine.program("bin", "shell")
    (machine.bin / "tool").unlink()
    (machine.bin / "tool").symlink_to(shell)
    assert machine.broken("tool") == {"command-disguised"}


def test_a_symlink_that_leads_nowhere_outside_or_to_itself_is_judged_by_where_it_points(machine: Machine) -> None:
    (machine.bin / "tool").unlink()
    (machine.bin / "tool").symlink_to(machine.folder / "evil" / "tool")
    assert machine.broken(machine.bin / "tool") == {"command-outside"}


def test_a_path_that_climbs_out_and_back_is_refused(machine: Machine) -> None:
    machine.program("evil", "tool")
    assert machine.broken(f"{machine.bin}/../evil/tool") == {"command-traversal"}
    assert machine.broken(f"{machine.bin}/../bin/tool") == {"command-traversal"}


def test_case_and_trailing_spaces_count(machine: Machine) -> None:
    assert machine.broken("TOOL") == {"command-not-allowed"}
    assert machine.broken(machine.bin / "Tool") == {"command-not-allowed"}
    assert machine.broken("tool ") == {"command-form"}


def test_a_program_that_is_not_there_is_judged_by_its_name_and_folder(machine: Machine) -> None:
    (machine.bin / "tool").unlink()
    assert machine.broken("tool") == machine.broken(machine.bin / "tool") == set()
    assert machine.broken(machine.folder / "evil" / "tool") == {"command-outside"}


def test_a_program_that_is_not_there_is_refused_where_the_policy_says_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path, unresolved='"refuse"')
    assert machine.broken("tool") == set()
    (machine.bin / "tool").unlink()
    assert machine.broken("tool") == machine.broken(machine.bin / "tool") == {"command-unresolved"}
