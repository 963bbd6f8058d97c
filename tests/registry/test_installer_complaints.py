"""What installers say when they fail, reduced to the one sentence that a skipped cell shows."""

from __future__ import annotations

import pytest

from matrix.registry import environments

UV = """\
Using Python 3.11
error: No solution found when resolving dependencies
  cause: Because tiny was not found and you require tiny==1, we can conclude that.
"""
UV_AS_A_TREE = """\
  x No solution found when resolving dependencies:
  ╰─▶ Because tiny was not found and you
      require tiny==1, no.

hint: look elsewhere
"""
UV_WITHOUT_A_NETWORK = """\
error: Request failed
  cause: Failed to fetch: `http://example.invalid/x`
  cause: dns error: no host at http://example.invalid/x
"""
PIP = """\
WARNING: noise here
ERROR: No matching distribution found for tiny==1

[notice] A new release of pip is available
"""
NPM_UNKNOWN = """\
npm error code E404
npm error 404 Not Found - GET http://example.invalid/tiny
npm error 404
npm error 404  The requested resource 'tiny@1' could not be found or you have no permission.
npm error 404 tarball, folder, http url, or git url.
npm error A complete log of this run can be found in: /x
"""
NPM_NO_VERSION = """\
npm error code ETARGET
npm error notarget No matching version found for tiny@9.
npm error notarget In most cases you or one of your dependencies are wrong.
"""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (UV, "Because tiny was not found and you require tiny==1, we can conclude that."),
        (UV_AS_A_TREE, "Because tiny was not found and you require tiny==1, no."),
        (UV_WITHOUT_A_NETWORK, "dns error: no host at."),
        (PIP, "No matching distribution found for tiny==1."),
        (NPM_UNKNOWN, "'tiny@1' could not be found."),
        (NPM_NO_VERSION, "No matching version found for tiny@9."),
        ("", "the installer failed without saying why."),
    ],
)
def test_what_an_installer_says_is_reduced_to_its_cause(said, told):
    assert environments._complaint(said) == told
