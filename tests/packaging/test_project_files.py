"""What the project says about itself is so: extras, hooks, targets and files that its documents name."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.conftest import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
HOOKS: list[dict[str, Any]] = [
    hook for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"] for hook in repo["hooks"]
]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
HEAVY = (
    "aiosqlite",
    "alembic",
    "cryptography",
    "fastapi",
    "json5",
    "mcp",
    "prometheus_client",
    "psycopg",
    "pydantic_ai",
    "sqlalchemy",
)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_extra_that_a_document_names_is_there(document: str) -> None:
    named = {extra for names in re.findall(r"agent-matrix\[([\w,]+)\]", text(document)) for extra in names.split(",")}
    assert named <= set(PROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_that_a_document_names_is_there(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    assert set(re.findall(r"^(?:COVERAGE=1 )?make ([a-z]+)", text(document), re.MULTILINE)) <= targets


def test_every_target_is_explained_and_depends_on_no_file_of_its_name() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    explained = set(re.findall(r"^([a-z]+):.*## ", text("Makefile"), re.MULTILINE))
    phony = next(line for line in text("Makefile").splitlines() if line.startswith(".PHONY:")).split()[1:]
    assert targets == explained == set(phony)


def test_ci_runs_the_readmes_test_command() -> None:
    assert re.search(r"^make test\b", text("README.md"), re.MULTILINE)
    assert re.search(r"^(\w+=\w+ )*make test$", text(".ci/run"), re.MULTILINE)


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "SECURITY.md"])
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    linked = set(re.findall(r"\]\((?!https?:)([^)#]+)\)", text(document)))
    quoted = set(re.findall(r"`((?:matrix|tests|mcp_stubs|results|agents)/[\w./]*)`", text(document)))
    places = {each for each in linked | quoted if not re.search(r"[A-Z]{4}", Path(each).stem) or each in linked}
    assert sorted(each for each in places if not (ROOT / each).exists()) == []


def test_hooks_are_local_and_each_runs_a_program_of_the_projects_environment() -> None:
    for hook in HOOKS:
        program, *arguments = shlex.split(hook["entry"])
        assert hook["language"] == "system"
        assert program.startswith(".venv/bin/")
        assert Path(sys.prefix, "bin", Path(program).name).exists()
        if arguments[:1] == ["-m"]:
            command = [sys.executable, "-m", arguments[1], "--version"]
            assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 0
        assert all((ROOT / each).exists() for each in arguments if each.startswith("tests/"))


def test_hooks_come_from_this_repository_only() -> None:
    assert [repo["repo"] for repo in yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]] == ["local"]


def test_what_is_made_is_not_committed() -> None:
    made = [".coverage", ".coverage.host.1.x", "htmlcov/index.html", "dist/x.whl", "out/matrix.jsonl", ".venv/x"]
    made.append("configs-backup-20261127.jsonl")
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *made], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 128:
        pytest.skip("this is no checkout of git")
    assert done.stdout.split() == made


def test_the_command_line_imports_nothing_heavy_and_nothing_of_an_extra() -> None:
    code = f"import sys, matrix.cli.main; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
