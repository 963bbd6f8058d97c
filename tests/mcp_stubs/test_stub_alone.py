"""Each stub also runs alone, in its own process, over every transport."""

import signal
import socket
import subprocess
import sys

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.shared.exceptions import MCPError

from mcp_stubs import noisy, postonly, postonly404
from mcp_stubs._room import Room

pytestmark = pytest.mark.anyio


def program(root, name, *arguments):
    return StdioServerParameters(command=sys.executable, args=["-m", f"mcp_stubs.{name}", *arguments], cwd=root)


def run(root, name, *arguments):
    argv = [sys.executable, "-m", f"mcp_stubs.{name}", *arguments]
    pipes = {"capture_output": True, "stdin": subprocess.DEVNULL}
    return subprocess.run(argv, cwd=root, check=False, text=True, timeout=60, **pipes)


def reach(transport, url):
    return url if transport == "http" else sse_client(url)


@pytest.mark.parametrize(("name", "arguments", "called"), [("echo", (), "echo"), ("echo", ("--name", "n"), "n")])
async def test_a_stub_speaks_over_stdio_under_its_name(root, said, name, arguments, called):
    async with Client(program(root, name, *arguments)) as client:
        assert client.server_info.name == called
        assert said(await client.call_tool("echo", {"text": "x"})) == "x"


@pytest.mark.parametrize("transport", ["http", "sse"])
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_stub_speaks_over_http_and_sse_with_several_calls_at_once(listening, said, transport, mode):
    answers = []
    with listening("slow", transport) as (_, url):
        assert url.endswith({"http": "/mcp", "sse": "/sse"}[transport])
        async with Client(reach(transport, url), mode=mode) as client:

            async def enter(token):
                answers.append(said(await client.call_tool("turnstile", {"token": token, "of": 2})))

            async with anyio.create_task_group() as group:
                group.start_soon(enter, "a")
                group.start_soon(enter, "b")
    assert sorted(answers) == ["a", "b"]


async def test_a_session_over_http_is_one_session(listening, said):
    with listening("stateful", "http") as (_, url):
        async with Client(url, mode="legacy") as one, Client(url, mode="legacy") as two:
            counts = [said(await client.call_tool("count", {})) for client in (one, one, two)]
    assert counts == ["1", "2", "1"]


async def test_curious_asks_over_http_on_the_stream_of_the_call(listening, said):
    with listening("curious", "http") as (_, url):
        async with Client(url) as client:
            assert client.protocol_version == "2025-11-25"
            assert '"ping": "answered"' in said(await client.call_tool("probe_client", {}))


async def test_refuses_discover_also_over_http(listening, said):
    with listening("refuses_discover", "http") as (_, url):
        async with Client(url) as client:
            assert client.protocol_version == "2025-11-25"
            assert said(await client.call_tool("echo", {"text": "x"})) == "x"


@pytest.mark.parametrize(("stub", "status", "allow"), [(postonly, 405, "POST, DELETE"), (postonly404, 404, None)])
async def test_postonly_refuses_get(stub, status, allow):
    app = stub.http(stub.create("postonly", Room()).streamable_http_app())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as client:
        answer = await client.get("/mcp", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.headers.get("Allow"), answer.text) == (status, allow, "")


@pytest.mark.parametrize("name", ["postonly", "postonly404"])
async def test_postonly_answers_everything_else(listening, said, name):
    with listening(name, "http") as (_, url):
        async with Client(url, mode="legacy") as client:
            assert said(await client.call_tool("echo", {"text": "x"})) == "x"


async def test_mortal_takes_its_process_along(listening, root, said):
    async with Client(program(root, "mortal")) as client:
        assert said(await client.call_tool("survive", {"text": "alive"})) == "alive"
        with pytest.raises(MCPError, match="Connection closed"):
            await client.call_tool("die", {})
    with listening("mortal", "http") as (process, url):
        with httpx.Client() as client:
            headers = {"Accept": "application/json, text/event-stream"}
            version = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "die"}
            meta = {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            }
            params = {"name": "die", "arguments": {}, "_meta": meta}
            call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            with pytest.raises(httpx.TransportError):
                client.post(url, json=call, headers=headers | version)
        assert process.wait(30) == 1


async def test_noisy_floods_the_stderr_of_its_process(root, said, tmp_path):
    with (tmp_path / "stderr").open("w+") as errlog:
        async with Client(stdio_client(program(root, "noisy"), errlog)) as client:
            assert said(await client.call_tool("echo", {"text": "x"})) == "x"
    assert (tmp_path / "stderr").read_text() == noisy.FLOOD


def test_dying_exits_three_with_its_one_line(root):
    done = run(root, "dying", "--name", "broken")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "broken: cannot start: no such database\n")


def test_a_stub_ends_when_its_stdin_does(root):
    done = run(root, "echo")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("echo", ("--port", "x"), "argument --port: 'x' is not a port.\n"),
        ("echo", ("--port", "65536"), "argument --port: '65536' is not a port.\n"),
        ("echo", ("--nonesuch",), "unrecognized arguments: --nonesuch\n"),
        ("postonly", ("--transport", "stdio"), "argument --transport: invalid choice: 'stdio'"),
    ],
)
def test_bad_arguments_get_one_sentence_and_exit_two(root, name, arguments, sentence):
    done = run(root, name, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_gets_one_sentence_too(root):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(root, "echo", "--transport", "http", "--port", str(port))
    assert done.returncode == 2
    assert done.stderr.startswith(f"Port {port} cannot be used: ")
    assert done.stderr.count("\n") == 1


def test_help_says_the_behaviour(root):
    done = run(root, "echo", "--help")
    assert done.returncode == 0
    assert "A tool that returns its text as it is." in done.stdout


@pytest.fixture
def heeded():
    """Have Ctrl-C heeded by what we start, also where whoever started us has it ignored, as background jobs do."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_ctrl_c_is_quiet(listening, root):
    with listening("echo", "http") as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == ""
    argv = [sys.executable, "-m", "mcp_stubs.echo"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(argv, cwd=root, text=True, **pipes) as process:
        process.stdin.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        process.stdin.flush()
        assert process.stdout.readline() == '{"jsonrpc":"2.0","id":1,"result":{}}\n'
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == ""
