"""`python -m matrix configs …`; nothing heavy is imported before a command needs it."""

from matrix.configs.commands import moving, serving, store
from matrix.configs.commands.bench import bench
from matrix.configs.commands.common import configs

__all__ = ["bench", "configs", "moving", "serving", "store"]
