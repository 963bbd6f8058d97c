"""What docs/harness.md promises: the smallest harness works, and ours is standard library, from Python 3.9 on."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from matrix.adapters.base import Model, Task
from matrix.adapters.harness import process
from matrix.adapters.harness.instance import HarnessStarter
from matrix.harness_spec import Harness, HarnessKind
from matrix.model import Agent
from tests.samples import A_TEST

REPOSITORY = Path(__file__).parents[2]
START = REPOSITORY / "matrix" / "adapters" / "harness" / "start.py"
LIBRARIES = {"pydantic_ai", "fastmcp", "respx"}
"""What is imported besides where an agent needs it: by the adapter of a pydantic-ai agent, and for `services`."""
LOADED = """\
import json, runpy, sys
sys.path.insert(0, "")
start = runpy.run_path({start!r})
try:
    start["main"]()
finally:
    names = [each for each in sys.modules if each.startswith(start["PACKAGE"] + ".")]
    print(json.dumps([sys.modules[each].__file__ for each in names if sys.modules[each].__file__]))
"""


@pytest.mark.anyio
async def test_the_smallest_harness_of_the_documentation_works(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "harness.md").read_text(encoding="utf-8")
    (tmp_path / "serve.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    (tmp_path / "my_package.py").write_text("def my_agent(task):\n    print('noise')\n    return task['prompt']\n")
    harness = Harness(HarnessKind.OWN, (sys.executable, "{folder}/serve.py"))
    start = HarnessStarter(Agent("smallest", A_TEST, folder=str(tmp_path)), harness, None, None)
    made = await start({})
    answer = await made.ask(Task("hello", {}, Model("openai-chat", "http://127.0.0.1:9/v1", "test", "m")))
    assert answer.text == "hello"
    assert start._running is not None
    start._running.process.end("the test is over")


def test_the_documentation_names_every_limit_as_it_is() -> None:
    page = " ".join((REPOSITORY / "docs" / "harness.md").read_text(encoding="utf-8").split())
    assert f"A line has {process.LINE_LIMIT // 2**20} MiB at most" in page
    assert f"within {process.START_SECONDS:g} s" in page


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the files of ours that the harness has in an agent's interpreter, those for pydantic-ai too."""
    folder = tmp_path_factory.mktemp("owner")
    (folder / "shop.py").write_text("raise RuntimeError\n")
    hello = json.dumps({"type": "hello", "target": "shop:agent", "folder": str(folder)})
    program = LOADED.format(start=str(START))
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], check=False, input=hello, capture_output=True, text=True
    )
    assert json.loads(ended.stdout)["type"] == "broken", ended.stderr
    files = [Path(each) for each in json.loads(ended.stderr.splitlines()[-1])]
    adapters = START.parents[1]
    return [START, *files, *(adapters / f"{name}.py" for name in ("pydantic_ai", "models", "own_servers", "toolsets"))]


def test_what_the_harness_imports_is_the_standard_library(loaded: list[Path]) -> None:
    """The process had neither our packages nor any installed one (`-I -S`), and said all the same what was wrong."""
    assert len(loaded) > 15
    foreign = {
        (path.name, top)
        for path in loaded
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for top in tops(node)
        if top not in sys.stdlib_module_names | LIBRARIES
    }
    assert foreign == set()


def tops(node: ast.AST) -> list[str]:
    """Return the packages that an absolute import names."""
    if isinstance(node, ast.Import):
        return [each.name.partition(".")[0] for each in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [str(node.module).partition(".")[0]]
    return []


NEWER = {"StrEnum", "NoneType", "Self", "BaseExceptionGroup", "ExceptionGroup", "TaskGroup", "packages_distributions"}
"""Names of the library that Python 3.9 does not have, as far as they come up here."""


def test_what_the_harness_is_written_in_is_python_3_9(loaded: list[Path]) -> None:
    for path in loaded:
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
        for_types = {id(each) for node in ast.walk(tree) if is_for_types_alone(node) for each in ast.walk(node)}
        nodes = [node for node in ast.walk(tree) if id(node) not in for_types]
        # What stands in an annotation is never looked up; what it needs, no module may import at run time.
        named = {getattr(each, "attr", getattr(each, "name", "")) for each in nodes}
        named |= {each.id for each in nodes if isinstance(each, ast.Name)} - {"Self"}
        keywords = {node.arg for node in nodes if isinstance(node, ast.keyword)}
        assert (named & NEWER, keywords & {"strict", "slots", "kw_only"}) == (set(), set()), path
        assert not [node for node in nodes if isinstance(node, ast.Match)], path


def is_for_types_alone(node: ast.AST) -> bool:
    """Whether a block is read by type checkers only."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
