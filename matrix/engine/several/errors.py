"""What can go wrong where several machines ask: they are not all there, not alike, or lost."""

from __future__ import annotations

from matrix.errors import MatrixError, UsageError


class BadEngine(UsageError):
    """An engine that is none."""

    def __init__(self, text: str) -> None:
        super().__init__(f"--engine {text!r} should be dask://HOST:PORT, the address of a Dask scheduler")


class NotElsewhere(UsageError):
    """What is asked for can be had on this machine only."""

    def __init__(self, option: str, why: str) -> None:
        super().__init__(f"{option} does not go with --engine: {why}; leave one of them out")


class NoScheduler(UsageError):
    """Nothing that schedules answers."""

    def __init__(self, url: str, problem: OSError) -> None:
        super().__init__(
            f"no Dask scheduler answers at {url} ({problem.strerror or problem}); start one with `dask scheduler`, or "
            "correct --engine"
        )


class NoMachines(UsageError):
    """A scheduler that has no worker."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} has no worker; start one with `dask worker` in the project's folder of each machine")


class MachineDiffers(UsageError):
    """A machine on which a cell would be another one."""

    def __init__(self, machine: str, what: str, mend: str) -> None:
        super().__init__(f"the worker {machine} {what}; {mend}")


class MachineRefuses(UsageError):
    """A machine that cannot do what the run is to do."""

    def __init__(self, machine: str, reason: str) -> None:
        super().__init__(f"the worker {machine} cannot take part: {reason}")


class MachinesLost(MatrixError):
    """No machine is left that could ask."""

    def __init__(self, url: str) -> None:
        super().__init__(f"all workers of {url} were lost; what is done is kept: start some, and go on with --resume")


class SchedulerLost(MatrixError):
    """The scheduler does not answer any more."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(
            f"the Dask scheduler {url} was lost ({cause}); what is done is kept: start it again, with its workers, and "
            "go on with --resume"
        )
