"""What the fork server imports once, so that every worker starts with it in place.

No thread may be alive after these imports: workers are forked from here.
"""

import importlib

from matrix.capabilities.registry import find_capabilities

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
