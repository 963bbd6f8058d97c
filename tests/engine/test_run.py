"""One run, from discovery to exit code, with the real engine; and what an interrupted one leaves."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matrix.results.files import published_lines

from matrix.engine.run import Request, RunResult, blame_control, run
from matrix.errors import ConfigurationError, UsageError
from matrix.events import Event, Finished
from matrix.model import STATEFUL, Plan, Verdict
from matrix.outcome import Matrix, Outcome
from matrix.plan import Filters
from matrix.results.baseline import Entry
from matrix.results.judgement import exit_code
from matrix.results.reading import read_evidence, read_matrix
from tests.samples import outcome

QUESTION = Filters(capabilities=("invoke.round-trip",), transports=("stdio",), revisions=(STATEFUL,))
CELL = f"invoke.round-trip::echo[stdio,{STATEFUL}]"
HEADER = {"capabilities": {"a.core": {"severity": "core"}, "a.optional": {"severity": "optional"}}}

ROWS = """\
[tool.matrix.agents]
mute = "mute:agent"
tiny = { factory = "tiny:create_agent", env = { OPENAI_API_KEY = "none" } }
"""
MUTE = """\
def agent(task):
    return "no"
"""
TINY = """\
from pydantic_ai import Agent

def create_agent():
    return Agent("openai:gpt-4.1-mini")
"""
STUCK = """\
import asyncio
from pathlib import Path

async def agent(task):
    if not Path(__file__).with_name("released").exists():
        await asyncio.Event().wait()
    return "no"
"""


@pytest.mark.parametrize("verdict", ["failed", "timed-out", "flaky", "errored", "unsupported"])
def test_where_the_control_is_not_green_nobody_is_blamed(verdict: str) -> None:
    outcomes = (
        outcome("control::a.b", verdict, "the stub died"),
        outcome("stan::a.b", "failed", "it was lost"),
        outcome("sofia::a.b"),
        outcome("genie::a.b", "skipped", "no key"),
        outcome("stan::a.c", "failed", "it was lost"),
    )
    why = f"the control is {verdict} here: the stub died"
    assert [(each.verdict.value, each.reason) for each in blame_control(outcomes)] == [
        ("errored", why),
        ("errored", why),
        ("errored", why),
        ("skipped", "no key"),
        ("failed", "it was lost"),
    ]


@pytest.mark.parametrize("verdict", ["passed", "skipped"])
def test_where_the_control_is_green_or_was_not_asked_every_verdict_stays(verdict: str) -> None:
    outcomes = (outcome("control::a.b", verdict), outcome("stan::a.b", "failed", "lost"), outcome("sofia::a.b"))
    assert blame_control(outcomes) == outcomes


def test_without_a_control_every_verdict_stays() -> None:
    assert blame_control((outcome("stan::a.b", "failed"),)) == (outcome("stan::a.b", "failed"),)


STALE = Entry("stan::*::*[*]", Verdict.FAILED, "why")


@pytest.mark.parametrize(
    ("code", "verdicts"),
    [
        (0, [("a.core", "passed")]),
        (0, [("a.core", "passed"), ("a.core", "skipped"), ("a.core", "unsupported")]),
        (0, [("a.core", "passed"), ("a.optional", "failed")]),
        (0, [("a.core", "known")]),
        (1, [("a.core", "passed"), ("a.core", "failed")]),
        (1, [("a.core", "timed-out")]),
        (1, [("a.core", "flaky")]),
        (1, [("a.unheard-of", "failed")]),
        (1, [("a.core", "known"), ("a.core", "failed")]),
        (3, [("a.core", "errored")]),
        (3, [("a.optional", "errored"), ("a.core", "failed")]),
        (3, []),
        (3, [("a.core", "skipped")]),
    ],
)
def test_the_exit_code_says_whose_fault_it_is(code: int, verdicts: list[tuple[str, str]]) -> None:
    outcomes = tuple(
        outcome(f"stan::{capability}::s{number}", "failed", expected="a known limit")
        if verdict == "known"
        else outcome(f"stan::{capability}::s{number}", verdict)
        for number, (capability, verdict) in enumerate(verdicts)
    )
    assert exit_code(Matrix(HEADER, outcomes)) == code


def test_a_stale_entry_of_the_baseline_fails_a_run_that_is_green_otherwise() -> None:
    assert exit_code(Matrix(HEADER, (outcome("stan::a.core"),)), [STALE]) == 1
    assert exit_code(Matrix(HEADER, (outcome("stan::a.core", "errored"),)), [STALE]) == 3


class Witness:
    """An audience that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.done = -1
        self.events: list[Event] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def planned(self, plan: Plan, done: int) -> None:
        self.done = done

    def happened(self, event: Event) -> None:
        self.events.append(event)

    @property
    def asked(self) -> set[str]:
        return {event.outcome.cell.agent for event in self.events if isinstance(event, Finished)}


def make_project(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(ROWS)
    (folder / "mute.py").write_text(MUTE)
    (folder / "tiny.py").write_text(TINY)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


Asked = tuple[Path, RunResult, Witness]


@pytest.fixture(scope="module")
def ask(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Asked]:
    def asked(output: Path | None = None, **options: Any) -> Asked:
        request = Request(project, output or tmp_path_factory.mktemp("out"), QUESTION)
        witness = Witness()
        request = replace(request, **options)
        return request.output, run(request, witness), witness

    return asked


@pytest.fixture(scope="module")
def first(ask: Callable[..., Asked]) -> Asked:
    return ask()


def verdicts(matrix: Matrix) -> dict[str, str]:
    return {each.cell.agent: each.verdict.value for each in matrix.outcomes}


def test_a_run_asks_every_registered_agent_and_says_who_failed(first: Asked) -> None:
    _, result, witness = first
    assert verdicts(result.matrix) == {"control": "passed", "mute": "failed", "tiny": "passed"}, result.matrix
    assert (result.exit_code, result.interrupted, result.stale) == (1, False, ())
    assert (witness.done, witness.asked) == (0, {"control", "mute", "tiny"})
    assert result.matrix.header["planned"] == 3
    assert list(result.matrix.header["agents"]) == ["control", "mute", "tiny"]


def test_what_a_run_returns_is_what_it_has_written(first: Asked) -> None:
    folder, result, _ = first
    written = read_matrix(folder)
    assert written.complete
    assert written.outcomes == result.matrix.outcomes
    assert {key: written.header[key] for key in result.matrix.header} == result.matrix.header


def test_a_run_keeps_the_three_witnesses_of_each_cell(first: Asked) -> None:
    folder, result, _ = first
    for each in result.matrix.outcomes:
        evidence = read_evidence(folder, each)
        assert (evidence["cell"], evidence["verdict"]) == (each.cell.id, each.verdict.value)
        assert evidence["agent"]
        if each.cell.agent != "mute":
            assert evidence["model"]
            assert evidence["server"]["frames"]


def test_two_runs_publish_the_same_bytes_but_for_the_header(first: Asked, ask: Callable[..., Asked]) -> None:
    _, again, _ = ask()
    assert list(published_lines(again.matrix))[1:] == list(published_lines(first[1].matrix))[1:]


def test_repeated_cells_have_all_their_attempts(ask: Callable[..., Asked]) -> None:
    _, result, _ = ask(repeat=2)
    assert {each.cell.agent: [attempt.value for attempt in each.attempts] for each in result.matrix.outcomes} == {
        "control": ["passed", "passed"],
        "mute": ["failed", "failed"],
        "tiny": ["passed", "passed"],
    }


def test_a_baseline_takes_the_known_failure_out_of_the_exit_code(ask: Callable[..., Asked]) -> None:
    known = Entry("mute::*::*[*]", Verdict.FAILED, "it says nothing")
    outdated = Entry("tiny::*::*[*]", Verdict.FAILED, "it used to fail")
    filters = replace(QUESTION, agents=("mute", "tiny"))
    folder, result, _ = ask(filters=filters, baseline=(known,))
    assert (result.exit_code, result.stale) == (0, ())
    assert [each.expected for each in read_matrix(folder).outcomes] == [None, "it says nothing", None]
    _, result, _ = ask(output=folder, filters=filters, baseline=(known, outdated), resume=True)
    assert (result.exit_code, result.stale) == (1, (outdated,))


def rewritten(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """Make the results of a complete run those of an interrupted one, with these changes."""
    lines = [json.loads(line) for line in (folder / "matrix.jsonl").read_text().splitlines()]
    kept = [lines[0], *filter(None, map(change, lines[1:-1]))]
    (folder / "matrix.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))


def test_a_resumed_run_keeps_what_is_done_and_asks_the_rest(ask: Callable[..., Asked]) -> None:
    folder, _, _ = ask(filters=replace(QUESTION, agents=("mute",)))

    def change(line: dict[str, Any]) -> dict[str, Any] | None:
        return {**line, "reason": "kept from before"} if line["agent"] == "mute" else {**line, "verdict": "errored"}

    rewritten(folder, change)
    _, result, witness = ask(output=folder, resume=True)
    assert (witness.done, witness.asked) == (1, {"control", "tiny"})
    assert verdicts(result.matrix) == {"control": "passed", "mute": "failed", "tiny": "passed"}
    assert result.matrix.outcomes[1].reason == "kept from before"
    assert read_evidence(folder, result.matrix.outcomes[1])["cell"] == result.matrix.outcomes[1].cell.id
    assert read_matrix(folder).complete


def test_a_resumed_run_with_nothing_left_asks_nothing(first: Asked, ask: Callable[..., Asked]) -> None:
    folder, before, _ = first
    _, result, witness = ask(output=folder, resume=True)
    assert (witness.done, witness.events) == (3, [])
    assert result.matrix.outcomes == before.matrix.outcomes


def test_a_run_that_is_not_resumed_asks_everything_again(ask: Callable[..., Asked], tmp_path: Path) -> None:
    filters = replace(QUESTION, agents=("control",))
    (tmp_path / "matrix.jsonl").write_text("not even results\n")
    _, _, witness = ask(output=tmp_path, filters=filters)
    assert (witness.done, witness.asked) == (0, {"control"})


def test_what_cannot_be_resumed_is_refused_before_anything_is_started(
    ask: Callable[..., Asked], tmp_path: Path
) -> None:
    (tmp_path / "matrix.jsonl").write_text("not even results\n")
    with pytest.raises(ConfigurationError, match="line 1: should be the header"):
        ask(output=tmp_path, resume=True)
    assert (tmp_path / "matrix.jsonl").read_text() == "not even results\n"


def test_a_folder_without_agents_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no agent is registered in .*; name one with --agent package\.module:create"):
        run(Request(tmp_path, tmp_path / "out"), Witness())
    assert not (tmp_path / "out").exists()


def test_registrations_that_cannot_be_loaded_are_red_rows_beside_the_others(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project / "pyproject.toml").write_text('[tool.matrix.agents]\nabsent = "nowhere:agent"\nwrong = 3\n')
    filters = replace(QUESTION, agents=("absent", "wrong"))
    result = run(Request(project, tmp_path / "out", filters), Witness())
    found: dict[str, Outcome] = {each.cell.agent: each for each in result.matrix.outcomes}
    assert verdicts(result.matrix) == {"control": "passed", "absent": "failed", "wrong": "failed"}
    assert "nowhere cannot be imported: no module named 'nowhere'" in found["absent"].reason
    assert "is neither a text nor a table" in found["wrong"].reason
    assert result.exit_code == 1


# What interrupts a run comes from outside: a process of its own, which is sent a signal in mid-run.


class Running:
    """A `python -m matrix run` in a session of its own, every process of which can be found by its PATH."""

    def __init__(self, project: Path, *options: str) -> None:
        self.mark = str(project / "marked")
        arguments = ["--capability", "invoke.round-trip", "--transport", "stdio", "--revision", STATEFUL, *options]
        # Whatever a run starts inherits PATH, if nothing else.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "matrix", "run", *arguments],
            cwd=project,
            env=os.environ | {"PATH": f"{os.environ['PATH']}{os.pathsep}{self.mark}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=heed_interrupts,  # noqa: PLW1509  (it only resets signals)
        )

    def wait_for(self, text: str) -> None:
        """Read what the run says until it says this."""
        stdout = self.process.stdout
        assert stdout is not None
        said: list[str] = []
        for line in stdout:
            said.append(line)
            if text in line:
                return
        pytest.fail(f"the run ended without saying {text!r}, but {''.join(said)!r}")

    def end(self) -> tuple[int, str, str]:
        """Wait for the end; return exit code, standard output, standard error."""
        out, err = self.process.communicate(timeout=300)
        return self.process.returncode, out, err

    def left(self) -> list[str]:
        """Return the command lines of its processes that do not end by themselves."""
        left: list[str] = []
        for pid in processes_with(self.mark):
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            ended, _, _ = select.select([descriptor], [], [], 30)
            os.close(descriptor)
            if not ended:
                left.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        return left


def heed_interrupts() -> None:
    """Undo what a shell without job control does to its background jobs."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)


def processes_with(mark: str) -> Iterator[int]:
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environ.read_bytes():
                yield int(environ.parent.name)
        except OSError:
            continue


on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture
def stuck(tmp_path: Path) -> Path:
    """Return a project with an agent that does not answer until the file `released` is there."""
    project = make_project(tmp_path / "project")
    (project / "pyproject.toml").write_text('[tool.matrix.agents]\nstuck = "stuck:agent"\n')
    (project / "stuck.py").write_text(STUCK)
    return project


@on_linux
def test_an_interrupted_run_keeps_what_is_done_leaves_no_process_and_can_be_resumed(stuck: Path) -> None:
    running = Running(stuck, "--jobs", "2")
    running.wait_for(f"[1/2] passed control::{CELL}")
    os.killpg(running.process.pid, signal.SIGINT)
    code, out, err = running.end()
    assert (code, err) == (130, "")
    assert "2 cells" not in out
    assert "1 cells: 1 passed (interrupted; 1 not asked)" in out
    assert running.left() == []
    kept = read_matrix(stuck / "out")
    assert (verdicts(kept), kept.complete) == ({"control": "passed"}, False)
    assert "**Interrupted: 1 cells were not asked.**" in (stuck / "out" / "matrix.md").read_text()

    (stuck / "released").touch()
    resumed = Running(stuck, "--resume")
    code, out, err = resumed.end()
    assert (code, err) == (1, "")
    assert "2 cells: 2 agents, 1 capabilities, 1 servers, 1 kept from before\n[2/2] failed stuck::" in out
    assert "\x1b" not in out
    assert resumed.left() == []
    whole = read_matrix(stuck / "out")
    assert (verdicts(whole), whole.complete) == ({"control": "passed", "stuck": "failed"}, True)
    assert whole.outcomes[0] == kept.outcomes[0]
    assert "Interrupted" not in (stuck / "out" / "matrix.md").read_text()


@on_linux
def test_a_run_that_is_terminated_ends_as_one_that_is_interrupted(stuck: Path) -> None:
    running = Running(stuck, "--jobs", "2")
    running.wait_for("[1/2] passed control::")
    running.process.send_signal(signal.SIGTERM)
    code, _, err = running.end()
    assert (code, err) == (130, "")
    assert running.left() == []
    assert not read_matrix(stuck / "out").complete


@on_linux
def test_a_run_whose_reader_has_gone_ends_as_one_that_is_interrupted(stuck: Path) -> None:
    running = Running(stuck, "--jobs", "2")
    running.wait_for("2 cells: 2 agents")
    assert running.process.stdout is not None
    running.process.stdout.close()
    running.process.stdout = None
    code, _, err = running.end()
    assert (code, err) == (130, "")
    assert running.left() == []
    assert not read_matrix(stuck / "out").complete
