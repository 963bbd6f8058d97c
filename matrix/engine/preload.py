"""What the fork server imports once, so that every worker starts with it in place.

No thread may be alive after these imports: workers are forked from here.
"""

import contextlib

import jsonschema
import mcp
import mcp.client.sse
import mcp.client.streamable_http
import mcp.server.lowlevel
import pydantic_ai
import pydantic_ai.mcp
import uvicorn

import matrix.adapters.control
import matrix.engine.cell
import matrix.engine.worker

with contextlib.suppress(ImportError):
    import pydantic_ai.models.openai

__all__ = ["jsonschema", "matrix", "mcp", "pydantic_ai", "uvicorn"]
