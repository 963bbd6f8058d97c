"""What the fork server imports once, so that every worker starts with it in place.

No thread may be alive after these imports: workers are forked from here.
"""

import contextlib
import importlib

from matrix.capabilities.registry import find_capabilities

FIRST_USED = (
    "anyio._backends._asyncio",
    "genai_prices.data",
    "openai.resources.chat.chat",
    "openai.resources.responses.responses",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.auto",
)
"""What libraries import when they are first used, in every worker anew; other releases may have it elsewhere."""

find_capabilities()
for _name in (
    "jsonschema",
    "matrix.adapters.control",
    "matrix.adapters.pydantic_ai",
    "matrix.engine.worker",
    "matrix.lab.servers.pinned",
    "pydantic_ai.models.openai",
    "uvicorn",
):
    importlib.import_module(_name)
for _name in FIRST_USED:
    with contextlib.suppress(ImportError):
        importlib.import_module(_name)
