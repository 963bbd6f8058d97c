"""A server as the platform writes its config."""

from __future__ import annotations

from typing import Any

LINEAR: dict[str, Any] = {
    "name": "linear",
    "server_type": "stdio",
    "command": ["python3", "-m", "linear_mcp"],
    "agents": ["genie", "simple"],
    "tools": {"include": ["*"], "exclude": ["delete_*"]},
    "environment": {"LINEAR_API_KEY": "${LINEAR_API_KEY}"},
    "timeout": 30000,
    "retry_count": 3,
}
PLATFORM_CONFIG: dict[str, Any] = {**LINEAR, "enabled": True, "auto_start": True}
