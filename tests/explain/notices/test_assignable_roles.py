"""Lists of assignable roles from which a defective version leaves out admin roles are announced."""

import pytest

from devkit.explain.stage import CLIENT_UUID, USER_ID, caller_of, jwt_of, lightweight
from kcproxy import catalog as catalogs
from kcproxy.explain.claims import read_caller
from kcproxy.explain.notices.notice import notice
from kcproxy.model import Caller, RequestFacts

_TABLE = catalogs.load("26.4.7")
_OF_REALM = caller_of(roles={"realm-management": ["manage-users", "realm-admin"]})
_OF_MASTER = caller_of(realm="master", roles={"demo-realm": ["manage-users"]})
_SERVER_ADMIN = caller_of(realm="master", roles={"demo-realm": ["manage-users"]}, realm_roles=["admin"])
_LIGHTWEIGHT = read_caller("Bearer " + jwt_of(lightweight()))


def _notice(caller: Caller, server: str, kind: str = "users", end: str = f"clients/{CLIENT_UUID}/available") -> str | None:
    target = _TABLE.target("GET", f"/admin/realms/demo/{kind}/{USER_ID}/role-mappings/{end}")
    return notice(RequestFacts(target=target), caller, _TABLE, server)


@pytest.mark.parametrize("kind", ["users", "groups"])
@pytest.mark.parametrize("caller", [_OF_REALM, _OF_MASTER, _LIGHTWEIGHT], ids=["realm", "master", "lightweight"])
def test_26_4_0_leaves_out_admin_roles_for_all_but_server_administrators(caller: Caller, kind: str) -> None:
    text = _notice(caller, "26.4.0", kind)

    assert text is not None
    assert "leaves out admin roles" in text
    assert _notice(_SERVER_ADMIN, "26.4.0", kind) is None


@pytest.mark.parametrize(
    ("caller", "server", "repaired"),
    [(_OF_REALM, "26.4.4", True), (_OF_MASTER, "26.4.7", False), (_OF_MASTER, "26.4.8", True)],
)
def test_each_defect_has_its_own_end(caller: Caller, server: str, repaired: bool) -> None:
    assert (_notice(caller, server) is None) is repaired


def test_lists_of_realm_roles_are_not_announced() -> None:
    assert _notice(_OF_REALM, "26.4.0", end="realm/available") is None
