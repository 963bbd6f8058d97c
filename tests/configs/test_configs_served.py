"""The server as it is started: its sentences, its end, its keys, and schemathesis against it; on both databases."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from matrix.cli.main import cli, main
from matrix.configs.api.server import is_loopback
from matrix.configs.keys import add_key
from matrix.configs.secrets import KEY_VARIABLE
from matrix.configs.testing import TestDatabase
from matrix.errors import UsageError
from tests.configs.configs_api_helpers import api
from tests.configs.configs_migration_helpers import KEY
from tests.configs.configs_samples import LINEAR

CHECKS = """
[checks.positive_data_acceptance]
# The security policy refuses what no schema can describe; a name may be unknown, taken, or changed; a state known.
expected-statuses = ["2xx", 304, 400, 401, 403, 404, 409, 412]
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "matrix", "configs", *arguments]


def key_of(url: str, *scopes: str) -> str:
    async def make() -> str:
        async with api(url) as opened, opened.database.writing() as connection:
            return (await add_key(connection, "owner", scopes))[1]

    return asyncio.run(make())


@contextmanager
def serving(url: str, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start the server on any free port; yields its address once it says it."""
    environment = {**os.environ, "MATRIX_CONFIGS_URL": url, KEY_VARIABLE: KEY}
    process = subprocess.Popen(
        command("serve", "--port", "0", *options), stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert said.startswith("serving "), said
        yield said.split()[-1], process
    finally:
        process.kill()
        process.communicate()


def test_a_key_made_on_the_command_line_opens_the_served_api_until_it_is_revoked(matrix_database: TestDatabase) -> None:
    def keys(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["configs", "key", *arguments, "--store", matrix_database.url])
        return result.output if result.exception is None else str(result.exception)

    key = keys("add", "owner", "--scope", "write", "--scope", "agent:genie").strip()
    web = httpx.Client(headers={"x-api-key": key}, trust_env=False)
    with serving(matrix_database.url) as (address, _), web:
        made = web.post(f"{address}/configs", json={**LINEAR, "agents": ["genie"]})
        assert made.status_code == 201, made.text
        assert web.get(f"{address}/agents/genie/configs").json()["items"] == [made.json()]
        assert "server" not in made.headers
        listed = keys("list")
        assert "agent:genie write" in listed
        assert key not in listed
        keys("revoke", "owner")
        assert web.get(f"{address}/configs/linear").status_code == 401
    assert "revoked" in keys("list")
    assert "there is, or was, a key 'owner'" in keys("add", "owner")
    assert "no key in force is called 'owner'; there are none" in keys("revoke", "owner")
    assert "'all' is no scope" in keys("add", "other", "--scope", "all")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_traceback(matrix_database: TestDatabase, number: signal.Signals) -> None:
    if matrix_database.kind != "sqlite":
        pytest.skip("the same server on both")
    with serving(matrix_database.url) as (_, process):
        assert process.stderr is not None
        assert "there is no key yet" in process.stderr.readline()
        process.send_signal(number)
        assert process.stderr.read() == ""
        assert process.wait() == 0


def test_what_is_no_http_and_a_head_without_end_are_problems_too(matrix_database: TestDatabase) -> None:
    if matrix_database.kind != "sqlite":
        pytest.skip("the same server on both")

    def sent(address: str, data: bytes) -> tuple[bytes, dict[str, Any]]:
        url = httpx.URL(address)
        with socket.create_connection((url.host, url.port or 0), 60) as connection:
            connection.sendall(data)
            head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
        assert b"content-type: application/problem+json" in head.lower()
        return head.splitlines()[0], json.loads(body)

    with serving(matrix_database.url) as (address, _):
        endless = b"GET /api/v1/mcp/health?"
        status, body = sent(address, endless.ljust(65537, b"a"))
        assert (status.split()[1], body["type"]) == (b"431", "urn:agent-matrix:problem:headers-too-large")
        status, body = sent(address, b"nonsense\r\n\r\n")
        assert (status.split()[1], body["type"]) == (b"400", "urn:agent-matrix:problem:no-http")
        whole = endless.ljust(60_000, b"a") + b" HTTP/1.1\r\nhost: x\r\n\r\n"
        status, body = sent(address, whole)
        assert (status.split()[1], body["type"]) == (b"414", "urn:agent-matrix:problem:uri-too-long")


def test_what_keeps_it_from_starting_is_one_sentence(
    matrix_database: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(url: str, *options: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["configs", "serve", "--store", url, *options])
        return int(ended.value.code or 0), capsys.readouterr().err

    if matrix_database.kind != "sqlite":
        pytest.skip("the same sentences on both")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, said in (
            (("--host", "0.0.0.0"), "there is no key, and 0.0.0.0 can be reached from other machines"),
            (("--port", port), f"cannot listen on 127.0.0.1:{port}: Address already in use"),
            (("--host", "no.such.host.invalid"), "--host 'no.such.host.invalid' is no address of this machine"),
            (("--policy", str(tmp_path / "none.toml")), "none.toml: cannot be read"),
        ):
            code, errors = start(matrix_database.url, *options)
            assert (code, errors.count("\n")) == (2, 1), errors
            assert said in errors
    code, errors = start(str(tmp_path / "none.db"))
    assert (code, "configs init" in errors) == (2, True)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("127.8.8.8", True), ("0.0.0.0", False), ("::", False)],
)
def test_only_loopback_is_taken_for_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(UsageError, match="is no address"):
        is_loopback("no.such.host.invalid")


def test_a_key_lets_it_be_served_to_others(matrix_database: TestDatabase) -> None:
    key_of(matrix_database.url, "read")
    with serving(matrix_database.url, "--host", "0.0.0.0") as (address, process):
        assert "0.0.0.0" in address
        assert process.stderr is not None
        assert "proxy with TLS" in process.stderr.readline()


def test_schemathesis_finds_nothing_that_the_document_does_not_say(
    matrix_database: TestDatabase, tmp_path: Path
) -> None:
    (tmp_path / "schemathesis.toml").write_text(CHECKS, encoding="utf-8")
    report = tmp_path / "report.ndjson"
    key = key_of(matrix_database.url, "write")
    with serving(matrix_database.url, "--rate", "1000000", "--wrong-keys", "1000000") as (address, _):
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run",
             f"{address}/openapi.json", "-H", f"x-api-key: {key}", "--checks", "all", "--max-examples", "10",
             "--generation-deterministic", "--no-color", "--suppress-health-check", "all",
             "--report-ndjson-path", str(report)],
            cwd=tmp_path, capture_output=True, text=True, timeout=550, check=False,
            env={**os.environ, "NO_PROXY": "*"},
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    asked = {json.loads(line).popitem()[0] for line in report.read_text(encoding="utf-8").splitlines()}
    assert "ScenarioFinished" in asked
    assert "9 selected / 9 total" in done.stdout
