"""Denials and requests to feed observers with: the values of the scenario, each of them changeable."""

from collections.abc import Mapping
from typing import Any

from kcproxy.model import (
    Alternative,
    Answer,
    Basis,
    Caller,
    CallerKind,
    Cause,
    Confidence,
    Explanation,
    Facts,
    Fix,
    Operation,
    RequestFacts,
    Requirement,
    Target,
    TargetKind,
    Verdict,
)
from kcproxy.observe.events import RequestRecord

REALM = "403-forbidden-fix"
CLIENT = "403-forbidden-fix-client"
USERNAME = f"service-account-{CLIENT}"
USER_PATH = "/admin/realms/{realm}/users/{user-id}"


def target(
    *,
    method: str = "GET",
    raw_path: str | None = None,
    realm: str | None = REALM,
    template: str | None = USER_PATH,
    kind: TargetKind | None = None,
) -> Target:
    operation = None if template is None else Operation(method=method, path=template)
    return Target(
        kind=kind or (TargetKind.ADMIN_UNKNOWN if template is None else TargetKind.ADMIN),
        method=method,
        raw_path=raw_path or f"/admin/realms/{realm}/users/5d5b7b1a-0d7c-4f7e-a6a2-8f1f5a0b7c11",
        realm=realm,
        operation=operation,
    )


def record(of: Target | None = None, **changes: Any) -> RequestRecord:
    values: dict[str, Any] = {"status": 200, "duration_seconds": 0.0042, "upstream_seconds": 0.004, "sent_bytes": 412, **changes}
    return RequestRecord(target=of or target(), **values)


def caller(client_id: str | None = CLIENT, *, roles: Mapping[str, tuple[str, ...]] | None = None, **changes: Any) -> Caller:
    values: dict[str, Any] = {
        "kind": CallerKind.SERVICE_ACCOUNT,
        "username": f"service-account-{client_id}",
        "realm": REALM,
        "has_roles_claims": True,
        **changes,
    }
    return Caller(client_id=client_id, client_roles=roles or {"account": ("view-profile",)}, **values)


def requirement(*roles: str) -> Requirement:
    wanted = (roles or ("view-users",),)
    return Requirement(any_of=(*wanted, ("manage-users",)), admits=wanted, least=wanted[0], basis=Basis.MEASURED, keycloak="26.7.4")


def fix(*roles: str) -> Fix:
    names = roles or ("view-users",)
    return Fix(
        summary=f"Grant {' and '.join(names)} of realm-management to {USERNAME}.",
        roles=names,
        console=("Clients", CLIENT, "Service accounts roles", "Assign role", "Client roles", *names),
        console_url="http://localhost:8080/admin/master/console/",
        kcadm=(f"kcadm.sh add-roles -r {REALM} --uusername {USERNAME} --cclientid realm-management --rolename {names[0]}",),
        curl=(f"curl -fsS -X POST \"$KEYCLOAK/admin/realms/{REALM}/users/$USER/role-mappings/clients/$CLIENT\" -d '[…]'",),
        terraform=f'resource "keycloak_openid_client_service_account_role" "this" {{\n  role = "{names[0]}"\n}}',
        ansible='- hosts: localhost\n  tasks:\n    - community.general.keycloak_user_rolemapping:\n        realm: "demo"\n',
        warning=None,
    )


def explanation(denial_id: str = "d-1", **changes: Any) -> Explanation:
    """The scenario's refusal. Changes: target, caller, status, cause, confidence, missing, summary, evidence, looked_up, fixes, path."""
    of: Target = changes.pop("target", None) or target()
    missing = changes.pop("missing", ("view-users",))
    verdict = Verdict(
        cause=changes.pop("cause", Cause.ROLE_MISSING),
        confidence=changes.pop("confidence", Confidence.CERTAIN),
        evidence=changes.pop("evidence", (f"The token of {USERNAME} carries no role of realm-management.",)),
        missing=missing,
        container="realm-management",
        container_realm=REALM,
        grantee=USERNAME,
        alternatives=(
            Alternative(
                cause=Cause.SCOPE_EXCLUDES_ROLE,
                confidence=Confidence.POSSIBLE,
                summary="The role is granted, but the client's scope leaves it out.",
                check="Look at the client's dedicated scope.",
            ),
        ),
    )
    values: dict[str, Any] = {
        "summary": f"{USERNAME} may not read this user: it lacks the role view-users of realm-management.",
        "caller": caller(),
        "requirement": requirement(*missing),
        "looked_up": Facts(granted=("query-users",), in_scope=("query-users", "view-users"), keycloak="26.7.4"),
        "fixes": (fix(*missing),),
    }
    status = changes.pop("status", 403)
    answer = Answer(status=status, json={"error": f"HTTP {status}"})
    return Explanation(id=denial_id, request=RequestFacts(target=of), answer=answer, verdict=verdict, **{**values, **changes})
