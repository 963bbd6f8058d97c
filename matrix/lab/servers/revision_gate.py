"""The revision gate: a server in the lab admits to one revision of MCP only.

The SDK's server speaks all of them at once; a server of the outside world speaks some. What a server of one
revision would not understand is answered here, before the SDK sees it, as such a server answers it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matrix.json_access import mapping
from matrix.lab.servers.json_rpc import error_response
from matrix.model import ANY_REVISION, REVISIONS, STATELESS

METHOD_NOT_FOUND = -32601
UNSUPPORTED_PROTOCOL_VERSION = -32022
"""Revision 2026-07-28, basic/versioning; `mcp_types.UNSUPPORTED_PROTOCOL_VERSION`."""


@dataclass(frozen=True)
class RevisionGate:
    """What a server of `revision` makes of a message; a stub that keeps to the old revisions by itself is `own`."""

    revision: str
    own: bool = False

    @property
    def stateless(self) -> bool:
        """Whether the server speaks only 2026-07-28, which has no handshake and no session."""
        return self.revision == STATELESS

    def answer(self, message: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the answer to a message that this server does not understand, or None to pass it on."""
        method = message.get("method")
        if self.revision == ANY_REVISION or self.own:
            return None
        if self.stateless:
            if method == "initialize":
                asked = mapping(message.get("params")).get("protocolVersion", "")
                data = {"supported": [STATELESS], "requested": asked}
                return error_response(
                    message.get("id"), UNSUPPORTED_PROTOCOL_VERSION, "Unsupported protocol version", data
                )
            return None
        if method != "server/discover":
            return None
        return error_response(message.get("id"), METHOD_NOT_FOUND, "Method not found")

    def admit(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the message as the SDK's server may see it: `initialize` asks for at most our revision."""
        if message.get("method") != "initialize" or self.revision not in REVISIONS or self.stateless:
            return message
        asked = mapping(message.get("params")).get("protocolVersion")
        if asked in REVISIONS and REVISIONS.index(asked) <= REVISIONS.index(self.revision):
            return message
        changed: dict[str, Any] = copy.deepcopy(dict(message))
        changed.setdefault("params", {})["protocolVersion"] = self.revision
        return changed

    def refuses_header(self, version: str | None) -> bool:
        """Whether the HTTP header `MCP-Protocol-Version` names a revision that this server does not know."""
        return self.revision not in {ANY_REVISION, STATELESS} and not self.own and version == STATELESS
