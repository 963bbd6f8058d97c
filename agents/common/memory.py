"""What an agent remembers between its runs."""


class Memory:
    """Texts by key, kept in this process; every agent instance has one of its own."""

    def __init__(self) -> None:
        self._contents: dict[str, str] = {}

    def store(self, key: str, content: str) -> None:
        """Remember a text, in place of what the key held before."""
        self._contents[key] = content

    def get(self, key: str) -> str | None:
        """Return what the key holds, or None."""
        return self._contents.get(key)

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with the prefix, sorted."""
        return sorted(key for key in self._contents if key.startswith(prefix))
