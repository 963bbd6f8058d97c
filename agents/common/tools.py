"""The six tools that every agent of the platform has."""

from datetime import UTC, datetime
from typing import Any

from pydantic_ai import FunctionToolset, ModelRetry

from agents.common.memory import Memory


def common_toolset(memory: Memory) -> FunctionToolset[Any]:
    """Return the six tools; what they store stays in this memory."""

    def store_memory(key: str, content: str) -> str:
        """Remember a text under a key, in place of what the key held before.

        Args:
            key: The key to find it by.
            content: The text to remember.
        """
        memory.store(key, content)
        return f"Stored under {key!r}."

    def get_memory(key: str) -> str:
        """Recall the text that was stored under a key.

        Args:
            key: The key it was stored under.
        """
        content = memory.get(key)
        return f"Nothing is stored under {key!r}." if content is None else content

    def list_memories(prefix: str = "") -> list[str] | str:
        """List the keys of everything that is remembered.

        Args:
            prefix: Only keys that begin with this.
        """
        return memory.keys(prefix) or "Nothing is stored under such a key."

    tools = [get_current_date, get_current_time, format_date, store_memory, get_memory, list_memories]
    return FunctionToolset(tools, id="common")


def get_current_date(format: str = "%Y-%m-%d") -> str:  # noqa: A002 - the tool's parameter has this name
    """Tell today's date.

    Args:
        format: How to write it, in the notation of strftime.
    """
    return _now().strftime(format)


def get_current_time(format: str = "%H:%M:%S") -> str:  # noqa: A002 - the tool's parameter has this name
    """Tell the time of day.

    Args:
        format: How to write it, in the notation of strftime.
    """
    return _now().strftime(format)


def format_date(date_str: str, input_format: str = "%Y-%m-%d", output_format: str = "%B %d, %Y") -> str:
    """Write a date in another format.

    Args:
        date_str: The date.
        input_format: How it is written now, in the notation of strptime.
        output_format: How to write it, in the notation of strftime.
    """
    try:
        date = datetime.strptime(date_str, input_format).replace(tzinfo=UTC)
    except ValueError as error:
        raise ModelRetry(str(error)) from error
    return date.strftime(output_format)


def _now() -> datetime:
    """Return the time on this machine's clock, in its own zone."""
    return datetime.now(UTC).astimezone()
