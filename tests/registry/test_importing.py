"""Modules that cannot be imported are told with what they said themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from matrix.registry.importing import Broken, load

GUARD = 'put what is for the command line below `if __name__ == "__main__":`'
PARSER = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--config", required=True)
parser.parse_args()
"""


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that imports a module of this text, and returns cause and mend."""
    monkeypatch.setattr(sys, "argv", ["matrix"])
    monkeypatch.setattr(sys, "path", [*sys.path])
    name = f"refused_{tmp_path.name}".replace("-", "_")

    def told(text: str) -> tuple[str, str]:
        (tmp_path / f"{name}.py").write_text(text)
        with pytest.raises(Broken) as broken:
            load(f"{name}:agent", tmp_path)
        return broken.value.cause.removeprefix(name), broken.value.mend

    return told


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (PARSER, "sys.exit(2): the following arguments are required: --config"),
        ("import sys; sys.exit('no config')", "sys.exit('no config'): no config"),
        ("raise SystemExit", "sys.exit(None)"),
    ],
)
def test_an_import_that_ends_the_process_is_told_with_its_own_words(refused, text: str, cause: str) -> None:
    assert refused(text) == (f" cannot be imported: it calls {cause}", GUARD)


def test_an_import_that_lacks_a_variable_names_it(refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    cause, mend = refused("import os; os.environ['SHOP_TOKEN']")
    assert cause == " cannot be imported: KeyError: 'SHOP_TOKEN'"
    assert mend == 'give it a value in `env` of the row: env = { SHOP_TOKEN = "…" }'


def test_whoever_keeps_standard_error_writes_on_to_the_real_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "keeps_stderr.py").write_text("import sys\nkept = sys.stderr\nprint('one', file=kept)\n")
    kept = load("keeps_stderr:kept", tmp_path)
    print("two", file=kept, flush=True)
    assert capsys.readouterr().err == "one\ntwo\n"
