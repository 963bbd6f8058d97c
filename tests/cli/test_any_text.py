"""Whatever text agents and servers come with: it is stored, shown and read back, and controls nobody's terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from matrix.outcome import Outcome
from matrix.redaction import printable
from matrix.results.reading import read_evidence, read_matrix
from tests.cli.said import CELL, EVIDENCE, Matrix, results
from tests.samples import outcome

NASTY = "half \ud800, red \x1b[31m, title \x1b]0;mine\x07, C1 \x9b2J, backwards \u202e, line \u2028 and\r\x00\x7f end"
SPELLED = (
    r"half \ud800, red \x1b[31m, title \x1b]0;mine\x07, C1 \x9b2J, backwards \u202e, line \u2028 and\r\x00\x7f end"
)
STORY = {
    **EVIDENCE,
    "model": [
        {
            "at": 0.1,
            "run": 1,
            "user": NASTY,
            "offered": [{"name": NASTY}],
            "shown": [{"call_id": NASTY, "is_error": False, "text": NASTY}],
            "asked_for": [{"call_id": NASTY, "tool": NASTY, "as": NASTY, "arguments": {NASTY: NASTY}}],
            "said": NASTY,
            "fault": None,
            "note": NASTY,
        }
    ],
    "agent": [{"at": 0.2, "run": 1, "error": NASTY, "answer": None, "stderr": NASTY}],
    "notes": [{"text": NASTY}],
}


def failed(**more: str) -> Outcome:
    return outcome(CELL, "failed", NASTY, advice=(NASTY,), rule=NASTY, command=("run", NASTY), **more)


def is_safe(text: str) -> bool:
    text.encode("utf-8")
    return printable(text) == text


@pytest.mark.parametrize(
    "command", [f"show {CELL}", "show *", "report out", "report out --format markdown", "diff old out", "merge out"]
)
def test_no_report_controls_a_terminal_or_ends_in_a_traceback(project: Path, matrix: Matrix, command: str) -> None:
    results(project / "old", outcome(CELL))
    folder = results(project / "out", failed(expected=NASTY), outcome("stan::a.optional"), evidence=STORY)
    code, out, err = matrix(*command.split())
    assert (code in {0, 1}, err) == (True, "")
    assert is_safe(out)
    assert "show *" in command or SPELLED in " ".join(out.split()), "whatever the width of the terminal"
    for path in (each for each in folder.rglob("*") if each.is_file()):
        assert is_safe(path.read_text(encoding="utf-8")), path


def test_what_is_stored_loses_nothing_of_what_was_seen(project: Path) -> None:
    folder = results(project / "out", failed(), evidence=STORY)
    assert read_evidence(folder, read_matrix(folder).outcomes[0]) == STORY


def as_it_was_written(folder: Path, text: str, *, ascii_only: bool) -> None:
    """Write results whose texts nobody has made printable, as an older version or another program might."""
    path = results(folder, failed()) / "matrix.jsonl"
    documents = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    documents[0]["agents"] = {"stan": text}
    documents[1] |= {"reason": text, "advice": [text], "rule": text, "expected": text, "reproduce": text}
    lines = (json.dumps(each, ensure_ascii=ascii_only) for each in documents)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.mark.parametrize("command", ["show *", "report out", "report out --format markdown", "diff out out"])
@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "as it is"])
def test_a_file_with_any_text_in_it_is_read(project: Path, matrix: Matrix, command: str, ascii_only: bool) -> None:
    as_it_was_written(project / "out", NASTY if ascii_only else NASTY.replace("\ud800", ""), ascii_only=ascii_only)
    code, out, err = matrix(*command.split())
    assert (code, err) == (0, "")
    assert is_safe(out)


def test_a_refusal_repeats_no_control(project: Path, matrix: Matrix) -> None:
    code, _, err = matrix("explain", NASTY)
    assert code == 2
    assert is_safe(err)
    assert r"\x1b[31m" in err


def test_a_row_is_listed_with_what_it_says_spelled_out(project: Path, matrix: Matrix) -> None:
    rows = '[tool.matrix.agents]\nstan = { factory = "shop:agent", summary = "red \\u001b[31m" }\n'
    (project / "pyproject.toml").write_text(rows)
    assert r"stan     red \x1b[31m" in matrix("list", "agents")[1]
