"""The keys of the host are never an agent's in a hermetic run: placeholders stand where providers look for theirs."""

from __future__ import annotations

import re
from pathlib import Path

import pydantic_ai.providers
import pytest

from matrix.adapters.provider_keys import PROVIDER_KEYS, set_variables
from matrix.model import Agent

OF_OTHER_PROTOCOLS = {
    "AWS_BEARER_TOKEN_BEDROCK",
    "CO_API_KEY",
    "ELEVENLABS_API_KEY",
    "AZURE_VOICELIVE_API_KEY",
    "HF_TOKEN",
    "MISTRAL_API_KEY",
    "VOYAGE_API_KEY",
    "XAI_API_KEY",
}
"""What providers look up that the scripted model does not speak for."""
OLDER_NAMES = {"PAIG_API_KEY"}


def test_every_provider_that_is_spoken_for_finds_a_key() -> None:
    looked_up: set[str] = set()
    for path in Path(pydantic_ai.providers.__file__).parent.glob("*.py"):
        looked_up |= set(re.findall(r"'([A-Z][A-Z0-9_]*_(?:API_KEY|KEY|TOKEN))'", path.read_text()))
        looked_up |= set(re.findall(r"getenv\('([A-Z0-9_]*TOKEN[A-Z0-9_]*)'", path.read_text()))
    assert looked_up - OF_OTHER_PROTOCOLS - OLDER_NAMES == set(PROVIDER_KEYS) & looked_up
    assert set(PROVIDER_KEYS) - looked_up == set(), "a name that no provider looks up any more"


@pytest.mark.parametrize("name", sorted(PROVIDER_KEYS))
def test_a_key_of_the_host_is_not_seen(name: str) -> None:
    environ = {name: "of the host", "OTHER": "kept"}
    set_variables(Agent("shop", "this test"), environ, live=False)
    assert environ[name] == PROVIDER_KEYS[name]
    assert environ["OTHER"] == "kept"


def test_in_a_hermetic_run_the_row_goes_before_the_host_and_a_key_for_live_runs_is_not_there() -> None:
    row = Agent("shop", "this test", env={"OPENAI_API_KEY": "row", "SHOP": "row"}, live_keys=("SHOP_KEY",))
    environ = {"OPENAI_API_KEY": "host", "SHOP": "host", "SHOP_KEY": "host"}
    set_variables(row, environ, live=False)
    assert (environ["OPENAI_API_KEY"], environ["SHOP"]) == ("row", "row")
    assert "SHOP_KEY" not in environ


def test_in_a_live_run_the_host_goes_first_and_nothing_stands_in() -> None:
    row = Agent("shop", "this test", env={"OPENAI_API_KEY": "row", "SHOP": "row"}, live_keys=("OPENAI_API_KEY",))
    environ = {"OPENAI_API_KEY": "host"}
    set_variables(row, environ, live=True)
    assert environ == {"OPENAI_API_KEY": "host", "SHOP": "row"}
