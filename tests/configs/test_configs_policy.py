"""The security policy: everything of the attack corpora is refused by the rule meant for it; real configs pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix.configs.model import ServerConfig
from matrix.configs.policy import DEFAULT, Policy, read_policy, violations
from matrix.errors import ConfigurationError
from tests.configs.attacks.corpora import (
    ENVIRONMENTS,
    INJECTIONS,
    LEGITIMATE,
    NAMES,
    PROGRAMS,
    SQL,
    TRAVERSALS,
    URLS,
)
from tests.configs.configs_policy_helpers import UNRESOLVED, broken_rules, http, named, policy_of, running, stdio


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_of(tmp_path_factory.mktemp("policy"), UNRESOLVED)


def _passed(refused: list[tuple[str, object, set[str]]]) -> list[tuple[str, object, set[str]]]:
    return [(rule, attack, broken) for rule, attack, broken in refused if rule not in broken]


def test_every_command_and_argument_injection_is_refused_by_its_rule(policy: Policy) -> None:
    refused = [(rule, program, broken_rules(running(program), policy)) for rule, program in PROGRAMS]
    refused += [
        (rule, words, broken_rules(stdio("npx").model_copy(update={"command": words}), policy))
        for rule, words in INJECTIONS
    ]
    assert _passed(refused) == []
    assert len(PROGRAMS) >= 35
    assert len(refused) >= 60


def test_every_encoding_of_a_traversal_is_refused(policy: Policy) -> None:
    refused: list[tuple[str, object, set[str]]] = [
        ("argument-traversal", each, broken_rules(stdio("npx", "-y", "server", each), policy)) for each in TRAVERSALS
    ]
    refused += [("cwd-traversal", each, broken_rules(stdio("npx", "server", cwd=each), policy)) for each in TRAVERSALS]
    assert _passed(refused) == []
    assert len(set(TRAVERSALS)) == len(TRAVERSALS) >= 60


def test_every_attack_by_the_environment_is_refused_by_its_rule(policy: Policy) -> None:
    refused = [
        (rule, name, broken_rules(stdio("npx", "server", environment={name: value}), policy))
        for rule, name, value in ENVIRONMENTS
    ]
    many = {f"A{number}_KEY": "1" for number in range(65)}
    refused.append(("environment-count", "many", broken_rules(stdio("npx", "server", environment=many), policy)))
    assert _passed(refused) == []
    assert len(refused) >= 40


def test_every_bad_name_is_refused_by_its_rule(policy: Policy) -> None:
    assert _passed([(rule, name, broken_rules(named(name), policy)) for rule, name in NAMES]) == []
    assert len(set(NAMES)) == len(NAMES) >= 30


def test_every_sql_injection_is_refused_as_the_name_of_a_server_and_of_an_agent(policy: Policy) -> None:
    refused = [("name-form", each, broken_rules(named(each), policy)) for each in SQL]
    refused += [("agent-form", each, broken_rules(stdio("npx", "server", agents=[each]), policy)) for each in SQL]
    assert _passed(refused) == []
    assert len(set(SQL)) == len(SQL) >= 25


def test_every_forged_url_is_refused_by_its_rule(policy: Policy) -> None:
    forged = [http("https://x.example").model_copy(update={"url": url}) for _, url in URLS]
    refused = [(rule, url, broken_rules(config, policy)) for (rule, url), config in zip(URLS, forged, strict=True)]
    assert _passed(refused) == []
    assert len({url for _, url in URLS}) == len(URLS) >= 30


@pytest.mark.parametrize(
    ("rule", "name", "value"),
    [
        ("header-form", "X Key", "a"),
        ("header-form", "", "a"),
        ("header-form", "X-Key", "a\r\nHost: evil"),
        ("header-form", "X-Kéy", "a"),
        ("header-refused", "Host", "evil.example"),
        ("header-refused", "transfer-encoding", "chunked"),
    ],
)
def test_a_forged_header_is_refused(policy: Policy, rule: str, name: str, value: str) -> None:
    assert rule in broken_rules(http("https://x.example", headers={name: value}), policy)


def test_real_world_configs_pass(policy: Policy) -> None:
    refused = []
    for fields in LEGITIMATE:
        kind = "stdio" if "command" in fields else "http"
        config = ServerConfig.read({"name": "server", "server_type": kind, "agents": ["stan_email"], **fields})
        refused += [(fields, each) for each in violations(config, policy)]
    assert refused == []
    assert len(LEGITIMATE) >= 40


def test_a_violation_names_no_value_of_the_config(policy: Policy) -> None:
    secret = "sk-live-0123456789abcdef"
    config = stdio("npx", "server", f"{secret};", environment={"LD_PRELOAD": secret, "API_KEY": f"{secret}\n"})
    found = violations(config, policy)
    assert len(found) == 3
    assert secret not in repr(found)


def test_sizes_depth_and_numbers_are_bounded(policy: Policy) -> None:
    deep: Any = 1
    for _ in range(20):
        deep = {"a": deep}
    assert broken_rules(stdio("npx", "server", extra=deep), policy) == {"size-depth"}
    assert broken_rules(stdio("npx", "server", extra="x" * 70_000), policy) == {"size-bytes"}
    assert broken_rules(stdio("npx", "server", extra={str(n): 1 for n in range(1100)}), policy) == {"size-keys"}
    assert broken_rules(stdio("npx", "server", timeout=999), policy) == {"timeout-range"}
    assert broken_rules(stdio("npx", "server", timeout=300_001), policy) == {"timeout-range"}
    assert broken_rules(stdio("npx", "server", retry_count=11), policy) == {"retry-range"}
    assert broken_rules(stdio("npx", "server", timeout=1000, retry_count=10), policy) == set()
    assert broken_rules(stdio("npx", "server", cwd="/srv/a\nb"), policy) == {"cwd-control"}


def test_every_rule_stands_in_the_default_file_with_a_comment_and_can_be_switched_off(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    rules = read_policy().rules
    assert rules
    assert all(rules.values())
    assert all(re.search(rf"(?m)^{rule} = true +# \w", text) for rule in rules)
    off = policy_of(tmp_path, "[rules]\n" + "".join(f"{rule} = false\n" for rule in rules))
    for _, words in INJECTIONS:
        assert violations(stdio("npx").model_copy(update={"command": words}), off) == ()


def test_every_rule_of_the_file_has_an_attack_that_only_it_is_named_for() -> None:
    named = {rule for corpus in (PROGRAMS, INJECTIONS, NAMES, URLS) for rule, _ in corpus}
    named |= {rule for rule, _, _ in ENVIRONMENTS} | {"argument-traversal", "cwd-traversal", "agent-form"}
    elsewhere = {"size-bytes", "size-depth", "size-keys", "timeout-range", "retry-range", "cwd-control"}
    elsewhere |= {"header-form", "header-refused", "command-disguised", "command-unresolved", "environment-count"}
    assert named | elsewhere == set(read_policy().rules)


def test_an_owner_changes_what_the_file_names_and_keeps_the_rest(tmp_path: Path) -> None:
    text = '[urls]\nallow_private = true\n[arguments]\nmetacharacters = ";"\n[command.allowed]\ndocker = ["docker"]\n'
    changed = policy_of(tmp_path, UNRESOLVED + text)
    assert broken_rules(http("http://localhost:3000/mcp"), changed) == set()
    assert broken_rules(http("http://169.254.169.254/"), changed) == {"url-metadata"}
    assert broken_rules(stdio("npx", "server", "https://x.example/?a=b&c=d"), changed) == set()
    assert broken_rules(stdio("docker", "run", "-i", "--rm", "mcp/fetch"), changed) == set()
    assert broken_rules(stdio("npx", "server", "../x"), changed) == {"argument-traversal"}
    assert changed.names == read_policy().names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[rules]\nname-from = true\n", "rules.name-from: is no rule"),
        ("[arguments]\nlenght = 5\n", "arguments.lenght: unknown key (the nearest is 'length')"),
        ("[arguments]\nlength = -5\n", "arguments.length: "),
        ('[arguments]\nlength = "5"\n', "arguments.length: "),
        ('[names]\nserver = "["\n', "names.server: is no regular expression"),
        ('[command]\npath = ["bin"]\n', "command.path.0: 'bin' is no absolute folder"),
        ('[command]\ndirectories = ["/srv/../etc"]\n', "command.directories.0: "),
        ('[command]\nunresolved = "maybe"\n', "command.unresolved: "),
        ("rules = 5\n", "rules: "),
        ('[interpreters.npx]\nruns = { bun = "bun" }\n', "interpreters.npx.runs: 'bun' is none of the interpreters"),
        ("[rules\n", "line 1: is no valid TOML"),
    ],
)
def test_a_policy_that_cannot_be_one_is_refused_with_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        policy_of(tmp_path, text)
    assert str(error.value).startswith(f"{tmp_path / 'policy.toml'}: {says}")
    assert "\n" not in str(error.value)


def test_a_policy_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_policy(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="no UTF-8 text"):
        read_policy(tmp_path / "binary.toml")


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.text(max_size=40), st.text(min_size=1, max_size=10))
def test_no_config_makes_the_policy_fail(words: list[str], url: str, name: str) -> None:
    config = stdio("npx", "server").model_copy(
        update={"command": words, "url": url, "headers": {name: url}, "environment": {name: url}, "cwd": url}
    )
    for each in violations(config, read_policy()):
        assert each.rule in read_policy().rules
        assert each.message
        assert each.where.isprintable()
