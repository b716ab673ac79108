"""What tests of explanations need: a small role table, tokens as Keycloak writes them, and refused requests."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from kcproxy import catalog as catalogs
from kcproxy.catalog import Catalog
from kcproxy.explain.api import explain
from kcproxy.explain.claims import read_caller
from kcproxy.explain.inputs import Inputs
from kcproxy.model import Answer, Caller, Explanation, Facts, RequestFacts, Withheld

NOW = 1_800_000_000
REALM = "demo"
BASE = "http://localhost:8080"
SUBJECT = "5491f9e0-3aae-4b0e-af38-629b3432738a"
USER_ID = "0f0f0f0f-3aae-4b0e-af38-629b3432738a"
CLIENT_UUID = "c1c1c1c1-3aae-4b0e-af38-629b3432738a"

BARE_403 = {"error": "HTTP 403 Forbidden"}
OLD_403 = {"error": "unknown_error", "error_description": "For more on this error consult the server log at the debug level."}
BARE_401 = {"error": "HTTP 401 Unauthorized"}
OLD_401 = {"error": "HTTP 401 Unauthorized", "error_description": "For more on this error consult the server log at the debug level."}

ROLES: dict[str, list[str]] = {
    **{role: [] for role in ("create-client", "impersonation", "query-clients", "query-groups", "query-realms", "query-users")},
    **{role: [] for role in ("manage-authorization", "manage-events", "manage-identity-providers", "manage-realm", "manage-users")},
    **{role: [] for role in ("manage-clients", "view-authorization", "view-events", "view-identity-providers", "view-realm")},
    "view-clients": ["query-clients"],
    "view-users": ["query-groups", "query-users"],
}
_ADMIN = {"realm-admin": sorted(ROLES)}

_R = "/admin/realms/{realm}"


def _row(method: str, path: str, *any_of: list[str], admits: list[list[str]] | None = None, **more: Any) -> dict[str, Any]:
    sets = [sorted(roles) for roles in any_of]
    return {"method": method, "path": path, "anyOf": sets, "admits": admits if admits is not None else sets, **more}


def _variant(name: str, when: dict[str, Any], *any_of: list[str]) -> dict[str, Any]:
    return {"id": name, "when": when, "says": f"with {name}", "anyOf": list(any_of), "admits": list(any_of)}


OPERATIONS: list[dict[str, Any]] = [
    _row(
        "GET",
        f"{_R}/users",
        ["manage-users"],
        ["view-users"],
        admits=[["manage-users"], ["query-users"]],
        reduced={"query-users": "no items"},
    ),
    _row("POST", f"{_R}/users", ["manage-users"]),
    _row("GET", f"{_R}/users/count", ["manage-users"], ["query-users"]),
    _row("GET", f"{_R}/users/profile", ["manage-realm"], ["manage-users"], ["query-users"], ["view-realm"]),
    _row("GET", f"{_R}/users/{{user-id}}", ["manage-users"], ["view-users"]),
    _row("PUT", f"{_R}/users/{{user-id}}", ["manage-users"]),
    _row("DELETE", f"{_R}/users/{{user-id}}", ["manage-users"]),
    _row("PUT", f"{_R}/users/{{user-id}}/reset-password", ["manage-users"]),
    _row("PUT", f"{_R}/users/{{user-id}}/execute-actions-email", ["manage-users"]),
    _row("PUT", f"{_R}/users/{{user-id}}/credentials/{{credentialId}}/userLabel", ["manage-users"]),
    _row(
        "POST",
        f"{_R}/users/{{user-id}}/impersonation",
        ["impersonation"],
        variants=[_variant("administrator", {"target": "administrator"}, ["realm-admin"])],
    ),
    _row("GET", f"{_R}/users/{{user-id}}/groups", ["manage-users"], ["view-users"]),
    _row(
        "POST",
        f"{_R}/users/{{user-id}}/role-mappings/clients/{{client-id}}",
        ["manage-users"],
        variants=[
            _variant("admin-role-realm-admin", {"bodyHasAny": {"name": ["realm-admin"]}}, ["realm-admin"]),
            _variant("admin-role-view-events", {"bodyHasAny": {"name": ["view-events"]}}, ["manage-users", "view-events"]),
        ],
    ),
    _row("POST", f"{_R}/users/{{user-id}}/role-mappings/realm", ["manage-users"]),
    _row("GET", f"{_R}/clients", ["manage-clients"], ["view-clients"], admits=[["manage-clients"], ["query-clients"]]),
    _row("POST", f"{_R}/clients", ["create-client"], ["manage-clients"]),
    _row("GET", f"{_R}/clients/{{client-uuid}}", ["manage-clients"], ["view-clients"]),
    _row(
        "PUT",
        f"{_R}/clients/{{client-uuid}}",
        ["manage-clients"],
        variants=[_variant("protected-client", {"target": "protected-client"})],
    ),
    _row("GET", f"{_R}/clients/{{client-uuid}}/roles", ["manage-clients"], ["view-clients"]),
    _row("POST", f"{_R}/clients/{{client-uuid}}/roles", ["manage-clients"]),
    _row("GET", f"{_R}/clients/{{client-uuid}}/roles/{{role-name}}", ["manage-clients"], ["view-clients"]),
    _row("GET", f"{_R}/clients/{{client-uuid}}/roles/{{role-name}}/users", ["view-clients", "view-users"]),
    _row("GET", f"{_R}/groups", ["manage-users"], ["query-groups"]),
    _row("GET", f"{_R}/groups/{{group-id}}", ["manage-users"], ["view-users"]),
    _row("GET", f"{_R}/group-by-path/{{path}}", ["manage-users"], ["view-users"]),
    _row("GET", f"{_R}/groups/{{group-id}}/role-mappings", ["view-clients", "view-realm", "view-users"], admits=[["view-users"]]),
    _row("GET", f"{_R}/groups/{{group-id}}/management/permissions", ["manage-users"], features=["admin-fine-grained-authz"]),
    _row("GET", f"{_R}/roles/{{role-name}}", ["manage-realm"], ["view-realm"]),
    _row("PUT", f"{_R}/roles-by-id/{{role-id}}", ["manage-realm"]),
    _row("GET", f"{_R}/components", ["manage-realm"], ["view-realm"]),
    _row("GET", f"{_R}/identity-provider/instances", ["manage-identity-providers"], ["view-identity-providers"]),
    _row("GET", f"{_R}/events", ["manage-events"], ["view-events"]),
    _row("GET", f"{_R}/events/config", ["manage-events"], ["view-events"]),
    _row("GET", f"{_R}/localization/{{locale}}", ["manage-realm"], ["view-realm"]),
    _row("POST", f"{_R}/organizations", ["manage-realm"]),
    _row("GET", f"{_R}/organizations", ["manage-realm"], ["view-realm"]),
    _row("PUT", f"{_R}/users-management-permissions", ["manage-users"], features=["admin-fine-grained-authz"]),
    _row("GET", f"{_R}/clients/{{client-uuid}}/authz/resource-server/settings", ["view-authorization"]),
    _row("GET", f"{_R}/ui-ext/available-roles/users/{{id}}", ["manage-users"], admits=[["manage-users"], ["view-users"]]),
    _row("GET", _R, ["manage-realm"], ["view-realm"], admits=[["manage-realm"], ["query-realms"]], reduced={"query-realms": "fields"}),
    _row("PUT", _R, ["manage-realm"]),
    _row("PUT", f"{_R}/nobody", admits=[]),
    {"method": "GET", "path": f"{_R}/untold", "undetermined": "no fixture could be made"},
    _row("GET", "/admin/serverinfo", *([role] for role in sorted(ROLES) if role not in {"view-clients", "view-users"})),
    _row("POST", "/admin/realms", admits=[], masterRealmRoles=[["create-realm"]]),
    _row("POST", f"{_R}/only-admin", ["realm-admin"]),
]


def table(version: str = "26.7.4") -> Catalog:
    """The role table as that of a version."""
    document = {
        "schema": 1,
        "keycloak": version,
        "basis": "measured",
        "provenance": {"date": "2026-11-23", "program": "test", "calls": 1},
        "roles": ROLES | _ADMIN,
        "operations": OPERATIONS,
    }
    return catalogs.parse(document)


TABLE = table()
OLD_TABLE = table("24.0.5")


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def jwt_of(claims: Mapping[str, Any], **header: Any) -> str:
    """A token with these claims and an invalid signature."""
    return f"{_part({'alg': 'RS256', 'typ': 'JWT', 'kid': 'key-1', **header})}.{_part(claims)}.c2lnbmF0dXJl"


def claims_of(
    *,
    client: str = "app",
    username: str | None = None,
    realm: str = REALM,
    roles: Mapping[str, list[str]] | None = None,
    realm_roles: list[str] | None = None,
    base: str = BASE,
    bare: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """Claims as Keycloak writes them for a service account; ``bare`` without roles, as if full scope is off."""
    held: dict[str, Any] = {}
    if not bare:
        held = {
            "realm_access": {"roles": [f"default-roles-{realm}", "offline_access", *(realm_roles or [])]},
            "resource_access": {
                "account": {"roles": ["view-profile"]},
                **{name: {"roles": list(names)} for name, names in (roles or {}).items()},
            },
        }
    claims = {
        "exp": NOW + 240,
        "iat": NOW - 60,
        "jti": "3f9e5f7a-1",
        "iss": f"{base}/realms/{realm}",
        "aud": "account",
        "sub": SUBJECT,
        "typ": "Bearer",
        "azp": client,
        "scope": "email profile",
        "preferred_username": username or f"service-account-{client}",
        **held,
        **more,
    }
    return {name: value for name, value in claims.items() if value is not None}


def lightweight(**more: Any) -> dict[str, Any]:
    """Claims of a lightweight token."""
    return claims_of(bare=True, scope="email profile", **more) | {"preferred_username": ""}


def caller_of(**claims: Any) -> Caller:
    """A caller whose token has these claims."""
    return read_caller("Bearer " + jwt_of(claims_of(**claims)))


def ask(
    method: str,
    path: str,
    *,
    status: int = 403,
    body: Mapping[str, Any] | None = None,
    text: str = "",
    caller: Caller | None = None,
    facts: Facts | None = None,
    catalog: Catalog = TABLE,
    headers: Mapping[str, str] | None = None,
    sent: Any = None,
    answer_headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    base_path: str = "",
    public_url: str = BASE,
    withheld: Withheld | None = None,
    assertion_audiences: tuple[str, ...] = (),
    assertion_issuer: str | None = None,
    assertion_subject: str | None = None,
    called_at: str | None = None,
    **settings: Any,
) -> Explanation | None:
    """The explanation of one response; without ``body`` and ``text``, Keycloak's bare JSON for that status code and version."""
    old = catalog.version < "26"
    bare = {401: OLD_401 if old else BARE_401, 403: OLD_403 if old else BARE_403}.get(status)
    return explain(
        "denial-1",
        Inputs(
            request=RequestFacts(
                target=catalog.target(method, path, base_path=base_path),
                headers=headers or {},
                body=sent,
                form=form or {},
                public_url=public_url,
                base_path=base_path,
                withheld=withheld,
                assertion_audiences=assertion_audiences,
                assertion_issuer=assertion_issuer,
                assertion_subject=assertion_subject,
                called_at=called_at,
            ),
            caller=caller or caller_of(),
            answer=Answer(status=status, json=body if body is not None or text else bare, text=text, headers=answer_headers or {}),
            catalog=catalog,
            facts=facts,
            now_epoch_seconds=NOW,
            **settings,
        ),
    )


def refused(method: str, path: str, **more: Any) -> Explanation:
    """The same, if there is something to explain."""
    explanation = ask(method, path, **more)
    assert explanation is not None
    return explanation


def causes(explanation: Explanation) -> list[str]:
    """The words of the cause and of the alternatives."""
    return [explanation.verdict.cause.value, *(alternative.cause.value for alternative in explanation.verdict.alternatives)]
