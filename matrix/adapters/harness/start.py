"""The program that an agent's own interpreter is started with: python start.py.

Nothing of ours is installed there. What the harness needs of this package is imported from where this file lies, under
a name that no package of an owner's has; all of it is the standard library alone, Python 3.9 or later.
"""

import sys

del sys.path[0]  # where this file lies: nobody is to import from there

import importlib  # noqa: E402
import types  # noqa: E402

PACKAGE = "_agent_matrix"


def main() -> None:
    """Serve one agent until nobody asks any more."""
    package = types.ModuleType(PACKAGE)
    package.__path__ = [__file__.rsplit("/adapters/harness/", 1)[0]]
    sys.modules[PACKAGE] = package
    importlib.import_module(f"{PACKAGE}.adapters.harness.serve").main()


if __name__ == "__main__":
    main()
