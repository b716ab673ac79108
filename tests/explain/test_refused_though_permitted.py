"""Calls that permissions allow and Keycloak refuses: what the call is about is special, or not there."""

import json
from typing import Any

from devkit.explain.stage import USER_ID
from kcproxy.catalog.permissions import ObjectPlace
from kcproxy.explain import render
from kcproxy.model import Cause, Confidence
from kcproxy.permissions import Object
from kcproxy.permissions.facts import PermissionFacts
from tests.explain.test_permissions import OTHER_GROUP, permission
from tests.explain.test_visible_permissions import explained, found, shown, user

CLIENT, UNKNOWN = ObjectPlace(type="Clients", path="client-uuid"), "eeee0f0f-3aae-4b0e-af38-629b3432738a"


def test_impersonation_that_a_permission_allows_is_guarded_or_the_user_is_not_there() -> None:
    wide, call = permission("All", "Users", "impersonate"), f"POST /users/{USER_ID}/impersonation"
    chief = found(wide, powers={USER_ID: ("manage-users",)}, **user())
    nobody = found(wide, absent=frozenset({USER_ID}), **user())

    operators = explained(call, chief, for_operator=True)
    callers = {shown(explained(call, facts), "-") for facts in (chief, nobody)}

    assert (operators.verdict.cause, operators.verdict.missing) == (Cause.ESCALATION_GUARD, ("manage-users",))
    assert "role-missing" not in json.dumps(render.document(operators))
    assert len(callers) == 1
    assert "the user holds" not in callers.pop()


def test_impersonation_of_an_administrator_is_no_matter_of_permissions() -> None:
    call, facts = f"POST /users/{USER_ID}/impersonation", found(powers={USER_ID: ("manage-users",)}, **user())

    assert "Let an administrator who has manage-users" in explained(call, facts, for_operator=True).fixes[0].summary
    assert "administrator" not in explained(call, facts).fixes[0].summary


def test_a_user_who_is_not_there_is_the_cause_if_permissions_allow_the_call() -> None:
    facts = found(permission("All", "Users", "manage"), absent=frozenset({USER_ID}), **user())
    explanation = explained(f"PUT /users/{USER_ID}", facts, for_operator=True)

    assert f"but there is no user with the ID {USER_ID}" in explanation.summary
    assert "Check the request" in explanation.fixes[0].summary


def test_a_credential_that_is_not_there_may_be_the_cause_if_permissions_allow_the_call() -> None:
    facts = found(permission("Bob", "Users", "manage view", USER_ID), **user())

    for for_operator in (True, False):
        explanation = explained(f"DELETE /users/{USER_ID}/credentials/abc", facts, for_operator=for_operator)
        assert "the user may not have a credential with the ID abc" in explanation.summary


def test_a_user_who_is_no_member_may_be_the_cause_if_permissions_allow_the_call() -> None:
    organization, member = ObjectPlace(type="Organizations", path="org-id"), ObjectPlace(type="Users", path="member-id")
    objects = {organization: Object(type="Organizations", id=OTHER_GROUP), member: Object(type="Users", id=USER_ID)}
    own = (permission("O", "Organizations", "view manage"), permission("U", "Users", "view manage", USER_ID))
    facts = found(*own, objects=objects, named={organization: OTHER_GROUP, member: USER_ID})
    call = f"DELETE /organizations/{OTHER_GROUP}/members/{USER_ID}"

    assert f"user {USER_ID} may not be a member of the organization" in explained(call, facts, for_operator=True).summary


def test_no_permission_opens_the_permissions_of_the_realm() -> None:
    known = found(permission("All", "Clients", "view"))
    assert isinstance(known.permissions, PermissionFacts)
    uuid = known.permissions.client_uuid
    place: dict[str, Any] = {"objects": {CLIENT: Object(type="Clients", id=uuid)}, "named": {CLIENT: uuid}}
    call = "GET /clients/{}/authz/resource-server/permission"

    operators = explained(call.format(uuid), found(**place), for_operator=True)
    assert (operators.verdict.missing, operators.verdict.confidence) == (("view-realm",), Confidence.CERTAIN)
    elsewhere: dict[str, Any] = {
        "named": {CLIENT: UNKNOWN},
        "objects": {CLIENT: Object(type="Clients", id=UNKNOWN)},
        "absent": frozenset({UNKNOWN}),
    }
    callers = [explained(call.format(uuid), found(**place)), explained(call.format(UNKNOWN), found(**elsewhere))]
    assert callers[0].verdict.confidence is Confidence.LIKELY
    assert shown(callers[0], uuid) == shown(callers[1], UNKNOWN)


def test_the_role_impersonation_is_not_called_a_permission() -> None:
    chief = found(powers={USER_ID: ("manage-users",)}, granted=("impersonation",), **user())
    explanation = explained(f"POST /users/{USER_ID}/impersonation", chief, for_operator=True)

    assert explanation.verdict.cause is Cause.ESCALATION_GUARD
    assert "the known roles allow this call for an ordinary user" in explanation.verdict.evidence
