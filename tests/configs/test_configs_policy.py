"""The security policy: everything of the attack corpora is refused by the rule meant for it; real configs pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix.configs.model import ServerConfig
from matrix.configs.policy import DEFAULT, Policy, read_policy, violations
from matrix.configs.rules.decoding import climbs, decoded
from matrix.configs.rules.urls import read_address
from matrix.errors import ConfigurationError
from tests.configs.configs_attacks import (
    ENVIRONMENTS,
    INJECTIONS,
    LEGITIMATE,
    NAMES,
    PROGRAMS,
    SQL,
    TRAVERSALS,
    URLS,
)

EMPTY = "/nonexistent-folder-of-programs"
UNRESOLVED = f'[command]\npath = ["{EMPTY}"]\n'
"""The default policy on a machine that has none of the programs: what is judged does not depend on ours."""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return _policy(tmp_path_factory.mktemp("policy"), UNRESOLVED)


def _policy(folder: Path, text: str) -> Policy:
    file = folder / "policy.toml"
    file.write_text(text, encoding="utf-8")
    return read_policy(file)


def _stdio(*command: str, **fields: Any) -> ServerConfig:
    return ServerConfig.read({"name": "server", "server_type": "stdio", "command": list(command), **fields})


def _http(url: str, **fields: Any) -> ServerConfig:
    return ServerConfig.read({"name": "server", "server_type": "http", "url": url, **fields})


def _broken(config: ServerConfig, policy: Policy) -> set[str]:
    return {each.rule for each in violations(config, policy)}


def _program(program: str) -> ServerConfig:
    """Make a config around the model, which itself refuses some of these programs (NUL)."""
    return _stdio("npx", "server").model_copy(update={"command": [program, "server"]})


def _named(name: str) -> ServerConfig:
    return _stdio("npx", "server").model_copy(update={"name": name})


def _passed(refused: list[tuple[str, object, set[str]]]) -> list[tuple[str, object, set[str]]]:
    return [(rule, attack, broken) for rule, attack, broken in refused if rule not in broken]


def test_every_command_and_argument_injection_is_refused_by_its_rule(policy: Policy) -> None:
    refused = [(rule, program, _broken(_program(program), policy)) for rule, program in PROGRAMS]
    refused += [
        (rule, words, _broken(_stdio("npx").model_copy(update={"command": words}), policy))
        for rule, words in INJECTIONS
    ]
    assert _passed(refused) == []
    assert len(PROGRAMS) >= 35
    assert len(refused) >= 60


def test_every_encoding_of_a_traversal_is_refused(policy: Policy) -> None:
    refused: list[tuple[str, object, set[str]]] = [
        ("argument-traversal", each, _broken(_stdio("npx", "-y", "server", each), policy)) for each in TRAVERSALS
    ]
    refused += [("cwd-traversal", each, _broken(_stdio("npx", "server", cwd=each), policy)) for each in TRAVERSALS]
    assert _passed(refused) == []
    assert len(set(TRAVERSALS)) == len(TRAVERSALS) >= 60


def test_every_attack_by_the_environment_is_refused_by_its_rule(policy: Policy) -> None:
    refused = [
        (rule, name, _broken(_stdio("npx", "server", environment={name: value}), policy))
        for rule, name, value in ENVIRONMENTS
    ]
    many = {f"A{number}_KEY": "1" for number in range(65)}
    refused.append(("environment-count", "many", _broken(_stdio("npx", "server", environment=many), policy)))
    assert _passed(refused) == []
    assert len(refused) >= 40


def test_every_bad_name_is_refused_by_its_rule(policy: Policy) -> None:
    assert _passed([(rule, name, _broken(_named(name), policy)) for rule, name in NAMES]) == []
    assert len(set(NAMES)) == len(NAMES) >= 30


def test_every_sql_injection_is_refused_as_the_name_of_a_server_and_of_an_agent(policy: Policy) -> None:
    refused = [("name-form", each, _broken(_named(each), policy)) for each in SQL]
    refused += [("agent-form", each, _broken(_stdio("npx", "server", agents=[each]), policy)) for each in SQL]
    assert _passed(refused) == []
    assert len(set(SQL)) == len(SQL) >= 25


def test_every_forged_url_is_refused_by_its_rule(policy: Policy) -> None:
    forged = [_http("https://x.example").model_copy(update={"url": url}) for _, url in URLS]
    refused = [(rule, url, _broken(config, policy)) for (rule, url), config in zip(URLS, forged, strict=True)]
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
    assert rule in _broken(_http("https://x.example", headers={name: value}), policy)


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
    config = _stdio("npx", "server", f"{secret};", environment={"LD_PRELOAD": secret, "API_KEY": f"{secret}\n"})
    found = violations(config, policy)
    assert len(found) == 3
    assert secret not in repr(found)


def test_sizes_depth_and_numbers_are_bounded(policy: Policy) -> None:
    deep: Any = 1
    for _ in range(20):
        deep = {"a": deep}
    assert _broken(_stdio("npx", "server", extra=deep), policy) == {"size-depth"}
    assert _broken(_stdio("npx", "server", extra="x" * 70_000), policy) == {"size-bytes"}
    assert _broken(_stdio("npx", "server", extra={str(n): 1 for n in range(1100)}), policy) == {"size-keys"}
    assert _broken(_stdio("npx", "server", timeout=999), policy) == {"timeout-range"}
    assert _broken(_stdio("npx", "server", timeout=300_001), policy) == {"timeout-range"}
    assert _broken(_stdio("npx", "server", retry_count=11), policy) == {"retry-range"}
    assert _broken(_stdio("npx", "server", timeout=1000, retry_count=10), policy) == set()
    assert _broken(_stdio("npx", "server", cwd="/srv/a\nb"), policy) == {"cwd-control"}


class Machine:
    """Real folders with real programs, and a policy that allows `tool` in the folder `bin`."""

    def __init__(self, folder: Path, **command: str) -> None:
        self.folder = folder
        self.bin = self.program("bin", "tool").parent
        options = "".join(f"{key} = {value}\n" for key, value in command.items())
        text = f'[command]\ndirectories = ["{self.bin}"]\npath = ["{self.bin}"]\n{options}'
        self.policy = _policy(folder, f'{text}[command.allowed]\ntool = ["tool"]\n')

    def program(self, folder: str, name: str) -> Path:
        """Make an executable file."""
        (self.folder / folder).mkdir(parents=True, exist_ok=True)
        file = self.folder / folder / name
        file.write_text("#!/bin/sh\n", encoding="utf-8")
        file.chmod(0o755)
        return file

    def broken(self, program: object) -> set[str]:
        """Return the rules that this program breaks."""
        return _broken(_program(str(program)), self.policy)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_program_in_an_allowed_folder_passes_by_name_and_by_path(machine: Machine) -> None:
    assert machine.broken("tool") == machine.broken(machine.bin / "tool") == set()


def test_a_sibling_folder_whose_name_begins_with_an_allowed_one_is_outside(machine: Machine) -> None:
    for sibling in ("bin-evil", "binary", "bin.old", "bin "):
        file = machine.program(sibling, "tool")
        assert machine.broken(file) & {"command-outside", "command-form"}


def test_a_symlink_out_of_an_allowed_folder_is_outside(machine: Machine) -> None:
    evil = machine.program("evil", "tool")
    (machine.bin / "tool").unlink()
    (machine.bin / "tool").symlink_to(evil)
    assert machine.broken("tool") == machine.broken(machine.bin / "tool") == {"command-outside"}


def test_a_chain_of_symlinks_and_a_folder_that_is_one_are_followed(machine: Machine) -> None:
    evil = machine.program("evil", "tool")
    (machine.folder / "middle").symlink_to(evil.parent, target_is_directory=True)
    (machine.bin / "tool").unlink()
    (machine.bin / "tool").symlink_to(machine.folder / "middle" / "tool")
    assert machine.broken("tool") == {"command-outside"}
    (machine.folder / "alias").symlink_to(machine.bin, target_is_directory=True)
    machine.program("bin", "other")
    assert machine.broken(machine.folder / "alias" / "tool") == {"command-outside"}


def test_a_symlink_into_an_allowed_folder_passes(machine: Machine) -> None:
    (machine.folder / "links").mkdir()
    (machine.folder / "links" / "tool").symlink_to(machine.bin / "tool")
    assert machine.broken(machine.folder / "links" / "tool") == set()


def test_an_allowed_name_that_leads_to_another_program_is_disguised(machine: Machine) -> None:
    shell = machine.program("bin", "shell")
    (machine.bin / "tool").unlink()
    (machine.bin / "tool").symlink_to(shell)
    assert machine.broken("tool") == {"command-disguised"}


def test_a_symlink_that_leads_nowhere_outside_or_to_itself_is_judged_by_where_it_points(machine: Machine) -> None:
    (machine.bin / "tool").unlink()
    (machine.bin / "tool").symlink_to(machine.folder / "evil" / "tool")
    assert machine.broken(machine.bin / "tool") == {"command-outside"}


def test_a_path_that_climbs_out_and_back_is_refused(machine: Machine) -> None:
    machine.program("evil", "tool")
    assert machine.broken(f"{machine.bin}/../evil/tool") == {"command-traversal"}
    assert machine.broken(f"{machine.bin}/../bin/tool") == {"command-traversal"}


def test_case_and_trailing_spaces_count(machine: Machine) -> None:
    assert machine.broken("TOOL") == {"command-not-allowed"}
    assert machine.broken(machine.bin / "Tool") == {"command-not-allowed"}
    assert machine.broken("tool ") == {"command-form"}


def test_a_program_that_is_not_there_is_judged_by_its_name_and_folder(machine: Machine) -> None:
    (machine.bin / "tool").unlink()
    assert machine.broken("tool") == machine.broken(machine.bin / "tool") == set()
    assert machine.broken(machine.folder / "evil" / "tool") == {"command-outside"}


def test_a_program_that_is_not_there_is_refused_where_the_policy_says_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path, unresolved='"refuse"')
    assert machine.broken("tool") == set()
    (machine.bin / "tool").unlink()
    assert machine.broken("tool") == machine.broken(machine.bin / "tool") == {"command-unresolved"}


def test_every_rule_stands_in_the_default_file_with_a_comment_and_can_be_switched_off(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    rules = read_policy().rules
    assert rules
    assert all(rules.values())
    assert all(re.search(rf"(?m)^{rule} = true +# \w", text) for rule in rules)
    off = _policy(tmp_path, "[rules]\n" + "".join(f"{rule} = false\n" for rule in rules))
    for _, words in INJECTIONS:
        assert violations(_stdio("npx").model_copy(update={"command": words}), off) == ()


def test_every_rule_of_the_file_has_an_attack_that_only_it_is_named_for() -> None:
    named = {rule for corpus in (PROGRAMS, INJECTIONS, NAMES, URLS) for rule, _ in corpus}
    named |= {rule for rule, _, _ in ENVIRONMENTS} | {"argument-traversal", "cwd-traversal", "agent-form"}
    elsewhere = {"size-bytes", "size-depth", "size-keys", "timeout-range", "retry-range", "cwd-control"}
    elsewhere |= {"header-form", "header-refused", "command-disguised", "command-unresolved", "environment-count"}
    assert named | elsewhere == set(read_policy().rules)


def test_an_owner_changes_what_the_file_names_and_keeps_the_rest(tmp_path: Path) -> None:
    text = '[urls]\nallow_private = true\n[arguments]\nmetacharacters = ";"\n[command.allowed]\ndocker = ["docker"]\n'
    changed = _policy(tmp_path, UNRESOLVED + text)
    assert _broken(_http("http://localhost:3000/mcp"), changed) == set()
    assert _broken(_http("http://169.254.169.254/"), changed) == {"url-metadata"}
    assert _broken(_stdio("npx", "server", "https://x.example/?a=b&c=d"), changed) == set()
    assert _broken(_stdio("docker", "run", "-i", "--rm", "mcp/fetch"), changed) == set()
    assert _broken(_stdio("npx", "server", "../x"), changed) == {"argument-traversal"}
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
        _policy(tmp_path, text)
    assert str(error.value).startswith(f"{tmp_path / 'policy.toml'}: {says}")
    assert "\n" not in str(error.value)


def test_a_policy_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_policy(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="no UTF-8 text"):
        read_policy(tmp_path / "binary.toml")


ENCODERS: dict[str, Callable[[str], str]] = {
    "as it is": lambda char: char,
    "percent": lambda char: f"%{ord(char):02x}",
    "double percent": lambda char: f"%25{ord(char):02X}",
    "triple percent": lambda char: f"%2525{ord(char):02x}",
    "overlong": lambda char: f"%{0xC0 | ord(char) >> 6:02x}%{0x80 | ord(char) & 0x3F:02x}",
    "longer": lambda char: f"%e0%{0x80 | ord(char) >> 6:02x}%{0x80 | ord(char) & 0x3F:02x}",
    "unicode": lambda char: f"%u{ord(char):04x}",
    "entity": lambda char: f"&#{ord(char)};",
    "full width": lambda char: chr(ord(char) + 0xFEE0),
    "full width, percent": lambda char: "".join(f"%{byte:02x}" for byte in chr(ord(char) + 0xFEE0).encode()),
}


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(sorted(ENCODERS)), min_size=4, max_size=4), st.sampled_from("/\\"))
def test_any_mixture_of_encodings_of_a_traversal_is_seen(ways: list[str], slash: str) -> None:
    encoded = "".join(ENCODERS[way](char) for way, char in zip(ways, f"{slash}..{slash}", strict=True))
    assert climbs(f"a{encoded}b")


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(max_size=60))
def test_decoding_ends_at_a_fixed_point(text: str) -> None:
    assert decoded(decoded(text)) == decoded(text)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(alphabet="ab./%2e1-_@:", max_size=40))
def test_only_a_component_of_dots_climbs(text: str) -> None:
    plain = "".join(char for char in text if char != "%")
    components = re.split(r"[/:@]+", plain)
    assert climbs(plain) == any(re.fullmatch(r"(?:-{1,2}\w*)?\.{2,}", each) is not None for each in components)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.ip_addresses(v=4), st.lists(st.sampled_from("dox"), min_size=4, max_size=4), st.integers(1, 4))
def test_an_address_is_read_in_every_spelling(address: Any, bases: list[str], parts: int) -> None:
    number = int(address)
    values = [number >> 8 * (3 - place) & 0xFF for place in range(parts - 1)]
    values.append(number & (256 ** (5 - parts) - 1))
    spelled = {"d": "{}", "o": "0{:o}", "x": "0x{:x}"}
    host = ".".join(spelled[base].format(value) for base, value in zip(bases, values, strict=False))
    assert read_address(host) == address


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.text(max_size=40), st.text(min_size=1, max_size=10))
def test_no_config_makes_the_policy_fail(words: list[str], url: str, name: str) -> None:
    config = _stdio("npx", "server").model_copy(
        update={"command": words, "url": url, "headers": {name: url}, "environment": {name: url}, "cwd": url}
    )
    for each in violations(config, read_policy()):
        assert each.rule in read_policy().rules
        assert each.message
        assert each.where.isprintable()
