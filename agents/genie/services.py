"""The services of genie: those of the agents that it hands work to."""

import respx

from agents.discord import services as discord
from agents.sofia import services as sofia
from agents.stan import services as stan


def mock(router: respx.MockRouter) -> None:
    """Add the routes of Discord, BlackPearl, and sofia's services, of which simple has one, WhatsApp."""
    for service in (discord, stan, sofia):
        service.mock(router)
