"""The BlackPearl API, as the tools of stan and of his sub-agents.

Everything lies under `/api/v1` of `BLACKPEARL_API_URL`, with the key as a bearer token:
`GET /cnpj/{cnpj}` · `GET /produtos?busca=` · `GET /produtos/{codigo}` · `GET /clientes/{cnpj}` ·
`POST /clientes` · `GET /pedidos/{numero}` · `POST /pedidos`.
"""

import os
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, Field
from pydantic_ai import ModelRetry

from agents.common.rest import key_from_env, request_json
from agents.stan.cnpj import normalize

DEFAULT_URL = "https://api.blackpearl.example.com"


class Item(BaseModel):
    """One line of an order."""

    codigo: str = Field(description="The product's code.")
    quantidade: int = Field(ge=1, description="How many.")


async def verificar_cnpj(cnpj: str) -> dict[str, Any]:
    """Check a company's CNPJ: whether it is valid, and what is registered under it.

    Args:
        cnpj: The CNPJ, with or without punctuation.
    """
    return await call("GET", f"/cnpj/{_checked(cnpj)}")


async def search_products(busca: str) -> dict[str, Any]:
    """Search the catalogue.

    Args:
        busca: Words of the product's name.
    """
    return await call("GET", "/produtos", params={"busca": busca})


async def get_product(codigo: str) -> dict[str, Any]:
    """Look up one product: its price in reais, and its stock.

    Args:
        codigo: The product's code.
    """
    return await call("GET", f"/produtos/{quote(codigo, safe='')}")


async def get_customer(cnpj: str) -> dict[str, Any]:
    """Look up a customer and the status of the registration.

    Args:
        cnpj: The company's CNPJ.
    """
    return await call("GET", f"/clientes/{_checked(cnpj)}")


async def register_customer(cnpj: str, razao_social: str, email: str) -> dict[str, Any]:
    """Register a company as a customer.

    Args:
        cnpj: The company's CNPJ.
        razao_social: The company's registered name.
        email: Where to write to.
    """
    body = {"cnpj": _checked(cnpj), "razao_social": razao_social, "email": email}
    return await call("POST", "/clientes", json=body)


async def get_order(numero: str) -> dict[str, Any]:
    """Look up an order.

    Args:
        numero: The order's number.
    """
    return await call("GET", f"/pedidos/{quote(numero, safe='')}")


async def place_order(cnpj: str, itens: list[Item]) -> dict[str, Any]:
    """Place an order for a customer.

    Args:
        cnpj: The customer's CNPJ.
        itens: What is ordered.
    """
    body = {"cnpj": _checked(cnpj), "itens": [item.model_dump() for item in itens]}
    return await call("POST", "/pedidos", json=body)


async def call(method: str, path: str, **request: Any) -> Any:
    """Send one request to the API and return its answer."""
    base = os.environ.get("BLACKPEARL_API_URL", DEFAULT_URL).rstrip("/")
    headers = {"Authorization": f"Bearer {key_from_env('BLACKPEARL_API_KEY', 'BlackPearl')}"}
    return await request_json("BlackPearl", method, f"{base}/api/v1{path}", headers=headers, **request)


def _checked(cnpj: str) -> str:
    try:
        return normalize(cnpj)
    except ValueError as error:
        raise ModelRetry(f"{error}.") from error
