"""The services of simple, answered on this machine."""

import respx

from agents.common.whatsapp_service import mock_whatsapp


def mock(router: respx.MockRouter) -> None:
    """Add the routes of the WhatsApp gateway."""
    mock_whatsapp(router)
