"""An id belongs to one capability: a second one is refused, with both places, when its module is imported."""

from __future__ import annotations

import importlib
from pathlib import Path
from textwrap import dedent

import pytest

from matrix.capabilities import registry
from matrix.capabilities.registry import CapabilityRegisteredTwice, capability, registered

MODULE = """\
from matrix.capabilities.registry import capability


@capability("test.{name}", severity="core")
async def {function}(cell):
    '''A pass means something.'''
"""


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let a test register what it likes, without a trace, from modules in a folder of its own."""
    monkeypatch.setattr(registry, "_REGISTERED", {})
    monkeypatch.syspath_prepend(str(tmp_path))


def test_two_modules_with_one_id_are_refused_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "twice_one.py").write_text(dedent(MODULE).format(name="same", function="first"))
    (tmp_path / "twice_two.py").write_text("\n\n" + dedent(MODULE).format(name="same", function="second"))
    importlib.import_module("twice_one")
    with pytest.raises(CapabilityRegisteredTwice) as caught:
        importlib.import_module("twice_two")
    assert str(caught.value) == (
        "the capability 'test.same' is registered twice, by twice_one.first (line 4) and by twice_two.second (line 6); "
        "give one of them another id"
    )
    assert [each.check.__name__ for each in registered()] == ["first"]


def test_two_functions_of_one_name_and_id_are_two_places() -> None:
    def check(cell: object) -> None: ...

    capability("test.same", severity="core")(check)

    def check(cell: object) -> None: ...  # type: ignore[no-redef]

    with pytest.raises(CapabilityRegisteredTwice, match=r"registered twice, by .*check \(line \d+\) and by .*check"):
        capability("test.same", severity="core")(check)


def test_a_module_that_is_imported_again_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "once_more.py").write_text(MODULE.format(name="again", function="check"))
    module = importlib.import_module("once_more")
    importlib.reload(module)
    assert [each.id for each in registered()] == ["test.again"]
