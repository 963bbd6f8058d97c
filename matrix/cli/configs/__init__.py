"""`python -m matrix configs …`; nothing heavy is imported before a command needs it."""

from matrix.cli.configs import moving, serving, store
from matrix.cli.configs.common import configs

__all__ = ["configs", "moving", "serving", "store"]
