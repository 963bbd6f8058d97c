"""Agents kept apart from everything else: in a harness, or in one with a view of its own on users and processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from enum import StrEnum

from matrix.errors import NoNamespaces
from matrix.harness_spec import Harness, HarnessKind
from matrix.model import Agent

_NAMESPACES = ("unshare", "--user", "--map-current-user", "--pid", "--fork", "--kill-child", "--mount-proc")
_FIRST_PROCESS = ("sh", "-c", '"$0" "$@"; exit $?')
"""The first process of such a namespace is spared most signals, so it is not the agent's."""


class Isolation(StrEnum):
    """How far agents are kept apart."""

    PROCESS = "process"
    """Each in a process where nothing of ours is: a harness, also for those that are imported where we run."""
    USER = "user"
    """And that process, or a command's, in a user namespace, in which no other process can be seen or signalled."""


def isolated(agent: Agent, how: Isolation) -> Agent:
    """Return the agent with its process apart; the control has none."""
    if agent.is_control or agent.problem is not None:
        return agent
    if agent.command is None and agent.harness is None:
        agent = replace(agent, harness=Harness(HarnessKind.PYTHON, (sys.executable,)))
    if how is Isolation.PROCESS:
        return agent
    prefix = (*_NAMESPACES, *_FIRST_PROCESS)
    if agent.command is not None:
        return replace(agent, command=replace(agent.command, argv=(*prefix, *agent.command.argv)))
    if agent.harness is not None:
        return replace(agent, harness=replace(agent.harness, argv=(*prefix, *agent.harness.argv)))
    return agent


def check_that_it_can_be_had(how: Isolation) -> None:
    """Raise UsageError where this system does not let us have it."""
    if how is not Isolation.USER:
        return
    if shutil.which(_NAMESPACES[0]) is None:
        raise NoNamespaces("`unshare` of util-linux cannot be found on PATH")
    command = [*_NAMESPACES, "true"]
    tried = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    if tried.returncode:
        raise NoNamespaces(tried.stderr.strip().splitlines()[-1] if tried.stderr.strip() else "they are not allowed")
