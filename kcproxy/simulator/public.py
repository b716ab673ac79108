"""Public documents of every realm: its public page, discovery and keys (OpenID Connect Discovery 1.0, RFC 7517, RFC 8414).

The documents also contain the members that show a version without a login, as recorded on real servers.
"""

from typing import Any

from kcproxy.catalog.fingerprint import members_of_every_version
from kcproxy.simulator.call import Reply
from kcproxy.simulator.dialect import Dialect
from kcproxy.simulator.state import Realm

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


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


def discovery(realm: Realm, base_url: str, dialect: Dialect) -> Reply:
    """``/.well-known/openid-configuration`` and ``oauth-authorization-server``: the endpoints that the simulator has, and no others."""
    url = f"{base_url}/realms/{realm.name}"
    endpoint = f"{url}/protocol/openid-connect"
    body: dict[str, Any] = {
        "issuer": url,
        "token_endpoint": f"{endpoint}/token",
        "jwks_uri": f"{endpoint}/certs",
        "check_session_iframe": f"{endpoint}/login-status-iframe.html",
        "grant_types_supported": ["client_credentials", "password", "refresh_token"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "claims_supported": ["aud", "sub", "iss", "preferred_username", "email", "acr"],
    }
    _add_what_versions_added(body, dialect.numbers)
    return Reply(status=200, json=body, headers={"Cache-Control": "no-cache, must-revalidate, no-transform, no-store"})


def _add_what_versions_added(body: dict[str, Any], version: tuple[int, ...]) -> None:
    if version >= (25,):
        body["userinfo_signing_alg_values_supported"] = ["RS256"]
    if version >= (26, 0):
        body["userinfo_encryption_alg_values_supported"] = ["ECDH-ES+A256KW", "RSA-OAEP"]
    if version >= (26, 1):
        body["prompt_values_supported"] = ["none", "login", "consent"]
    if version >= (26, 2):
        body["grant_types_supported"].append("urn:ietf:params:oauth:grant-type:uma-ticket")
    if version >= (26, 4):
        body["claims_supported"].append("nonce")


def certs(realm: Realm, dialect: Dialect) -> Reply:
    """The realm's public keys."""
    content_type = "application/json" if dialect.numbers >= (26, 3) else "application/json;charset=UTF-8"
    headers = {"Cache-Control": "no-cache", "Content-Type": content_type}
    return Reply(status=200, json={"keys": [realm.keys.public_jwk()]}, headers=headers)


def userinfo_refused(dialect: Dialect, realm: Realm) -> Reply:
    """The response of userinfo to a request without a token (RFC 6750, section 3)."""
    headers = _NO_STORE if dialect.numbers >= (26, 6) else {}
    return Reply(status=401, headers={**headers, "WWW-Authenticate": f'Bearer realm="{realm.name}"'})


def console_messages(dialect: Dialect) -> Reply:
    """The texts of the Admin console that show a version."""
    added = {"locale_ro": ("Română", (26, 5)), "locale_id": ("Bahasa Indonesia", (26, 6)), "locale_vi": ("Tiếng Việt", (26, 7))}
    known = {name: text for name, (text, since) in added.items() if dialect.numbers >= since}
    return Reply(status=200, json={**dict.fromkeys(members_of_every_version("console-messages"), "-"), **known})
