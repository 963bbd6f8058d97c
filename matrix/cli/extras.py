"""Commands that need an extra: their help needs nothing, and running them says in one sentence what is missing."""

from __future__ import annotations

from typing import Any

import click

from matrix.configs.extras import Extra, needs


class NeedingExtra(click.Command):
    """A command of the config store."""

    extra: Extra = "configs"

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises MissingExtra."""
        with needs(self.extra):
            return super().invoke(ctx)


class NeedingApi(NeedingExtra):
    """A command that serves."""

    extra = "api"


class NeedingBench(NeedingExtra):
    """A command that measures and draws."""

    extra = "bench"
