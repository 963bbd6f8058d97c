"""The table of hostile agents: what each one's cell comes to, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matrix.model import Agent, Verdict
from tests.hostile import vices
from tests.saboteurs.running import REPOSITORY
from tests.saboteurs.saboteur import registered

FAILED, TIMED_OUT, PASSED = Verdict.FAILED, Verdict.TIMED_OUT, Verdict.PASSED


@dataclass(frozen=True)
class Hostile:
    """A vice, what the cell in which it strikes comes to, and what its reason has to say.

    `whole` says that nothing else is believed of the row either. `sampled` are those that CI meets.
    """

    vice: str
    verdict: Verdict
    because: str = ""
    whole: bool = False
    sampled: bool = False

    @property
    def agent(self) -> Agent:
        """Its row."""
        return registered(f"{vices.__name__}:{self.vice}.answer", self.vice.replace("_", "-"), REPOSITORY)


INTRUDED = "the agent wrote to the channel of its worker"
CLOSED = "the agent closed the channel of its worker"

TABLE: Mapping[str, tuple[Hostile, ...]] = {
    "channel": (
        Hostile("writes_a_pickle", FAILED, INTRUDED, whole=True, sampled=True),
        Hostile("writes_junk", FAILED, INTRUDED, whole=True),
        Hostile("writes_half_a_header", FAILED, INTRUDED, whole=True),
        Hostile("floods_the_channel", FAILED, INTRUDED, whole=True),
        Hostile("closes_the_channel", FAILED, CLOSED, sampled=True),
        Hostile("closes_every_descriptor", FAILED, "the agent "),
    ),
    "folders": (
        Hostile("empties_its_temporary_folder", PASSED, sampled=True),
        Hostile("removes_its_temporary_folder", PASSED),
        Hostile("leaves_files_that_nobody_may_remove", PASSED),
        Hostile("changes_its_working_folder", PASSED),
        Hostile("removes_its_working_folder", PASSED),
    ),
    "its own end": (
        Hostile("ends_the_process", FAILED, "ended its process with exit code 7"),
        Hostile("ends_it_as_if_all_were_well", FAILED, "ended its process with exit code 0"),
        Hostile("exits_with_a_text", FAILED, "called sys.exit('no more work')", sampled=True),
        Hostile("exits_in_a_task", FAILED, "called sys.exit('no more work in the background')"),
        Hostile("raises_keyboard_interrupt", FAILED, "raised KeyboardInterrupt", sampled=True),
        Hostile("raises_no_exception", FAILED, "Unheard: nobody expects this"),
        Hostile("aborts", FAILED, "ended by signal 6"),
        Hostile("reads_from_nowhere", FAILED, "ended by signal 11"),
        Hostile("kills_itself", FAILED, "ended by signal 9"),
        Hostile("terminates_itself", FAILED, "ended by signal 15"),
        Hostile("stops_itself", FAILED, "was stopped by a signal", sampled=True),
        Hostile("kills_its_group", FAILED, "ended by signal 9"),
        Hostile("exits_with_a_thread_that_stays", FAILED, "called sys.exit('nothing left to do')"),
    ),
    "time": (
        Hostile("hangs", TIMED_OUT, "no end within 8 s", sampled=True),
        Hostile("refuses_to_be_cancelled", TIMED_OUT, ""),
        Hostile("never_yields", TIMED_OUT, "blocked its event loop"),
        Hostile("cancels_itself", FAILED, "cancelled from within"),
        Hostile("cancels_every_task", FAILED, "cancel"),
        Hostile("stops_the_loop", FAILED, "stopped its event loop", sampled=True),
        Hostile("closes_the_loop", FAILED, "Cannot close a running event loop"),
        Hostile("starts_five_hundred_threads", PASSED),
        Hostile("sets_an_alarm", FAILED, "ended by signal 14"),
    ),
    "words": (
        Hostile("babbles", PASSED, sampled=True),
        Hostile("floods_its_output", PASSED),
        Hostile("closes_its_standard_streams", PASSED),
    ),
    "raised": (
        Hostile("raises_what_has_no_text", FAILED, "Speechless: its text cannot be told", sampled=True),
        Hostile("raises_what_quits", FAILED, "Quitting"),
        Hostile("raises_what_has_no_class", FAILED, "Lying"),
        Hostile("raises_what_has_no_name", FAILED, "OfNoName"),
        Hostile("raises_what_has_no_arguments", FAILED, "Bottomless"),
        Hostile("raises_half_a_surrogate", FAILED, r"\ud800"),
        Hostile("raises_terminal_controls", FAILED, r"\x1b]0;owned"),
        Hostile("raises_ten_megabytes", FAILED, "xxxxx"),
        Hostile("raises_a_text_that_is_none", FAILED, "ValueError"),
        Hostile("raises_a_group", FAILED, "one of them"),
        Hostile("raises_generator_exit", FAILED, "GeneratorExit"),
        Hostile("raises_stop_iteration", FAILED, "StopIteration"),
        Hostile("raises_memory_error", FAILED, "MemoryError: no more"),
        Hostile("raises_itself_as_its_cause", FAILED, "round and round"),
        Hostile("recurses_without_end", FAILED, "RecursionError"),
    ),
    "replaced": (
        Hostile("allows_itself_ten_files", FAILED, "open files", sampled=True),
        Hostile("opens_every_file_it_may", FAILED, "open files"),
        Hostile("replaces_json", FAILED, "replaced", sampled=True),
        Hostile("replaces_open", PASSED),
        Hostile("replaces_isinstance", FAILED, "replaced"),
        Hostile("replaces_sorted", FAILED, "replaced"),
        Hostile("replaces_the_clock", FAILED, "replaced"),
        Hostile("empties_sys_modules", FAILED, ""),
        Hostile("replaces_sys_modules", FAILED, ""),
        Hostile("replaces_create_task", FAILED, "replaced"),
        Hostile("sets_a_policy_without_loops", PASSED),
        Hostile("handles_every_signal", PASSED),
        Hostile("clears_its_environment", PASSED),
        Hostile("takes_two_gigabytes", PASSED),
        Hostile("forgets_its_memory", PASSED),
    ),
    "left running": (
        Hostile("leaves_a_child", PASSED),
        Hostile("leaves_a_child_in_a_session_of_its_own", PASSED),
        Hostile("leaves_a_child_without_environment", PASSED),
        Hostile("leaves_a_fork", PASSED),
        Hostile("leaves_a_daemon", PASSED, sampled=True),
        Hostile("leaves_a_stopped_child", PASSED),
        Hostile("leaves_a_child_and_ends", FAILED, "exit code 7", sampled=True),
        Hostile("leaves_a_pool", PASSED),
        Hostile("leaves_a_family", PASSED),
    ),
    "others": (
        Hostile("stops_the_fork_server", PASSED),
        Hostile("kills_the_fork_server", FAILED, "ended the process that every agent's process comes from"),
        Hostile("stops_the_others", PASSED),
        Hostile("kills_the_others", PASSED),
    ),
}
