"""The one certificate that an agent trusts in a hermetic run, where nothing is ever reached over TLS.

Every HTTP client that an agent makes reads what it trusts: the hundred and more authorities of a system cost each of
them more than a call on loopback does. This one has no key any more, so it can vouch for nobody.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

VARIABLE = "SSL_CERT_FILE"
"""What OpenSSL reads, and with it httpx and most other clients."""
_NAME = "certificate.pem"
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBozCCAUmgAwIBAgIUQZO7gGBVM1hmEEpotxdnxsF66xUwCgYIKoZIzj0EAwIw
JjEkMCIGA1UEAwwbYWdlbnQtbWF0cml4OiBzaWducyBub3RoaW5nMCAXDTI2MTEy
ODA1MjUxNFoYDzIxMjYxMTA0MDUyNTE0WjAmMSQwIgYDVQQDDBthZ2VudC1tYXRy
aXg6IHNpZ25zIG5vdGhpbmcwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARctjrv
eqdZ52zqbDI6MVe1SF4Qm6IjtiGYh1t0BfjJxysjga4aQDq5TrikS84al9Gs18Sj
u9mgHT9090Wwtu8Xo1MwUTAdBgNVHQ4EFgQURbaNFooGpdWM+xro+EF1EJtDMFcw
HwYDVR0jBBgwFoAURbaNFooGpdWM+xro+EF1EJtDMFcwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiAH3jT+9TztUzBVORIcpxaoe/1XAkDlo6pKc4wk
Z9DsdgIhANd9s5QFTT7Jan/3aSYrRgoYXuzMQopsFHM937DRFuKW
-----END CERTIFICATE-----
"""


def lay(folder: Path) -> None:
    """Lay the certificate into a folder."""
    (folder / _NAME).write_text(CERTIFICATE, encoding="ascii")


def trust_it_alone(environ: MutableMapping[str, str], folder: Path) -> None:
    """Have the HTTP clients of this environment trust nobody but the certificate that was laid into the folder."""
    environ[VARIABLE] = str(folder / _NAME)
