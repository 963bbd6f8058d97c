"""What an owner's code raised is told in one line, and a variable that it lacks with the mend."""

from __future__ import annotations

import os

import pytest
from pydantic_settings import BaseSettings, SettingsConfigDict

from matrix.raised import Explained, mend_of_missing, missing_variables, told


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_")
    token: str
    region: str = "eu"


def raised_by(action) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011  (whatever it raises)
        action()
    return caught.value


def wrapped() -> None:
    try:
        os.environ["SHOP_TOKEN"]
    except KeyError as problem:
        raise RuntimeError("no configuration") from problem


@pytest.mark.parametrize(
    "action",
    [
        lambda: os.environ["SHOP_TOKEN"],
        wrapped,
        Settings,
        lambda: (_ for _ in ()).throw(ValueError("Set the `SHOP_TOKEN` environment variable or pass it")),
        lambda: (_ for _ in ()).throw(RuntimeError("SHOP_TOKEN is not set")),
        lambda: (_ for _ in ()).throw(ExceptionGroup("all", [ValueError("missing SHOP_TOKEN")])),
    ],
)
def test_a_missing_variable_is_named_with_its_mend(action, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    problem = raised_by(action)
    assert missing_variables(problem) == ("SHOP_TOKEN",)
    assert told(problem).endswith('; give it a value in `env` of the row: env = { SHOP_TOKEN = "…" }')


@pytest.mark.parametrize(
    "problem",
    [
        KeyError("SHOP_TOKEN"),
        ValueError("the tool GET_USER_INFO is required"),
        ValueError("HTTP_ERROR: the field max_tokens is missing"),
        ValueError("the environment has no door"),
        ConnectionError("All connection attempts failed"),
    ],
)
def test_an_error_about_something_else_has_no_such_mend(problem: Exception) -> None:
    assert mend_of_missing(problem) is None


def test_a_variable_that_is_set_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "x")
    assert missing_variables(ValueError("the environment variable SHOP_TOKEN is malformed")) == ()


def test_of_a_group_the_first_is_told() -> None:
    inner = ExceptionGroup("inner", [ValueError("a"), KeyError("b")])
    assert told(ExceptionGroup("outer", [inner])) == "ValueError: a"


def test_what_is_explained_already_is_told_as_it_is() -> None:
    assert told(ExceptionGroup("outer", [Explained("give it a key")])) == "give it a key"
