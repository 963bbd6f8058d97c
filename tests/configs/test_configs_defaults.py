"""Nothing that a command writes by default lands in the folder where it was started, but in `out/`."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from matrix.cli.main import main
from matrix.configs.secrets import new_key


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start commands in; the database and the user's state are elsewhere."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("MATRIX_CONFIGS_URL", f"sqlite:///{tmp_path}/configs.db")
    monkeypatch.setenv("MATRIX_CONFIGS_KEY", new_key())
    return folder


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*words])
    return int(ended.value.code or 0)


def test_no_command_of_configs_leaves_anything_behind(
    empty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, rules = tmp_path / "mcp.json", tmp_path / "policy.toml"
    file.write_text(json.dumps({"mcpServers": {"own": {"command": "bun"}}}), encoding="utf-8")
    rules.write_text("[rules]\ncommand-not-allowed = false\n", encoding="utf-8")
    runs = (
        "init", "new-key", "generate --scale 12", "plan", "migrate", "verify", "status", "status --prometheus",
        "rollout * shadow", f"read {file}", f"import {file} --policy {rules}", "list", "list --json", "show own",
        "export", "audit", "key add reader", "key list", "key revoke reader", f"backup {tmp_path}/b.jsonl",
        "rollback --dry-run", f"restore {tmp_path}/b.jsonl",
    )  # fmt: skip
    for run in runs:
        assert command("configs", *run.split()) == 0, (run, capsys.readouterr())
    assert list(empty.iterdir()) == []


def test_a_migration_says_where_its_backup_is(empty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for run in ("init", "generate --scale 3", "migrate"):
        assert command("configs", *run.split()) == 0
    (backup,) = (tmp_path / "state" / "agent-matrix" / "configs-backups").iterdir()
    assert f"backup: {backup} (" in capsys.readouterr().out
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700
    assert command("configs", "restore", str(backup)) == 0
    assert list(empty.iterdir()) == []


def test_a_state_folder_that_cannot_be_is_one_sentence(
    empty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").touch()
    for run in ("init", "generate --scale 3"):
        assert command("configs", *run.split()) == 0
    capsys.readouterr()
    assert command("configs", "migrate") == 2
    assert "name a --backup" in capsys.readouterr().err
    assert command("configs", "migrate", "--backup", str(tmp_path / "b.jsonl")) == 0
