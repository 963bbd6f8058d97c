"""What the bundled agents share: six common tools, a memory each, and how they speak to REST services."""
