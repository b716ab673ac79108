"""A backend that reads a user from Keycloak. The middleware explains refusals; the rest is any program with httpx."""

import os

import httpx

from kcproxy.middleware import ServiceAccount
from kcproxy.middleware.httpx import ExplainingTransport, ServiceAccountAuth
from kcproxy.model import Explanation

KEYCLOAK = os.environ["KEYCLOAK"]


def show(refusal: Explanation) -> None:
    """Print the sentence and the commands that fix it."""
    print(refusal.summary, *refusal.fixes[0].kcadm, sep="\n")


def client() -> httpx.Client:
    """A client with the token of the service account."""
    account = ServiceAccount(realm="403-forbidden-fix", client_id="403-forbidden-fix-client", client_secret=os.environ["CLIENT_SECRET"])
    transport = ExplainingTransport(base_url=KEYCLOAK, on_denial=show)
    return httpx.Client(base_url=KEYCLOAK, transport=transport, auth=ServiceAccountAuth(account, base_url=KEYCLOAK))


def read_user(user_id: str) -> dict[str, object]:
    """The user as Keycloak has it. Raises HTTPStatusError."""
    with client() as keycloak:
        response = keycloak.get(f"/admin/realms/403-forbidden-fix/users/{user_id}")
        response.raise_for_status()
        return dict(response.json())
