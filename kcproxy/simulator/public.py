"""What every realm shows to everyone: its public page, discovery and keys (OpenID Connect Discovery 1.0, RFC 7517)."""

from typing import Any

from kcproxy.simulator.call import Reply
from kcproxy.simulator.state import Realm

_NOT_FOUND = "HTTP 404 Not Found"


def realm_page(realm: Realm, base_url: str) -> Reply:
    """``GET /realms/{realm}`` (PublicRealmResource)."""
    url = f"{base_url}/realms/{realm.name}"
    body = {
        "realm": realm.name,
        "public_key": realm.keys.public_der(),
        "token-service": f"{url}/protocol/openid-connect",
        "account-service": f"{url}/account",
        "tokens-not-before": 0,
    }
    return Reply(status=200, json=body)


def discovery(realm: Realm, base_url: str) -> Reply:
    """``/.well-known/openid-configuration``: the endpoints that the simulator has, and no others."""
    url = f"{base_url}/realms/{realm.name}"
    endpoint = f"{url}/protocol/openid-connect"
    body: dict[str, Any] = {
        "issuer": url,
        "token_endpoint": f"{endpoint}/token",
        "jwks_uri": f"{endpoint}/certs",
        "grant_types_supported": ["client_credentials", "password", "refresh_token"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }
    return Reply(status=200, json=body, headers={"Cache-Control": "no-cache, must-revalidate, no-transform, no-store"})


def certs(realm: Realm) -> Reply:
    """The realm's public keys."""
    return Reply(status=200, json={"keys": [realm.keys.public_jwk()]}, headers={"Cache-Control": "no-cache"})
