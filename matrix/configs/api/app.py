"""The application: routes, problems, limits, and the document that describes them."""

from __future__ import annotations

from fastapi import FastAPI

from matrix.configs.api import documents, problems
from matrix.configs.api.access import Gate, Rates
from matrix.configs.api.guard import MAX_BODY, Guard
from matrix.configs.api.routes import router
from matrix.configs.database import Database
from matrix.configs.policy import Policy
from matrix.configs.secrets import Sealer
from matrix.configs.service import ConfigService


def create_app(
    database: Database, sealer: Sealer, policy: Policy, *, rates: Rates | None = None, max_body: int = MAX_BODY
) -> FastAPI:
    """Make the ASGI application of a store; the database stays its caller's to close."""
    app = FastAPI(
        title="Agent matrix: MCP server configs",
        version="1",
        openapi_url=None,  # a route of ours, with a rate
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.gate = Gate(ConfigService(database, sealer, policy), rates or Rates())
    app.include_router(router)
    app.state.routes = [*app.routes, *router.routes]
    app.add_middleware(Guard, max_body=max_body)
    problems.install(app)
    documents.install(app, policy)
    return app
