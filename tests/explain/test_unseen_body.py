"""What is said if a request had a body that was not seen."""

from typing import Any

import pytest

from devkit.explain.stage import claims_of, jwt_of
from kcproxy.catalog import Catalog, Entry, default_version, load
from kcproxy.denial.explainer import CachingExplainer
from kcproxy.explain.unseen_body import depends_on_body
from kcproxy.model import Answer, Confidence, Explanation, RequestFacts, Target, TargetKind
from kcproxy.settings import ExplainSettings

CATALOG = load(default_version())
FORBIDDEN = Answer(status=403, headers={"content-type": "application/json"}, json={"error": "HTTP 403 Forbidden"})
NOW = 1_800_000_000
BODIES: tuple[Any, ...] = (
    [{"name": "realm-admin", "clientRole": True}],
    [{"name": "view-users", "clientRole": False}],
    [{"name": "admin"}],
    {"name": "admin"},
)
NEW_ROLE = {"name": "admin", "composite": True, "composites": {"client": {"realm-management": ["realm-admin"]}}}
"""Only a call that creates a role has such a body."""
TAKES_NO_BODY = "/impersonation"
"""The rule for this POST would quote a body, which the endpoint does not have (UserResource.impersonate)."""


def explained(
    entry: Entry, *, roles: tuple[str, ...] = (), body: Any = None, unseen: bool = False, answer: Answer = FORBIDDEN
) -> Explanation:
    operation = entry.operation
    names = {part[1:-1]: "x" for part in operation.path.split("/") if part.startswith("{")}
    target = Target(
        kind=TargetKind.ADMIN, method=operation.method, raw_path=operation.path, realm="demo", operation=operation, parameters=names
    )
    explainer = CachingExplainer(ExplainSettings())
    authorization = f"Bearer {jwt_of(claims_of(exp=NOW + 60, roles={'realm-management': list(roles)} if roles else {}))}"
    found = explainer.explanation(
        RequestFacts(target=target, body=body, body_unseen=unseen),
        explainer.caller(authorization, injected=False),
        answer,
        authorization=authorization,
        facts=None,
        catalog=CATALOG,
        version=CATALOG.version,
        now_epoch_seconds=NOW,
    )
    assert found is not None
    return found


def entry_of(catalog: Catalog, method: str, ending: str) -> Entry:
    return next(each for each in catalog.operations if each.operation.method == method and each.operation.path.endswith(ending))


ASSIGN = entry_of(CATALOG, "POST", "/users/{user-id}/role-mappings/clients/{client-id}")
LIST = entry_of(CATALOG, "GET", "/{realm}/users")


@pytest.mark.parametrize("roles", [(), ("manage-users",), ("view-realm",)])
def test_of_an_operation_that_depends_on_it_nothing_is_certain(roles: tuple[str, ...]) -> None:
    found = explained(ASSIGN, roles=roles, unseen=True)
    seen = explained(ASSIGN, roles=roles)
    assert found.verdict.confidence is not Confidence.CERTAIN
    assert found.verdict.confidence is not seen.verdict.confidence or seen.verdict.confidence is Confidence.POSSIBLE
    assert any("the request body was not seen" in line for line in found.verdict.evidence)


def test_other_operations_are_explained_as_before() -> None:
    assert explained(LIST, unseen=True).verdict == explained(LIST).verdict


def test_a_refusal_that_is_not_keycloaks_is_as_certain_as_before() -> None:
    page = Answer(status=403, headers={"content-type": "text/html"}, text="<html>blocked</html>")
    assert explained(ASSIGN, unseen=True, answer=page).verdict == explained(ASSIGN, answer=page).verdict


@pytest.mark.parametrize("roles", [(), ("manage-users", "manage-clients", "manage-realm"), ("realm-admin",)], ids=str)
def test_every_operation_whose_explanation_depends_on_the_body_is_known(roles: tuple[str, ...]) -> None:
    """Each operation of the table with bodies that matter anywhere: where one changes the verdict, the operation is listed."""
    changed = set()
    for entry in CATALOG.operations:
        if entry.operation.path.endswith(TAKES_NO_BODY):
            continue
        plain = explained(entry, roles=roles).verdict
        creates = entry.operation.method == "POST" and entry.operation.path.endswith("/roles")
        if any(explained(entry, roles=roles, body=body).verdict != plain for body in (*BODIES, *([NEW_ROLE] if creates else []))):
            changed.add(entry.operation.key)
    assert {key for key in changed if not depends_on_body(next(e for e in CATALOG.operations if e.operation.key == key))} == set()
    assert changed
