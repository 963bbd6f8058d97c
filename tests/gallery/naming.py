"""Agents that offer the tools of their servers under other names, with other descriptions and other schemas."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import mcp_types as types

from matrix.adapters.control import Connection, rewritten
from matrix.json_access import mapping
from tests.saboteurs.honest import Honest


def parted(*names: str) -> list[str]:
    return [each for name in names for each in re.split(r"[^A-Za-z0-9]+", name) if each]


class Prefixed(Honest):
    def name(self, server: Connection, tool: types.Tool) -> str:
        return f"mcp__{super().name(server, tool)}"[:64]


class Camel(Honest):
    def name(self, server: Connection, tool: types.Tool) -> str:
        first, *others = parted(server.name, tool.name)
        return (first.lower() + "".join(each.capitalize() for each in others))[:60]


class Upper(Honest):
    def name(self, server: Connection, tool: types.Tool) -> str:
        return "_".join(parted(server.name, tool.name)).upper()[:64]


class Bare(Honest):
    def name(self, server: Connection, tool: types.Tool) -> str:
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", tool.name)[:60]
        return plain if plain not in self.tools else super().name(server, tool)


class Suffixed(Honest):
    def name(self, server: Connection, tool: types.Tool) -> str:
        return f"{'_'.join(parted(tool.name))[:40]}_{'_'.join(parted(server.name))[:20]}"


class Hashed(Honest):
    def name(self, server: Connection, tool: types.Tool) -> str:
        return "t" + hashlib.sha256(f"{server.name}/{tool.name}".encode()).hexdigest()[:16]


class Numbered(Honest):
    def name(self, server: Connection, tool: types.Tool) -> str:
        return f"tool_{len(self.tools) + 1}"


class Truncated(Honest):
    def name(self, server: Connection, tool: types.Tool) -> str:
        whole = super().name(server, tool)
        return whole if len(whole) <= 20 else f"{whole[:15]}_{hashlib.sha256(whole.encode()).hexdigest()[:4]}"


class Described(Honest):
    """Puts a text around each description."""

    before, after, most = "", "", 10_000

    def function(self, name: str, tool: types.Tool) -> Mapping[str, Any]:
        text = (tool.description or tool.title or tool.name)[: self.most]
        return {**super().function(name, tool), "description": f"{self.before}{text}{self.after}"}


class Augmented(Described):
    before, after = "[MCP tool] ", "\n\nOnly call this when you have to."


class Shortened(Described):
    most, after = 20, "…"


class OneLine(Described):
    def function(self, name: str, tool: types.Tool) -> Mapping[str, Any]:
        made = super().function(name, tool)
        return {**made, "description": made["description"].split("\n")[0].split(". ")[0][:60]}


class Untold(Honest):
    def function(self, name: str, tool: types.Tool) -> Mapping[str, Any]:
        return {**super().function(name, tool), "description": ""}


class Titled(Honest):
    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        made = super().schema(schema)
        properties = {
            name: {**mapping(each), "title": name.replace("_", " ").title()}
            for name, each in mapping(made.get("properties")).items()
        }
        return {**made, "title": "Arguments", "properties": properties}


class Closed(Honest):
    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        def closed(node: dict[str, Any]) -> dict[str, Any]:
            fixed = node.get("type") == "object" and node.get("properties")
            return {**node, "additionalProperties": False} if fixed and "additionalProperties" not in node else node

        return rewritten(super().schema(schema), closed)


class Inlined(Honest):
    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        definitions = {**mapping(schema.get("definitions")), **mapping(schema.get("$defs"))}

        def inlined(node: Any, within: tuple[str, ...] = ()) -> Any:
            if isinstance(node, list):
                return [inlined(each, within) for each in node]
            if not isinstance(node, dict):
                return node
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name in definitions and name not in within:
                rest = {key: each for key, each in node.items() if key != "$ref"}
                return inlined({**definitions[name], **rest}, (*within, name))
            return {key: inlined(each, within) for key, each in node.items() if key not in {"$defs", "definitions"}}

        return super().schema(inlined(dict(schema)))


class Strict(Honest):
    """Requires every argument and lets the optional ones be null; a null is left out of the call."""

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        made = super().schema(schema)
        required = made.get("required") or []
        properties = {
            name: each if name in required else {"anyOf": [each, {"type": "null"}]}
            for name, each in mapping(made.get("properties")).items()
        }
        return {**made, "properties": properties, "required": [*properties], "additionalProperties": False}

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        required = tool.input_schema.get("required") or []
        kept = {name: each for name, each in arguments.items() if each is not None or name in required}
        return await super().call(server, tool, kept)


class ManyOwn(Honest):
    def offer(self) -> list[Mapping[str, Any]]:
        text = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
        names = ["echo_local", "record_note", "slow_down", "attempt_all", *(f"own_{number}" for number in range(60))]
        own = [{"name": name, "description": f"My own {name}.", "parameters": text} for name in names]
        return [*own, *super().offer()]


class Explained(Honest):
    def function(self, name: str, tool: types.Tool) -> Mapping[str, Any]:
        text = f"{tool.description or ''}\nSchema of the arguments: {json.dumps(tool.input_schema)}"
        return {**super().function(name, tool), "description": text}
