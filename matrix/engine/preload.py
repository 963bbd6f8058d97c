"""What the fork server imports once, so that every worker starts with it in place.

No thread may be alive after these imports: workers are forked from here. Ctrl-C is not for the fork server, nor for
workers: the parent decides when an interrupted run ends. It is held back until here (see process.py).
"""

import importlib
import os
import signal

from matrix.processes import CANCELLING, SAFE_PATH, SAFE_PATH_IS_OURS

if signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, CANCELLING)

from matrix.capabilities.registry import find_capabilities

if os.environ.pop(SAFE_PATH_IS_OURS, None):
    del os.environ[SAFE_PATH]
find_capabilities()
for _name in (
    "jsonschema",
    "matrix.adapters.control",
    "matrix.adapters.pydantic_ai",
    "matrix.engine.worker",
    "pydantic_ai.models.openai",
    "uvicorn",
):
    importlib.import_module(_name)
