"""The measured requests to the Admin REST API, and the responses of the stand-in for Keycloak."""

import base64
import json
from dataclasses import dataclass

USER_BYTES = 893
LIST_BYTES = 1_000_000
USERS = "/admin/realms/bench/users"
USER_ID = "0b7c5f4e-1b7f-4e9b-9c6e-%012d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One kind of request. ``path`` has a placeholder for a number, so that no response can be cached."""

    name: str
    path: str
    status: int
    connections: int = 32


SMALL = Scenario(name="user", path=f"{USERS}/{USER_ID}", status=200)
REFUSED = Scenario(name="403", path="/admin/realms/bench/clients/%d", status=403)
LARGE = Scenario(name="list", path=USERS + "?first=%d", status=200, connections=8)
SCENARIOS = (SMALL, REFUSED, LARGE)


def user_json(user_id: str) -> str:
    """A user as Keycloak represents it, with exactly USER_BYTES characters."""
    document = {
        "id": user_id,
        "username": "marie.example",
        "firstName": "Marie",
        "lastName": "Example",
        "email": "marie.example@example.org",
        "emailVerified": True,
        "attributes": {"department": ["finance"], "note": [""]},
        "createdTimestamp": 1763900000000,
        "enabled": True,
        "totp": False,
        "disableableCredentialTypes": [],
        "requiredActions": [],
        "notBefore": 0,
        "access": {"manageGroupMembership": True, "view": True, "mapRoles": True, "impersonate": False, "manage": True},
    }
    short = json.dumps(document, separators=(",", ":"))
    return short.replace('"note":[""]', f'"note":["{"x" * (USER_BYTES - len(short))}"]')


def users_json() -> str:
    """A list of users with LIST_BYTES characters."""
    users = [user_json(USER_ID % number) for number in range(LIST_BYTES // (USER_BYTES + 1))]
    text = "[" + ",".join(users) + "]"
    return text + " " * (LIST_BYTES - len(text))


def access_token(*, expires_at: int) -> str:
    """An unsigned token with the claims and the length of a service account's token."""
    header = {"alg": "RS256", "typ": "JWT", "kid": "bench"}
    claims = {
        "exp": expires_at,
        "iat": expires_at - 86400,
        "jti": "trrtcc:00000000-0000-4000-8000-000000000000",
        "iss": "http://127.0.0.1/realms/bench",
        "aud": "realm-management",
        "sub": "11111111-1111-4111-8111-111111111111",
        "typ": "Bearer",
        "azp": "bench-backend",
        "acr": "1",
        "resource_access": {"realm-management": {"roles": ["view-users", "query-groups", "query-users"]}},
        "scope": "email profile",
        "clientHost": "127.0.0.1",
        "preferred_username": "service-account-bench-backend",
        "client_id": "bench-backend",
    }
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2lnbmF0dXJl" * 28])
