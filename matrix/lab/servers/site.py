"""The lab's site: a page for the real servers that fetch."""

from __future__ import annotations

import re


def site_page(path: str) -> str | None:
    """Answer what the lab's site serves as HTML under a path; None where it has no such page (404)."""
    page = re.fullmatch(r"/page/([a-z0-9]+)", path)
    return f"<html><body><article><h1>It works: {page[1]}</h1></article></body></html>" if page else None
