"""A TOML file that cannot be read, or says what it may not, is told in one sentence: file, place, and mend."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from matrix.errors import ConfigurationError
from matrix.toml_file import checked, read_toml


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: Literal["red", "green"] = "red"
    size: Annotated[int | None, Field(gt=0)] = None


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: Inner = Inner()
    maybe: Inner | None = None
    many: list[Inner] = []
    named: Annotated[dict[str, Inner], Field(max_length=3)] = {}
    weird: str = Field(default="", alias="what-ever")


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_toml(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert "\n" not in told
    return told.removeprefix(f"{path}: ")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b'\xef\xbb\xbfa = "x"\r\nb = 2\r\n')
    assert read_toml(tmp_path / "a.toml") == {"a": "x", "b": 2}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a = 1\nb = \n", "line 2: is no valid TOML: Invalid value"),
        (b"a = 1\na = 2\n", "line 2: is no valid TOML: Cannot overwrite a value"),
        (b"a = [", "is no valid TOML: "),
        (b"a = " + b"9" * 5000, "is no valid TOML: Exceeds the limit"),
        (b"a = " + b"[" * 100_000, "nests too deeply to be read"),
        (b"caf\xe9 = 1", "is no UTF-8 text; save it as UTF-8"),
        ("a = 1".encode("utf-16"), "is no UTF-8 text; save it as UTF-8"),
        (b"a\0 = 1", "line 1: is no valid TOML: "),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "a.toml").write_bytes(content)
    assert refusal(tmp_path / "a.toml").startswith(told)


def test_what_cannot_be_read_is_told_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    (tmp_path / "gone.toml").symlink_to(tmp_path / "nothing")
    assert refusal(tmp_path / "none.toml") == "cannot be read: No such file or directory"
    assert refusal(tmp_path / "gone.toml") == "cannot be read: No such file or directory"
    assert refusal(tmp_path / "folder.toml") == "cannot be read: Is a directory"
    assert refusal(tmp_path / "loop.toml") == "cannot be read: Too many levels of symbolic links"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"iner": {}}, "iner: unknown key (the nearest is 'inner')"),
        ({"inner": {"color": "red"}}, "inner.color: unknown key (the nearest is 'colour')"),
        ({"maybe": {"color": "red"}}, "maybe.color: unknown key (the nearest is 'colour')"),
        ({"many": [{}, {"siz": 1}]}, "many.1.siz: unknown key (the nearest is 'size')"),
        ({"named": {"x": {"zzz": 1}}}, "named.x.zzz: unknown key (known are colour, size)"),
        ({"whatever": ""}, "whatever: unknown key (the nearest is 'what-ever')"),
        ({"inner": {"colour": "blue"}}, "inner.colour: Input should be 'red' or 'green'"),
        ({"inner": 3}, "inner: Input should be a valid dictionary or instance of Inner"),
    ],
)
def test_a_key_that_is_none_is_told_with_the_nearest(document: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked(Outer, document, "a.toml")
    assert str(caught.value) == f"a.toml: {told}"
