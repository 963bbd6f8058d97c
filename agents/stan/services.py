"""The BlackPearl API, answered on this machine: one company, two products, one order."""

import json
import os
import re

import httpx
import respx

from agents.stan.blackpearl import DEFAULT_URL

CNPJ = "11222333000181"
COMPANY = {
    "cnpj": CNPJ,
    "valido": True,
    "razao_social": "Aurora Comercio de Eletronicos Ltda",
    "situacao_cadastral": "ATIVA",
    "municipio": "Campinas",
    "uf": "SP",
}
CUSTOMER = {"id": 4711, "cnpj": CNPJ, "razao_social": COMPANY["razao_social"], "status": "APPROVED"}
PRODUCTS = [
    {"codigo": "MS-100", "nome": "Mouse sem fio", "preco": 89.9, "estoque": 240},
    {"codigo": "TC-200", "nome": "Teclado mecanico", "preco": 349.0, "estoque": 35},
]
ORDER = {"numero": "2026-0042", "cnpj": CNPJ, "status": "FATURADO", "total": 899.0}


def mock(router: respx.MockRouter) -> None:
    """Add the API's routes; a request without a bearer token is answered 401."""
    base = re.escape(os.environ.get("BLACKPEARL_API_URL", DEFAULT_URL).rstrip("/") + "/api/v1")
    router.get(url__regex=rf"^{base}/cnpj/(?P<cnpj>\w+)$").mock(side_effect=_company)
    router.get(url__regex=rf"^{base}/produtos(\?.*)?$").mock(side_effect=_search)
    router.get(url__regex=rf"^{base}/produtos/(?P<codigo>[^/?]+)$").mock(side_effect=_product)
    router.get(url__regex=rf"^{base}/clientes/(?P<cnpj>\w+)$").mock(side_effect=_customer)
    router.post(url__regex=rf"^{base}/clientes$").mock(side_effect=_register)
    router.get(url__regex=rf"^{base}/pedidos/(?P<numero>[^/?]+)$").mock(side_effect=_order)
    router.post(url__regex=rf"^{base}/pedidos$").mock(side_effect=_place)


def _company(request: httpx.Request, cnpj: str) -> httpx.Response:
    if refused := _unauthorized(request):
        return refused
    unknown = {"cnpj": cnpj, "valido": True, "situacao_cadastral": "NAO ENCONTRADA"}
    return httpx.Response(200, json=COMPANY if cnpj == CNPJ else unknown)


def _search(request: httpx.Request) -> httpx.Response:
    if refused := _unauthorized(request):
        return refused
    words = request.url.params.get("busca", "").lower().split()
    found = [each for each in PRODUCTS if all(word in str(each["nome"]).lower() for word in words)]
    return httpx.Response(200, json={"produtos": found, "total": len(found)})


def _product(request: httpx.Request, codigo: str) -> httpx.Response:
    product = next((each for each in PRODUCTS if each["codigo"] == codigo), None)
    return _unauthorized(request) or _found(product, "Produto")


def _customer(request: httpx.Request, cnpj: str) -> httpx.Response:
    return _unauthorized(request) or _found(CUSTOMER if cnpj == CNPJ else None, "Cliente")


def _register(request: httpx.Request) -> httpx.Response:
    if refused := _unauthorized(request):
        return refused
    body = json.loads(request.content)
    if body["cnpj"] == CNPJ:
        return httpx.Response(409, json={"erro": "Cliente ja cadastrado"})
    return httpx.Response(201, json={"id": 4712, **body, "status": "VERIFYING"})


def _order(request: httpx.Request, numero: str) -> httpx.Response:
    return _unauthorized(request) or _found(ORDER if numero == ORDER["numero"] else None, "Pedido")


def _place(request: httpx.Request) -> httpx.Response:
    if refused := _unauthorized(request):
        return refused
    body = json.loads(request.content)
    prices = {str(each["codigo"]): float(str(each["preco"])) for each in PRODUCTS}
    missing = [item["codigo"] for item in body["itens"] if item["codigo"] not in prices]
    if missing:
        return httpx.Response(422, json={"erro": f"Produto inexistente: {', '.join(missing)}"})
    total = round(sum(prices[item["codigo"]] * item["quantidade"] for item in body["itens"]), 2)
    return httpx.Response(201, json={"numero": "2026-0043", **body, "status": "ABERTO", "total": total})


def _found(thing: object, kind: str) -> httpx.Response:
    if thing is None:
        return httpx.Response(404, json={"erro": f"{kind} nao encontrado"})
    return httpx.Response(200, json=thing)


def _unauthorized(request: httpx.Request) -> httpx.Response | None:
    if request.headers.get("authorization", "").removeprefix("Bearer "):
        return None
    return httpx.Response(401, json={"erro": "Chave ausente ou invalida"})
