"""Environments are built once, whole or not at all, and say in one sentence why they cannot be had."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from matrix.registry import environments
from matrix.registry.environments import EnvironmentSpec, EnvironmentUnavailable, available, bin_path, ensure, installed

REPOSITORY = Path(__file__).parents[2]
NPM = shutil.which("npm")
needs_npm = pytest.mark.skipif(NPM is None, reason="npm cannot be found on PATH")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Build into a cache of the test's own: these environments are tiny, and are made to fail."""
    monkeypatch.setenv("AGENT_MATRIX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheel(tmp_path) -> Path:
    """Make a package of one command, which prints `works`."""
    path = tmp_path / "tiny-1.0-py3-none-any.whl"
    info = "tiny-1.0.dist-info"
    files = {
        "tiny.py": "def main():\n    print('works')\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ntiny = tiny:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def tarball(tmp_path):
    """Return a maker of npm packages of one command, which prints `works`."""

    def make(node: str) -> Path:
        path = tmp_path / "tiny-1.0.0.tgz"
        package = {"name": "tiny", "version": "1.0.0", "bin": {"tiny": "tiny.js"}, "engines": {"node": node}}
        package["scripts"] = {"postinstall": "echo ran > ../../ran"}
        files = {
            "package.json": json.dumps(package),
            "tiny.js": "#!/usr/bin/env node\nconsole.log('works')\n",
        }
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size, entry.mode = len(text), 0o755
                archive.addfile(entry, io.BytesIO(text.encode()))
        return path

    return make


def output(spec: EnvironmentSpec) -> str:
    done = subprocess.run([bin_path(spec) / "tiny"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def sentence(error: EnvironmentUnavailable) -> str:
    """Check that a reason is one readable sentence without an address, and return it."""
    reason = str(error)
    assert reason == error.reason
    assert "\n" not in reason
    assert "://" not in reason
    assert reason.endswith(".")
    assert len(reason) < 400
    return reason


def test_an_environment_is_installed_on_first_use_only(wheel):
    spec = EnvironmentSpec("tiny", pypi=(str(wheel),))
    told: list[str] = []
    assert not installed(spec)
    folder = ensure(spec, told.append)
    assert installed(spec)
    assert ensure(spec, told.append) == folder == bin_path(spec).parent
    assert told == [f"installing {wheel} (kept for the next run)"]
    assert output(spec) == "works"


def test_other_pins_are_another_folder():
    specs = [
        EnvironmentSpec("a", pypi=("tiny==1",)),
        EnvironmentSpec("a", pypi=("tiny==2",)),
        EnvironmentSpec("a", npm=("tiny==1",)),
        EnvironmentSpec("b", pypi=("tiny==1",)),
        EnvironmentSpec("a", pypi=("tiny==1",), python="3.99"),
    ]
    assert len({bin_path(spec) for spec in specs}) == len(specs)


def test_without_uv_an_environment_is_made_with_venv_and_pip(wheel, monkeypatch):
    monkeypatch.setattr(environments, "_uv", lambda: None)
    spec = EnvironmentSpec("tiny", pypi=(str(wheel),))
    try:
        ensure(spec, print)
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))  # some systems split venv's pip into a package of its own
    assert output(spec) == "works"


@needs_npm
def test_an_npm_package_is_installed_without_running_its_scripts(tarball):
    spec = EnvironmentSpec("tiny", npm=(str(tarball(">=1")),))
    folder = ensure(spec, print)
    assert output(spec) == "works"
    assert not list(folder.rglob("ran"))


@needs_npm
def test_packages_of_both_kinds_share_one_folder_of_executables(wheel, tarball):
    spec = EnvironmentSpec("tiny", pypi=(str(wheel),), npm=(str(tarball(">=1")),))
    ensure(spec, print)
    assert (bin_path(spec) / "python").exists()
    assert output(spec) == "works"


def test_two_processes_that_want_the_same_environment_build_it_once(wheel):
    spec = EnvironmentSpec("tiny", pypi=(str(wheel),))
    code = (
        "import sys; from matrix.registry.environments import EnvironmentSpec, ensure; "
        "spec = EnvironmentSpec('tiny', pypi=(sys.argv[1],)); "
        "ensure(spec, lambda line: print(line.split()[0], flush=True))"
    )
    with environments._locked(spec, print):  # nobody builds before both have found that another one does
        both = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(wheel)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        assert [process.stdout.readline() for process in both] == ["waiting\n", "waiting\n"]
    told = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(told) == ["", "installing\n"]
    assert output(spec) == "works"


def test_the_lock_of_a_process_that_was_killed_is_free(wheel):
    spec = EnvironmentSpec("tiny", pypi=(str(wheel),))
    code = (
        "import sys; from matrix.registry import environments as e; "
        "spec = e.EnvironmentSpec('tiny', pypi=(sys.argv[1],)); "
        "lock = e._locked(spec, print); lock.__enter__(); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(wheel)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        told = []

        def progress(line):
            told.append(line)
            if line.startswith("waiting"):
                holder.kill()

        ensure(spec, progress)
    assert told[0] == "waiting for another process that installs tiny"
    assert told[1].startswith("installing ")
    assert output(spec) == "works"


def test_a_half_built_environment_is_removed_and_rebuilt(wheel):
    spec = EnvironmentSpec("tiny", pypi=(str(wheel),))
    rubbish = bin_path(spec) / "rubbish"
    rubbish.parent.mkdir(parents=True)
    rubbish.touch()
    assert not installed(spec)
    ensure(spec, print)
    assert not rubbish.exists()
    assert output(spec) == "works"


def test_an_environment_whose_python_has_gone_is_rebuilt(wheel):
    spec = EnvironmentSpec("tiny", pypi=(str(wheel),))
    ensure(spec, print)
    python = bin_path(spec) / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python")
    assert not installed(spec)
    ensure(spec, print)
    assert output(spec) == "works"


def test_a_failed_build_leaves_nothing_behind(tmp_path):
    spec = EnvironmentSpec("tiny", pypi=(str(tmp_path / "none-1.0-py3-none-any.whl"),))
    with pytest.raises(EnvironmentUnavailable):
        ensure(spec, print)
    assert not bin_path(spec).parent.exists()


@pytest.mark.parametrize(
    "spec",
    [
        EnvironmentSpec("tiny", pypi=("agent-matrix-no-such-package==0.0.1",)),
        pytest.param(EnvironmentSpec("tiny", npm=("agent-matrix-no-such-package@0.0.1",)), marks=needs_npm),
    ],
    ids=["pypi", "npm"],
)
def test_an_unknown_package_is_told_in_one_sentence(spec):
    with pytest.raises(EnvironmentUnavailable) as caught:
        ensure(spec, print)
    assert sentence(caught.value).startswith("tiny cannot be installed: ")


@needs_npm
def test_a_node_that_is_too_old_is_told_with_the_version_that_is_needed(tarball):
    spec = EnvironmentSpec("tiny", npm=(str(tarball(">=99")),))
    with pytest.raises(EnvironmentUnavailable) as caught:
        ensure(spec, print)
    assert "tiny@1.0.0 needs Node.js >=99, and this machine has v" in sentence(caught.value)


def test_a_missing_npm_is_known_without_installing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    spec = EnvironmentSpec("tiny", npm=("tiny@1.0.0",))
    reason = "tiny needs Node.js, and node and npm cannot be found on PATH."
    assert available(spec) == reason
    with pytest.raises(EnvironmentUnavailable) as caught:
        ensure(spec, print)
    assert sentence(caught.value) == reason


def test_a_missing_python_is_known_without_installing(monkeypatch):
    monkeypatch.setattr(environments, "_uv", lambda: None)
    spec = EnvironmentSpec("tiny", pypi=("tiny==1.0",), python="3.99")
    assert available(spec) == "tiny needs Python 3.99, and neither it nor uv can be found on PATH."


def test_what_is_installed_needs_no_installer(wheel, monkeypatch, tmp_path):
    spec = EnvironmentSpec("tiny", pypi=(str(wheel),))
    ensure(spec, print)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert available(spec) is None
    assert ensure(spec, print) == bin_path(spec).parent


def test_a_cache_that_is_a_file_is_told(cache, wheel):
    cache.touch()
    with pytest.raises(EnvironmentUnavailable) as caught:
        ensure(EnvironmentSpec("tiny", pypi=(str(wheel),)), print)
    assert "its cache cannot be written to" in sentence(caught.value)


@pytest.mark.parametrize(
    ("name", "packages"), [("../up", {"pypi": ("tiny==1",)}), ("", {"pypi": ("tiny==1",)}), ("tiny", {})]
)
def test_a_spec_that_names_no_folder_or_no_package_is_refused(name, packages):
    with pytest.raises(ValueError, match=r"cannot be the name|names no package"):
        EnvironmentSpec(name, **packages)
