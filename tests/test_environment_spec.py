"""Which packages are pinned exactly: of all others, two machines may install two versions."""

from __future__ import annotations

import pytest

from matrix.environment_spec import EnvironmentSpec

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    "requirement",
    [
        "x==1.0",
        "x == 1.0",
        "x===1.0",
        "x[extra,more]==1.0rc1+local.2",
        "x==1!2.0",
        "x==1.0; python_version < '3.12'",
        "x @ https://example.org/x-1.0-py3-none-any.whl",
        "x @ https://example.org/x-1.0.tar.gz#sha256=abc",
        f"x @ git+https://example.org/x.git@{COMMIT}",
        "./wheels/x-1.0-py3-none-any.whl",
    ],
)
def test_an_exact_version_an_archive_and_a_commit_are_pins_of_pypi(requirement: str) -> None:
    assert EnvironmentSpec("a", pypi=(requirement,)).unpinned == ()


@pytest.mark.parametrize(
    "requirement",
    ["x", "x>=1.0", "x~=1.0", "x==1.*", "x==1.0,!=1.0.1", "x!=1.0", "x[extra]", "x @ git+https://example.org/x@main"],
)
def test_every_other_requirement_of_pypi_is_told(requirement: str) -> None:
    assert EnvironmentSpec("a", pypi=("y==1", requirement)).unpinned == (requirement,)


@pytest.mark.parametrize(
    "package",
    [
        "x@1.2.3",
        "@scope/x@1.2.3-rc.1+build",
        "alias@npm:@scope/x@1.2.3",
        "https://example.org/x-1.0.0.tgz",
        f"github:owner/x#{COMMIT}",
    ],
)
def test_an_exact_version_an_archive_and_a_commit_are_pins_of_npm(package: str) -> None:
    assert EnvironmentSpec("a", npm=(package,)).unpinned == ()


@pytest.mark.parametrize(
    "package", ["x", "@scope/x", "x@latest", "x@1", "x@1.2", "x@^1.2.3", "x@>=1.2.3", "@1.2.3", "github:owner/x#main"]
)
def test_every_other_package_of_npm_is_told(package: str) -> None:
    assert EnvironmentSpec("a", pypi=("y",), npm=(package,)).unpinned == ("y", package)
