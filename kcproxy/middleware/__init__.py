"""Explains refusals of Keycloak inside a program, without a proxy: for httpx, requests, aiohttp and python-keycloak.

    from kcproxy.middleware.httpx import ExplainingTransport

    client = httpx.Client(transport=ExplainingTransport(base_url="https://login.example.com"))

Each library has its own module. Importing this package is cheap: the table of roles is loaded when a client is made, and look-ups,
metrics and cryptography only if they are used. docs/middleware.md describes it.
"""

from typing import TYPE_CHECKING, Any, TypeVar

from kcproxy.middleware.accounts import Inspector, ServiceAccount
from kcproxy.middleware.explainer import RefusalExplainer
from kcproxy.middleware.options import Options
from kcproxy.middleware.refusal import Explained, Refusal

if TYPE_CHECKING:
    from typing import Unpack

    from kcproxy.model import Explanation

__all__ = ["Explained", "Inspector", "Options", "Refusal", "RefusalExplainer", "ServiceAccount", "explained", "explanation_of"]

KeycloakClient = TypeVar("KeycloakClient")


def explanation_of(response: Any) -> "Explanation | None":
    """The explanation of a response of httpx, requests or aiohttp. None if it was not explained."""
    extensions = getattr(response, "extensions", None)
    if isinstance(extensions, dict):
        found: Explanation | None = extensions.get("kcproxy")
        return found
    return getattr(response, "kcproxy", None)


def explained(client: KeycloakClient, **options: "Unpack[Options]") -> KeycloakClient:
    """A client of python-keycloak (``KeycloakAdmin``, ``KeycloakOpenID`` …) whose errors say why Keycloak refused.

    The same object, for synchronous and asynchronous calls. Raises UnsupportedLibraryError if this version of python-keycloak cannot be used.
    """
    from kcproxy.middleware.python_keycloak import explained as of_library  # noqa: PLC0415 - on use, because it loads requests and httpx

    return of_library(client, **options)
