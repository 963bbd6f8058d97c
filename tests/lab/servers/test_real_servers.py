"""Every pinned real server is installed, started and probed, over each of its transports."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from matrix.errors import ConfigurationError, MatrixError
from matrix.lab.servers.prepare import filled, prepare_http, prepare_stdio, unavailable
from matrix.lab.servers.real import load_real_servers
from matrix.lab.servers.site import site_page
from matrix.registry import environments
from matrix.registry.environments import EnvironmentUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from anyio.abc import ByteReceiveStream

    from matrix.lab.servers.real import PinnedServer

REPOSITORY = Path(__file__).parents[3]
REAL = REPOSITORY / "mcp_stubs" / "real.toml"
SERVERS = load_real_servers(REAL)
CELLS = [
    pytest.param(server, transport, id=f"{server.name}-{transport}")
    for server in SERVERS
    for transport in ("stdio", "http")
    if getattr(server, transport)
]
HANG = 180  # seconds after which a test is given up; nothing comes near


def install(server: PinnedServer) -> Path:
    """Install the server's environment, or skip the test with the reason why this machine cannot have it."""
    if reason := unavailable(server):
        pytest.skip(reason)
    try:
        return environments.ensure(server.environment, print)
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))


class Site(BaseHTTPRequestHandler):
    """What the lab serves for the servers that fetch pages."""

    def do_GET(self) -> None:
        page = site_page(self.path)
        body = (page or "no such page").encode()
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
        """Say nothing: what was served shows in the answers."""


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}"
        finally:
            httpd.shutdown()
            thread.join()


@asynccontextmanager
async def reachable(server: PinnedServer, transport: str, root: Path) -> AsyncIterator[Target]:
    """Yield where the server is reached: a command for each client to start, or one address for all."""
    if transport == "stdio":
        yield Target(server, root, None)
        return
    for _ in range(5):  # somebody else may take the free port first
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        prepared = prepare_http(server, root, port)
        async with await anyio.open_process(
            prepared.argv, env=prepared.env, cwd=prepared.cwd, stdout=subprocess.DEVNULL
        ) as process:
            if await said(process.stderr, prepared.ready):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(said, process.stderr, None)  # a full pipe would block the server
                    yield Target(server, root, prepared.url)
                    process.kill()
                return
    pytest.fail(f"{server.name} never said {prepared.ready!r}")


async def said(stream: ByteReceiveStream, text: str | None) -> bool:
    """Read until the text has come; False where the stream ends before."""
    heard = b""
    async for chunk in stream:
        heard += chunk
        if text and text.encode() in heard:
            return True
    return False


@dataclass
class Target:
    """A way to reach one server, and the clients that go it."""

    server: PinnedServer
    root: Path
    url: str | None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        if self.url:
            async with Client(self.url) as client:
                yield client
            return
        prepared = prepare_stdio(self.server, self.root)
        parameters = StdioServerParameters(
            command=prepared.argv[0], args=list(prepared.argv[1:]), env=dict(prepared.env), cwd=prepared.cwd
        )
        with (self.root / f"{secrets.token_hex(8)}.stderr").open("w") as stderr:
            async with Client(stdio_client(parameters, errlog=stderr)) as client:
                yield client

    async def probe(self, site: str) -> None:
        """Put every probe from a client of its own."""
        async with self.client() as client:
            await self.probe_from(client, site)

    async def probe_from(self, client: Client, site: str) -> None:
        """Put every probe, as one run would, and check its answer."""
        token = f"t{secrets.token_hex(8)}"
        for probe in (filled(each, self.root, token, site) for each in self.server.probes):
            result = await client.call_tool(probe.tool, dict(probe.arguments))
            text = "\n".join(block.text for block in result.content if block.type == "text")
            assert not result.is_error, text
            assert probe.contains in text


@pytest.mark.anyio
@pytest.mark.parametrize(("server", "transport"), CELLS)
async def test_a_real_server_lists_the_tools_of_its_probes(server, transport, tmp_path):
    install(server)
    with anyio.fail_after(HANG):
        async with reachable(server, transport, tmp_path) as target, target.client() as client:
            listed = {tool.name for tool in (await client.list_tools()).tools}
    assert {probe.tool for probe in server.probes} <= listed


@pytest.mark.anyio
@pytest.mark.parametrize(("server", "transport"), CELLS)
async def test_eight_clients_at_once_get_each_its_own_answers(server, transport, tmp_path, site):
    install(server)
    with anyio.fail_after(HANG):
        async with reachable(server, transport, tmp_path) as target, anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(target.probe, site)


@pytest.mark.anyio
@pytest.mark.parametrize(("server", "transport"), CELLS)
async def test_eight_runs_on_one_client_get_each_its_own_answers(server, transport, tmp_path, site):
    install(server)
    with anyio.fail_after(HANG):
        async with (
            reachable(server, transport, tmp_path) as target,
            target.client() as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(8):
                tasks.start_soon(target.probe_from, client, site)


@pytest.mark.anyio
@pytest.mark.parametrize(("server", "transport"), CELLS)
async def test_a_server_writes_nothing_into_its_environment(server, transport, tmp_path, site):
    folder = install(server)
    before = {(path, path.lstat().st_mtime_ns) for path in folder.rglob("*")}
    with anyio.fail_after(HANG):
        async with reachable(server, transport, tmp_path) as target:
            await target.probe(site)
    assert {(path, path.lstat().st_mtime_ns) for path in folder.rglob("*")} == before


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_every_server_has_two_probes_and_exact_pins(server):
    assert len(server.probes) >= 2
    assert all("==" in pin for pin in server.environment.pypi)
    assert all("@" in pin[1:] for pin in server.environment.npm)


def test_files_are_laid_once_for_one_root(tmp_path):
    (server,) = (server for server in SERVERS if server.name == "filesystem")
    first = prepare_stdio(server, tmp_path)
    (tmp_path / "files" / "note.txt").write_text("changed by a run")
    assert prepare_stdio(server, tmp_path) == first
    assert (tmp_path / "files" / "note.txt").read_text() == "changed by a run"


def test_a_server_sees_no_variable_of_the_host_but_its_path(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "secret")
    (server,) = (server for server in SERVERS if server.name == "memory")
    env = prepare_stdio(server, tmp_path).env
    assert sorted(env) == ["HOME", "MEMORY_FILE_PATH", "PATH", "TMPDIR"]
    assert all(str(tmp_path) in value for name, value in env.items() if name != "PATH")


def test_a_setup_command_that_fails_is_told_in_words(tmp_path):
    (server,) = (server for server in SERVERS if server.name == "filesystem")
    server = replace(server, setup=(("{bin}/none",),))
    with pytest.raises(MatrixError, match=r"filesystem: the setup command .* failed: .*No such file"):
        prepare_stdio(server, tmp_path)


def test_a_program_that_is_not_there_is_known_without_installing(monkeypatch):
    (server,) = (server for server in SERVERS if server.name == "git")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert unavailable(server) == "git needs git, not found on PATH."


def test_a_transport_that_the_server_lacks_is_refused_in_words(tmp_path):
    (server,) = (server for server in SERVERS if server.name == "memory")
    with pytest.raises(MatrixError, match="the server memory is not to be had over HTTP"):
        prepare_http(server, tmp_path, 1)


GOOD = """
[environments.tiny]
pypi = ["tiny==1"]

[servers.tiny]
summary = "tiny"
environment = "tiny"
stdio = ["{bin}/tiny"]
probes = [{ tool = "echo", arguments = {}, contains = "x" }]
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[servers.tiny]", "[servers.tiny", "line 5: is no valid TOML"),
        ("{bin}/tiny", "{bim}/tiny", "servers.tiny.stdio: has the unknown placeholder {bim} (the nearest is {bin})"),
        ("{bin}/tiny", "{port}", "this place knows {bin}, {python}, {root}"),
        ('environment = "tiny"', 'environment = "tinny"', "servers.tiny.environment: names no environment"),
        ('pypi = ["tiny==1"]', "", "environments.tiny: needs a package"),
        ('stdio = ["{bin}/tiny"]', "", "servers.tiny: needs a command"),
        ('stdio = ["{bin}/tiny"]', "stdoi = []", "servers.tiny.stdoi: unknown key (the nearest is 'stdio')"),
        ('summary = "tiny"', 'summary = "tiny"\nfiles = { "../x" = "" }', "'../x' leaves the folder"),
        ('contains = "x"', 'contains = ""', "servers.tiny.probes.0.contains"),
    ],
)
def test_a_file_that_is_wrong_says_where_and_how_to_mend_it(tmp_path, old, new, told):
    file = tmp_path / "real.toml"
    file.write_text(GOOD)
    assert [server.name for server in load_real_servers(file)] == ["tiny"]
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigurationError) as caught:
        load_real_servers(file)
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"{file}: ")


def test_a_file_that_is_not_there_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_real_servers(tmp_path / "none.toml")


def test_reading_the_servers_imports_nothing_heavy():
    code = "import sys, matrix.lab.servers.real; print(*{'mcp', 'pydantic_ai', 'httpx', 'anyio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
