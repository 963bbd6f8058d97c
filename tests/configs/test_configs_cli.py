"""`python -m matrix configs …`, as its users meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from matrix.cli.main import main
from matrix.configs.secrets import new_key

SECRET = "lin_api_0123456789abcdef"


class Shell:
    """Runs commands, and hands back exit code and output."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["configs", *map(str, words)])
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return int(ended.value.code or 0), captured.out + captured.err


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    monkeypatch.setenv("MATRIX_CONFIGS_URL", f"sqlite:///{tmp_path}/configs.db")
    monkeypatch.setenv("MATRIX_CONFIGS_KEY", new_key())
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


def test_the_way_there_and_back(shell: Shell) -> None:
    assert shell("init")[0] == 0
    assert shell("generate", "--scale", 30)[0] == 0
    code, text = shell("plan")
    assert (code, "30 to migrate, 0 migrated before" in text) == (0, True)
    code, text = shell("migrate", "--backup", "b.jsonl")
    assert (code, "migrated 30 servers" in text) == (0, True)
    assert shell("verify") == (0, "30 servers are the same in both\n")
    assert shell("rollout", "*", "shadow") == (0, "*: legacy → shadow\n")
    assert 'agent_matrix_configs_agent_mode{agent="*",mode="shadow"} 1.0' in shell("status", "--prometheus")[1]
    code, text = shell("rollback")
    assert (code, "30 servers untouched, to the byte" in text) == (0, True)
    assert shell("restore", "b.jsonl")[0] == 0
    assert shell("status")[1].startswith("migration: none yet")


def test_a_backup_that_was_tampered_with_is_refused(shell: Shell, tmp_path: Path) -> None:
    shell("init")
    shell("generate", "--scale", 3)
    shell("backup", "b.jsonl")
    whole = (tmp_path / "b.jsonl").read_bytes()
    for damaged in (whole[:-40], whole.replace(b'"row"', b'"raw"', 1), b"", b"no backup"):
        (tmp_path / "b.jsonl").write_bytes(damaged)
        code, text = shell("restore", "b.jsonl")
        assert code == 2
        assert "b.jsonl" in text
        assert len(text.splitlines()) == 1


def test_what_is_imported_is_listed_and_exported_without_its_secrets(shell: Shell, tmp_path: Path) -> None:
    servers = {"linear": {"command": "npx", "args": ["-y", "linear-mcp"], "env": {"LINEAR_API_KEY": SECRET}}}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    (tmp_path / "policy.toml").write_text('[command]\nunresolved = "allow-listed-names"\n', encoding="utf-8")
    shell("init")
    code, text = shell("import", "mcp.json", "--agent", "genie")
    assert (code, text) == (0, "1 server added, 0 replaced, from mcp.json (mcpServers)\n")
    everything = text + shell("list")[1] + shell("list", "--json")[1] + shell("show", "linear")[1] + shell("export")[1]
    assert SECRET not in everything
    assert "genie" in everything
    assert shell("import", "mcp.json") == (2, "matrix: the store already has a server 'linear'\n")
    assert "mcpServers has no word for agents" in shell("export", "--dialect", "mcpServers")[1]
    code, text = shell("audit")
    assert (code, text.splitlines()[-1].split()[1:]) == (0, [text.splitlines()[-1].split()[1], "create", "linear"])
    assert "local:" in text


def test_a_file_is_judged_by_the_policy_that_is_named(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "mcp.json").write_text('{"mcpServers": {"linear": {"command": "bun"}}}', encoding="utf-8")
    (tmp_path / "policy.toml").write_text("[rules]\ncommand-not-allowed = false\n", encoding="utf-8")
    assert "command-not-allowed" in shell("read", "mcp.json")[1]
    assert "command-not-allowed" not in shell("read", "mcp.json", "--policy", "policy.toml")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("list", "--store", "mysql://x/y"), "mysql is no database that we know"),
        (("list", "--store", "nowhere/at/all.db"), "configs init --store nowhere/at/all.db"),
        (("import", "absent.json"), "absent.json"),
        (("show", "nobody"), "there is no database"),
        (("plan",), "there is no database"),
        (("verify",), "there is no database"),
        (("rollback",), "there is no database"),
        (("rollout", "genie", "sideways"), "sideways"),
    ],
)
def test_bad_input_gets_one_sentence(shell: Shell, words: tuple[str, ...], said: str) -> None:
    code, text = shell(*words)
    assert code == 2
    assert said in text
    assert len(text.splitlines()) == 1


def test_a_wrong_key_is_refused_at_once(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATRIX_CONFIGS_KEY", "short")
    code, text = shell("init")
    assert (code, "configs new-key" in text) == (2, True)


def test_no_agent_moves_before_a_migration(shell: Shell) -> None:
    shell("init")
    assert "no legacy tables" in shell("rollout", "genie", "new")[1]
    shell("generate", "--scale", 3)
    code, text = shell("rollout", "genie", "new")
    assert (code, "there was no migration yet" in text) == (2, True)
