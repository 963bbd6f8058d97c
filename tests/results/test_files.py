"""`matrix.jsonl`, written as cells end and read back, however a run ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from matrix.results.files import merge_runs, publish, published_lines, severities, sorted_matrix

from matrix.errors import ConfigurationError, UsageError
from matrix.model import Severity, Verdict
from matrix.outcome import Matrix, Outcome
from matrix.results.reading import read_evidence, read_matrix
from matrix.results.writing import ResultsWriter, complete_lines, write_complete, write_merged, write_page
from tests.samples import outcome

HEADER: dict[str, Any] = {
    "created": "2026-11-20T10:00:00+00:00",
    "packages": {"mcp": "2.3.0"},
    "agents": {"control": "the SDK", "stan": "a seller"},
    "capabilities": {"invoke.round-trip": {"severity": "core", "title": "It goes through."}},
    "planned": 3,
}
PASSED = outcome("control::invoke.round-trip", duration=0.25)
FAILED = outcome("stan::invoke.round-trip", "failed", "the result was lost: 漢字 \u2028", duration=1.5)
KNOWN = outcome("stan::invoke.timeout", "timed-out", "it hung", expected="a known limit")
EVIDENCE = {"notes": ["kept"]}


def written(folder: Path, *outcomes: Outcome, kept: tuple[Outcome, ...] = (), complete: bool = True) -> Path:
    """Write a run with these outcomes; return the folder."""
    with ResultsWriter(folder, HEADER, kept) as results:
        for each in outcomes:
            results.write(each, EVIDENCE)
    if complete:
        write_complete(folder / "matrix.jsonl", read_matrix(folder))
    return folder


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "matrix.jsonl").read_text(encoding="utf-8").splitlines()]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    folder = written(tmp_path / "deep" / "out", FAILED, KNOWN, PASSED)
    matrix = read_matrix(folder)
    assert matrix.complete
    assert matrix.header == {"kind": "header", "schema": 1, **HEADER}
    assert [each.cell for each in matrix.outcomes] == [PASSED.cell, FAILED.cell, KNOWN.cell]
    assert (matrix.outcomes[1].verdict, matrix.outcomes[1].reason) == (Verdict.FAILED, FAILED.reason)
    assert (matrix.outcomes[1].duration, matrix.outcomes[1].attempts) == (1.5, (Verdict.FAILED,))
    assert matrix.outcomes[2].expected == "a known limit"
    assert read_matrix(folder / "matrix.jsonl") == matrix
    assert severities(matrix) == {"invoke.round-trip": Severity.CORE}


def test_the_footer_counts_the_outcomes_by_verdict(tmp_path: Path) -> None:
    assert lines(written(tmp_path, FAILED, KNOWN, PASSED))[-1] == {
        "kind": "footer",
        "outcomes": 3,
        "counts": {"passed": 1, "failed": 1, "timed-out": 1},
    }


def test_a_line_says_what_the_contract_promises(tmp_path: Path) -> None:
    assert lines(written(tmp_path, FAILED))[1] == {
        "kind": "outcome",
        "cell": "stan::invoke.round-trip::echo[http,2025-11-25]",
        "agent": "stan",
        "capability": "invoke.round-trip",
        "server": "echo",
        "transport": "http",
        "revision": "2025-11-25",
        "verdict": "failed",
        "reason": FAILED.reason,
        "attempts": ["failed"],
        "duration": 1.5,
        "evidence": f"evidence/{FAILED.cell.slug}.json",
        "expected": None,
        "reproduce": "python -m matrix run --cell 'stan::invoke.round-trip::echo[http,2025-11-25]'",
    }


def test_evidence_is_kept_beside_the_results_also_where_its_text_is_no_text(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path, HEADER) as results:
        kept = results.write(FAILED, {"shown": "漢字 \udcff"})
        unasked = results.write(PASSED)
    assert read_evidence(tmp_path, kept) == {"shown": "漢字 \udcff"}
    assert read_evidence(tmp_path / "matrix.jsonl", kept) == {"shown": "漢字 \udcff"}
    assert read_evidence(tmp_path, unasked) is None


@pytest.mark.parametrize("damage", ["absent", "cut"])
def test_evidence_that_has_gone_is_told_with_the_command_that_renews_it(tmp_path: Path, damage: str) -> None:
    kept = read_matrix(written(tmp_path, FAILED)).outcomes[0]
    path = tmp_path / str(kept.evidence)
    path.unlink() if damage == "absent" else path.write_text("{")
    with pytest.raises(UsageError, match=r"cannot be read; run the cell again: python -m matrix run --cell 'stan::"):
        read_evidence(tmp_path, kept)


def test_every_outcome_is_on_disk_as_soon_as_it_is_known(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path, HEADER) as results:
        results.write(PASSED)
        assert [each.cell for each in read_matrix(tmp_path).outcomes] == [PASSED.cell]
        results.write(FAILED)
        assert [each.cell for each in read_matrix(tmp_path).outcomes] == [PASSED.cell, FAILED.cell]


def test_a_run_that_was_killed_cannot_look_complete(tmp_path: Path) -> None:
    assert not read_matrix(written(tmp_path, PASSED, complete=False)).complete
    assert not read_matrix(written(tmp_path / "none", complete=False)).complete


@pytest.mark.parametrize("left", [1, 20, 100])
def test_a_line_that_was_being_written_when_the_run_was_killed_does_not_count(tmp_path: Path, left: int) -> None:
    path = written(tmp_path, PASSED, FAILED, complete=False) / "matrix.jsonl"
    whole = path.read_text()
    last = whole.splitlines()[-1]
    path.write_text(whole.removesuffix(f"{last}\n") + last[:left])
    matrix = read_matrix(path)
    assert [each.cell for each in matrix.outcomes] == [PASSED.cell]
    assert not matrix.complete


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, PASSED, FAILED) / "matrix.jsonl"
    all_lines = path.read_text().splitlines()
    path.write_text("\n".join([all_lines[0], all_lines[1][:30], *all_lines[2:]]))
    with pytest.raises(ConfigurationError, match=r"matrix\.jsonl: line 2: is no line of a matrix\.jsonl: "):
        read_matrix(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "green"}, "'green' is not a valid Verdict"),
        ({"cell": "stan"}, "'stan' is no cell id"),
        ({"cell": None}, "expected string"),
        ({"attempts": 3}, "not iterable"),
    ],
)
def test_a_line_that_is_no_outcome_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = written(tmp_path, PASSED, FAILED) / "matrix.jsonl"
    documents = lines(tmp_path)
    documents[2] |= change
    path.write_text("".join(json.dumps(each) + "\n" for each in documents))
    with pytest.raises(ConfigurationError, match=rf"line 3: is no outcome: .*{said}"):
        read_matrix(path)


def test_a_line_without_a_verdict_is_no_outcome(tmp_path: Path) -> None:
    path = tmp_path / "matrix.jsonl"
    cell = {"kind": "outcome", "cell": PASSED.cell.id}
    path.write_text(json.dumps({"kind": "header", "schema": 1}) + "\n" + json.dumps(cell) + "\n")
    with pytest.raises(ConfigurationError, match="line 2: is no outcome: 'verdict'"):
        read_matrix(path)


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_results_of_another_schema_are_refused(tmp_path: Path, schema: object) -> None:
    path = tmp_path / "matrix.jsonl"
    path.write_text(json.dumps({"kind": "header", "schema": schema}) + "\n")
    with pytest.raises(ConfigurationError, match=rf"line 1: has schema {schema!r}; this version reads 1"):
        read_matrix(path)


@pytest.mark.parametrize("text", ["", "\n", "hello", "[1]\n[2]\n", '{"kind": "outcome"}\n', "{}\n{}\n", "3"])
def test_what_is_no_results_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"notes\.txt: line 1: "):
        read_matrix(path)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ConfigurationError, match="no UTF-8"):
        read_matrix(path)


def test_results_that_are_not_there_are_told_with_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*: No such file or directory; name the matrix\.jsonl of a run"):
        read_matrix(tmp_path)


@pytest.mark.parametrize("inside", ["", "below"])
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, inside: str) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("mine")
    folder = in_the_way / inside
    with pytest.raises(UsageError, match=r"cannot write to .*file.*; name another folder"):
        ResultsWriter(folder, HEADER).__enter__()
    matrix = Matrix(HEADER, (PASSED,))
    for write in (
        lambda: write_merged(matrix, [], folder),
        lambda: publish(matrix, folder, ""),
        lambda: write_page(folder, ""),
    ):
        with pytest.raises(UsageError, match="cannot write to"):
            write()
    assert in_the_way.read_text() == "mine"


def test_a_new_run_into_the_same_folder_leaves_nothing_of_the_one_before(tmp_path: Path) -> None:
    written(tmp_path, FAILED, PASSED)
    written(tmp_path, PASSED)
    assert [each.cell for each in read_matrix(tmp_path).outcomes] == [PASSED.cell]
    assert [path.name for path in (tmp_path / "evidence").iterdir()] == [f"{PASSED.cell.slug}.json"]


def test_what_a_resumed_run_keeps_is_there_from_the_start_with_its_evidence(tmp_path: Path) -> None:
    written(tmp_path, FAILED, complete=False)
    kept = read_matrix(tmp_path).outcomes
    with ResultsWriter(tmp_path, HEADER, kept) as results:
        assert read_matrix(tmp_path).outcomes == kept
        results.write(PASSED)
    matrix = read_matrix(tmp_path)
    assert [each.cell for each in matrix.outcomes] == [FAILED.cell, PASSED.cell]
    assert read_evidence(tmp_path, matrix.outcomes[0]) == EVIDENCE


def test_of_several_lines_of_one_cell_the_last_counts(tmp_path: Path) -> None:
    again = outcome("stan::invoke.round-trip")
    assert read_matrix(written(tmp_path, FAILED, again, complete=False)).outcomes[0].verdict is Verdict.PASSED


def test_complete_results_are_sorted_the_control_first() -> None:
    cells = ["stan::b.c", "control::z.z", "stan::a.b", "discord::a.b"]
    matrix = sorted_matrix(Matrix({}, tuple(map(outcome, cells))))
    assert [each.cell.id.partition("::echo")[0] for each in matrix.outcomes] == [
        "control::z.z",
        "discord::a.b",
        "stan::a.b",
        "stan::b.c",
    ]


def test_two_equal_runs_publish_equal_lines_but_for_the_header() -> None:
    def run(created: str, seconds: float, *order: int) -> list[str]:
        found = [
            outcome("stan::a.b", "failed", "lost", duration=seconds, evidence=f"evidence/{created}.json"),
            outcome("control::a.b", duration=seconds * 2, evidence="evidence/x.json"),
            outcome("control::b.c", "skipped", "no Node.js"),
        ]
        return list(published_lines(Matrix({**HEADER, "created": created}, tuple(found[each] for each in order))))

    one, other = run("2026-11-20", 0.1, 0, 1, 2), run("2026-11-21", 7.5, 2, 1, 0)
    assert one[1:] == other[1:]
    assert one[0] != other[0]


def test_published_results_read_like_any_other(tmp_path: Path) -> None:
    matrix = read_matrix(written(tmp_path / "out", FAILED, PASSED))
    publish(matrix, tmp_path / "results", "# page\n")
    published = read_matrix(tmp_path / "results")
    assert [(each.cell, each.verdict) for each in published.outcomes] == [
        (each.cell, each.verdict) for each in matrix.outcomes
    ]
    assert {(each.duration, each.evidence) for each in published.outcomes} == {(None, None)}
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["matrix.jsonl", "matrix.md"]
    assert list(published_lines(published)) == list(complete_lines(published))


def test_shards_are_merged_with_their_headers_and_their_evidence(tmp_path: Path) -> None:
    folders = [written(tmp_path / "1", FAILED, PASSED), written(tmp_path / "2", KNOWN)]
    runs = [(folder, read_matrix(folder)) for folder in folders]
    other = Matrix({**HEADER, "agents": {"sofia": "meets"}, "capabilities": {"b.c": {"severity": "optional"}}}, ())
    merged = merge_runs([*runs, (tmp_path / "3", other)])
    write_merged(merged, folders, tmp_path / "all")
    found = read_matrix(tmp_path / "all")
    assert found.complete
    assert [each.cell for each in found.outcomes] == [PASSED.cell, FAILED.cell, KNOWN.cell]
    assert found.header["planned"] == 3
    assert found.header["agents"] == {"control": "the SDK", "stan": "a seller", "sofia": "meets"}
    assert severities(found) == {"invoke.round-trip": Severity.CORE, "b.c": Severity.OPTIONAL}
    assert [read_evidence(tmp_path / "all", each) for each in found.outcomes] == [EVIDENCE] * 3


def test_shards_can_be_merged_into_the_folder_of_one_of_them(tmp_path: Path) -> None:
    folders = [written(tmp_path / "1", FAILED), written(tmp_path / "2", PASSED)]
    merged = merge_runs([(folder, read_matrix(folder)) for folder in folders])
    write_merged(merged, [folders[0] / "matrix.jsonl", folders[1]], folders[0])
    assert [read_evidence(folders[0], each) for each in read_matrix(folders[0]).outcomes] == [EVIDENCE] * 2


def test_a_shard_that_did_not_end_is_not_merged(tmp_path: Path) -> None:
    folder = written(tmp_path, PASSED, complete=False)
    with pytest.raises(UsageError, match="is of a run that did not end; run that shard again, with --resume"):
        merge_runs([(folder, read_matrix(folder))])


def test_two_files_that_disagree_on_a_cell_are_not_merged() -> None:
    one, other = (Matrix(HEADER, (outcome("stan::a.b", verdict),)) for verdict in ("passed", "failed"))
    with pytest.raises(UsageError, match=r"^2 says failed of stan::a\.b::echo\[.*\], another file passed$"):
        merge_runs([(Path("1"), one), (Path("2"), other)])


def test_two_files_that_agree_on_a_cell_are_merged() -> None:
    matrix = Matrix(HEADER, (PASSED,))
    assert merge_runs([(Path("1"), matrix), (Path("2"), matrix)]).outcomes == (PASSED,)
