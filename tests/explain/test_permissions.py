"""Fine-grained admin permissions in explanations."""

import pytest

from devkit.explain.stage import USER_ID, caller_of, causes, refused, table
from kcproxy.model import Cause, Facts

_R = "/admin/realms/demo"
MISSING = Cause.FINE_GRAINED_PERMISSION_MISSING.value


@pytest.mark.parametrize("roles", [[], ["query-users"]])
def test_without_look_ups_it_is_an_open_alternative_with_its_check(roles: list[str]) -> None:
    explanation = refused("GET", f"{_R}/users/{USER_ID}", caller=caller_of(roles={"realm-management": roles}))

    (other,) = [each for each in explanation.verdict.alternatives if each.cause.value == MISSING]
    assert "may use fine-grained admin permissions" in other.summary
    assert "the scope view on the user" in other.check


@pytest.mark.parametrize(
    ("path", "roles", "version", "facts"),
    [
        pytest.param("/events", [], "26.7.4", None, id="no permission opens the operation"),
        pytest.param(f"/users/{USER_ID}", [], "26.1.4", None, id="the version has no permissions"),
        pytest.param(f"/users/{USER_ID}", ["view-events"], "26.7.4", None, id="the caller holds another role"),
        pytest.param(f"/users/{USER_ID}", [], "26.7.4", Facts(admin_permissions_enabled=False), id="permissions are off"),
    ],
)
def test_it_is_none_where_it_cannot_be_the_cause(path: str, roles: list[str], version: str, facts: Facts | None) -> None:
    explanation = refused("GET", f"{_R}{path}", caller=caller_of(roles={"realm-management": roles}), catalog=table(version), facts=facts)

    assert MISSING not in causes(explanation)


def test_permissions_do_not_count_for_tokens_of_another_realm() -> None:
    explanation = refused("GET", f"{_R}/users/{USER_ID}", caller=caller_of(realm="master"))

    assert MISSING not in causes(explanation)
