"""Of what a program writes to standard error the line that names the error is found, whatever its runtime is."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

from matrix.error_line import error_line, named_error

WRITTEN = {
    "node": (
        """
        file:///home/me/agent/run.mjs:4
        async function open() { throw new Error("401 Unauthorized"); }
                                ^

        Error: the server docs refused: 401 Unauthorized
            at open (file:///home/me/agent/run.mjs:4:31)
            at file:///home/me/agent/run.mjs:5:7

        Node.js v22.11.0
        """,
        "Error: the server docs refused: 401 Unauthorized",
    ),
    "node with a cause": (
        """
        TypeError: fetch failed
            at node:internal/deps/undici/undici:13185:13
            at async run (file:///a.mjs:2:1) {
          [cause]: Error: connect ECONNREFUSED 127.0.0.1:9
              at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16) {
            errno: -111,
            code: 'ECONNREFUSED'
          }
        }

        Node.js v22.11.0
        """,
        "TypeError: fetch failed (caused by: Error: connect ECONNREFUSED 127.0.0.1:9)",
    ),
    "node without a module": (
        """
        node:internal/modules/package_json_reader:267
          throw new ERR_MODULE_NOT_FOUND(packageName, fileURLToPath(base), null);
                ^

        Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'left-pad' imported from /a.mjs
            at Object.getPackageJSONURL (node:internal/modules/package_json_reader:267:9) {
          code: 'ERR_MODULE_NOT_FOUND'
        }

        Node.js v22.11.0
        """,
        "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'left-pad' imported from /a.mjs",
    ),
    "go": (
        """
        panic: connect: 401 Unauthorized

        goroutine 1 [running]:
        main.main()
        \t/home/me/agent/main.go:12 +0x1d
        exit status 2
        """,
        "panic: connect: 401 Unauthorized",
    ),
    "go's log.Fatal": (
        "2026/11/28 01:02:03 connect: 401 Unauthorized\nexit status 1\n",
        "2026/11/28 01:02:03 connect: 401 Unauthorized",
    ),
    "rust": (
        """
        thread 'main' panicked at src/main.rs:41:10:
        called `Result::unwrap()` on an `Err` value: Transport(Unauthorized)
        note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
        """,
        "called `Result::unwrap()` on an `Err` value: Transport(Unauthorized)",
    ),
    "rust with the number of its thread": (
        "\nthread 'tokio-rt' (2741) panicked at src/main.rs:4:1:\nno server\nnote: run with `RUST_BACKTRACE=1` …\n",
        "no server",
    ),
    "older rust": (
        "thread 'main' panicked at 'no server', src/main.rs:4:1\nnote: run with `RUST_BACKTRACE=1`\n",
        "no server",
    ),
    "anyhow": (
        """
        Error: cannot reach docs

        Caused by:
            0: error sending request
            1: connection refused
        """,
        "Error: cannot reach docs (caused by: connection refused)",
    ),
    "java": (
        """
        Exception in thread "main" java.lang.IllegalStateException: no session
        \tat com.acme.Agent.main(Agent.java:14)
        Caused by: java.net.ConnectException: Connection refused
        \tat java.base/sun.nio.ch.Net.connect(Net.java:1)
        \t... 1 more
        """,
        "java.lang.IllegalStateException: no session (caused by: java.net.ConnectException: Connection refused)",
    ),
    "dotnet": (
        "Unhandled exception. System.InvalidOperationException: no session\n   at Agent.Main() in /a.cs:line 3\n",
        "System.InvalidOperationException: no session",
    ),
    "argparse": (
        "usage: agent [-h] --config CONFIG\nagent: error: the following arguments are required: --config\n",
        "the following arguments are required: --config",
    ),
    "cobra": (
        "Error: unknown flag: --mcp\nUsage:\n  agent run [flags]\n\nFlags:\n  -h, --help\n",
        "Error: unknown flag: --mcp",
    ),
    "a log": ("INFO starting\n2026-11-28 ERROR mcp: docs: 401\nINFO bye\n", "2026-11-28 ERROR mcp: docs: 401"),
    "a shell": ("sh: 1: agent: not found\n", "sh: 1: agent: not found"),
    "nothing": ("\n \n", None),
}


@pytest.mark.parametrize("runtime", WRITTEN)
def test_the_line_that_names_the_error_is_found(runtime: str) -> None:
    written, expected = WRITTEN[runtime]
    assert error_line(dedent(written)) == expected


RAISED = {
    "an exception": ("raise ValueError('no server')", "ValueError: no server"),
    "a note": (
        "e = ValueError('no server'); e.add_note(\"During task with name 'tools' and id 'x'\"); raise e",
        "ValueError: no server",
    ),
    "a chain": (
        "try:\n    raise KeyError('a')\nexcept KeyError as e:\n    raise RuntimeError('no server') from e",
        "RuntimeError: no server",
    ),
    "a group": (
        "raise ExceptionGroup('outer', [ExceptionGroup('inner', [ValueError('no server'), KeyError('b')])])",
        "ValueError: no server",
    ),
    "an exception after a group": (
        "try:\n  raise ExceptionGroup('o', [KeyError('a')])\nexcept* KeyError:\n  pass\nraise ValueError('no server')",
        "ValueError: no server",
    ),
    "a syntax": ("exec('x = = 1')", "SyntaxError: invalid syntax"),
    "an exit": ("import sys; sys.exit('no server')", "no server"),
}


@pytest.mark.parametrize("what", RAISED)
def test_what_python_itself_prints_is_understood(what: str) -> None:
    code, expected = RAISED[what]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], stderr=subprocess.PIPE, text=True, check=False)
    assert error_line(done.stderr) == expected


def test_a_line_that_is_no_error_names_none() -> None:
    assert error_line("listening on 8000\n") == "listening on 8000"
    assert named_error("listening on 8000\n") is None
