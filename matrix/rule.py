"""The rules that questions rest on: where the specification asks for something."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """Where the specification asks for something: its revision, the page below that, and the section of the page."""

    revision: str
    page: str
    section: str

    @property
    def url(self) -> str:
        """The address of the section."""
        anchor = re.sub(r"[^a-z0-9]+", "-", self.section.lower()).strip("-")
        return f"https://modelcontextprotocol.io/specification/{self.revision}/{self.page}#{anchor}"
