"""The audit of records: what counts, for whom, what is least, and what is to be changed."""

from dataclasses import replace

import pytest

from kcproxy import catalog
from kcproxy.model import CallerKind, RoleSet
from kcproxy.usage.audit import Audit, Owner, audits
from kcproxy.usage.changes import FIRST_EDITION, GROUPS, NOT_HELD, OF_USERS, PERHAPS_DIRECT, changes_of
from kcproxy.usage.combine import combined
from kcproxy.usage.model import NamedRoles, Outcome, Use, UseCaller, UseRecord

TABLE = catalog.load("26.7.5")
SYNC = UseCaller(client="sync", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT)
USERS = "/admin/realms/{realm}/users"
MAPPINGS = "POST /admin/realms/{realm}/users/{user-id}/role-mappings/clients/{client-id}"


def use(operation: str, *, caller: UseCaller = SYNC, realm: str | None = "shop", variant: str = "", **counts: int) -> Use:
    numbers = {Outcome(name): number for name, number in (counts or {"full": 2}).items()}
    return Use(caller=caller, realm=realm, operation=operation, variant=variant, counts=numbers, first_at=1000.0, last_at=2000.0)


def audited(*uses: Use, held: tuple[str, ...] | None = ("realm-admin",), owner: str = "realm-management") -> Audit:
    """The only audit of these uses by one caller."""
    caller = uses[0].caller
    roles = {} if held is None else {caller: NamedRoles(by_owner={owner: held})}
    (found,) = audits(TABLE, UseRecord(uses=uses, roles=roles, days=frozenset()))
    return found


READ, CREATE = f"GET {USERS}", f"POST {USERS}"


@pytest.mark.parametrize(
    ("uses", "least"),
    [
        ((use(READ),), ("view-users",)),
        ((use(READ), use(CREATE)), ("manage-users",)),
        ((use(READ), use(CREATE, error=3)), ("view-users",)),
        ((use(READ), use(CREATE, refused=3)), ("view-users",)),
        ((use(READ), use(CREATE, refused=3, full=1)), ("manage-users",)),
        ((use(READ), use("GET /admin/realms/{realm}/clients")), ("view-clients", "view-users")),
    ],
)
def test_the_least_set_is_for_all_successful_calls_together(uses: tuple[Use, ...], least: RoleSet) -> None:
    assert audited(*uses).least == least


def test_a_composite_role_of_which_a_part_is_used_is_more_than_needed() -> None:
    found = audited(use(READ))
    assert (found.held, found.unused, found.excessive) == (("realm-admin",), (), ("realm-admin",))
    assert (found.add, found.remove) == (("view-users",), ("realm-admin",))


def test_a_role_of_which_nothing_is_used_is_unused() -> None:
    found = audited(use(READ), held=("view-users", "query-users", "query-groups", "manage-clients"))
    assert (found.held, found.unused, found.excessive) == (("manage-clients", "view-users"), ("manage-clients",), ())
    assert (found.add, found.remove) == ((), ("manage-clients",))


@pytest.mark.parametrize(
    ("held", "unused", "excessive"),
    [
        (("manage-users",), (), ("manage-users",)),  # it let the calls in, although less would do
        (("manage-users", "view-users"), ("manage-users",), ()),
        (("manage-users", "manage-realm"), ("manage-realm",), ("manage-users",)),
    ],
)
def test_a_role_that_let_calls_in_is_not_unused(held: RoleSet, unused: RoleSet, excessive: RoleSet) -> None:
    found = audited(use(READ), held=held)
    assert (found.unused, found.excessive) == (unused, excessive)


def test_a_reduced_response_stays_as_reduced_as_it_was() -> None:
    found = audited(use(READ, reduced=5), held=("query-users",))
    assert (found.least, found.full) == (("query-users",), ("view-users",))
    assert audited(use(READ, reduced=5, full=1), held=("query-users",)).least == ("view-users",)


def test_without_roles_in_the_token_a_useful_response_is_enough() -> None:
    found = audited(use(READ), held=None)
    assert (found.held, found.least, found.unused, found.remove) == (None, ("view-users",), (), ())
    assert changes_of(TABLE, found).notes == (NOT_HELD,)


@pytest.mark.parametrize(
    ("variant", "least"),
    [
        ("", ("manage-users",)),
        ("admin-role-realm-admin", ("realm-admin",)),
        ("admin-role-view-realm+admin-role-realm-admin", ("realm-admin",)),
    ],
)
def test_the_roles_that_are_handed_out_decide_what_a_grant_needs(variant: str, least: RoleSet) -> None:
    entry = TABLE.find(*MAPPINGS.split(" ", 1))
    assert entry is not None
    assert audited(use(MAPPINGS, variant=variant)).least == least


def test_roles_of_master_count_for_each_realm() -> None:
    root = UseCaller(client="ops", token_realm="master", kind=CallerKind.SERVICE_ACCOUNT)
    uses = (use(READ, caller=root, realm="shop"), use(CREATE, caller=root, realm="hub"))
    roles = {root: NamedRoles(by_owner={"shop-realm": ("view-users",), "hub-realm": ("manage-users", "view-realm"), "": ("admin",)})}
    found = audits(TABLE, UseRecord(uses=uses, roles=roles, days=frozenset()))
    assert [(each.owner, each.least, each.unused) for each in found] == [
        (Owner(client="hub-realm", realm="master"), ("manage-users",), ("view-realm",)),
        (Owner(client="shop-realm", realm="master"), ("view-users",), ()),
    ]


def test_roles_of_a_caller_without_calls_are_all_unused() -> None:
    other = UseCaller(client="idle", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT)
    roles = {other: NamedRoles(by_owner={"realm-management": ("view-users",)})}
    (found,) = audits(TABLE, UseRecord(uses=(), roles=roles, days=frozenset()))
    assert (found.least, found.unused, found.remove) == ((), ("view-users",), ("view-users",))


def test_a_way_to_realm_admin_is_named_and_whether_the_role_is_needed() -> None:
    found = audited(use(READ), held=("manage-clients", "view-users"))
    assert [(each.role, each.needed) for each in found.escalations] == [("manage-clients", False)]
    assert found.escalations[0].says
    assert not audited(use(READ), held=("view-users",)).escalations


def test_calls_that_are_rare_or_long_ago_are_named() -> None:
    found = audited(use(READ, full=1), use(CREATE))
    assert [each.operation for each in found.rare] == [READ]
    assert found.long_ago(2000.0) == ()
    assert [each.operation for each in found.long_ago(2000.0 + 8 * 86_400)] == [READ, CREATE]


def test_an_operation_that_the_table_does_not_have_is_a_problem_and_needs_nothing() -> None:
    found = audited(use("GET /admin/realms/{realm}/new-thing"))
    assert found.needs[0].problem == "not in the table of Keycloak 26.7.5"
    assert found.least == ()


def test_the_commands_add_first_and_lead_back() -> None:
    changes = changes_of(TABLE, audited(use(READ)))
    account = "-r shop --uusername service-account-sync --cclientid realm-management --rolename"
    assert [line for step in changes.steps for line in step.forms.kcadm] == [
        f"kcadm.sh add-roles {account} view-users",
        f"kcadm.sh remove-roles {account} realm-admin",
    ]
    assert [line for step in changes.undo for line in step.forms.kcadm] == [
        f"kcadm.sh add-roles {account} realm-admin",
        f"kcadm.sh remove-roles {account} view-users",
    ]
    removal = changes.steps[1].forms
    assert any("-X DELETE" in line and "role-mappings/clients/" in line for line in removal.curl)
    assert removal.ansible is not None
    assert "state: absent" in removal.ansible
    assert removal.terraform is None
    assert removal.left_out
    # realm-admin contains view-users, which may be granted directly too: then going back must not remove it.
    assert changes.notes == (GROUPS, PERHAPS_DIRECT.format(roles="view-users"))


SCOPES = "/admin/realms/{realm}/clients/{client-uuid}/authz/resource-server/scope"
CLIENTS = "/admin/realms/{realm}/clients"


@pytest.mark.parametrize(
    ("uses", "least", "is_noted"),
    [
        ((use(f"GET {SCOPES}"), use(f"POST {CLIENTS}")), ("manage-clients",), True),
        ((use(f"GET {SCOPES.removesuffix('/scope')}"), use(f"GET {CLIENTS}")), ("view-clients",), True),
        ((use(f"GET {SCOPES}"),), ("view-authorization",), False),
        ((use(f"POST {SCOPES}"),), ("manage-authorization",), False),
        ((use(f"POST {CLIENTS}"),), ("manage-clients",), False),
    ],
)
def test_a_set_that_version_1_of_the_permissions_refuses_has_a_note(uses: tuple[Use, ...], least: RoleSet, *, is_noted: bool) -> None:
    found = audited(*uses)
    assert found.least == least
    notes = changes_of(TABLE, found).notes
    assert (FIRST_EDITION.format(roles=" + ".join(least), more="view-authorization") in notes) is is_noted


def test_for_users_there_are_no_commands() -> None:
    person = UseCaller(client="console", token_realm="shop", kind=CallerKind.USER)
    changes = changes_of(TABLE, audited(use(READ, caller=person)))
    assert (changes.steps, changes.undo, changes.notes) == ((), (), (OF_USERS,))


def test_records_of_several_proxies_add_up() -> None:
    one = UseRecord(uses=(use(READ, full=1),), roles={SYNC: NamedRoles(by_owner={"a": ("x",)}, seen_at=1.0)}, days=frozenset({1, 2}))
    other = UseRecord(
        uses=(use(READ, full=2, error=1), use(CREATE)), roles={SYNC: NamedRoles(by_owner={}, seen_at=2.0)}, days=frozenset({2, 3})
    )
    found = combined([one, other])
    assert [(each.operation, dict(each.counts)) for each in found.uses] == [
        (READ, {Outcome.FULL: 3, Outcome.ERROR: 1}),
        (CREATE, {Outcome.FULL: 2}),
    ]
    assert (found.roles[SYNC].seen_at, set(found.days)) == (2.0, {1, 2, 3})


BY_ID = "/admin/realms/{realm}/roles-by-id/{role-id}"


@pytest.mark.parametrize(
    ("uses", "others"),
    [
        ((use(f"GET {BY_ID}"),), [("when the role belongs to a client", "view-clients")]),
        ((use(f"PUT {BY_ID}"),), [("when the role belongs to a client", "manage-clients")]),
        ((use(f"GET {BY_ID}"), use("GET /admin/realms/{realm}/clients")), []),
        ((use(f"GET {BY_ID}", variant="client-role"),), []),
        ((use("GET /admin/realms/{realm}"),), []),
        ((use("POST /admin/realms/{realm}/users/{user-id}/impersonation"),), [("when the user holds an administrator's roles", "realm-admin")]),
        ((use(READ),), []),
    ],
)  # fmt: skip
def test_targets_that_need_other_roles_are_listed(uses: tuple[Use, ...], others: list[tuple[str, str]]) -> None:
    found = audited(*uses)
    assert [(case.says, ", ".join(TABLE.least(case.sets) or ())) for _, case in found.other_targets(TABLE)] == others


INFO = "GET /admin/serverinfo"
OPERATOR = UseCaller(client="admin-cli", token_realm="master", kind=CallerKind.USER)


@pytest.mark.parametrize(
    ("counts", "realm_roles", "demands"),
    [
        ({"full": 1}, (("admin",),), 0),
        ({"full": 1, "reduced": 2}, (("admin",),), 0),
        ({"reduced": 1}, (), 1),
    ],
)
def test_a_full_response_that_only_a_realm_role_gets_needs_that_role(
    counts: dict[str, int], realm_roles: tuple[RoleSet, ...], demands: int
) -> None:
    numbers = {Outcome(name): number for name, number in counts.items()}
    (need,) = audited(replace(use(INFO, caller=OPERATOR, realm=None), counts=numbers), held=("manage-users",), owner="master-realm").needs
    assert need.realm_roles == realm_roles
    assert len(need.as_answered) == demands


def test_without_named_roles_a_realm_role_is_not_asked_for_where_another_is_let_in() -> None:
    found = audited(use(INFO, caller=OPERATOR, realm=None), held=None)
    assert (found.least, found.needs[0].realm_roles) == (("query-realms",), ())
