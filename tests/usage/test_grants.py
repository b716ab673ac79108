"""Changes of looked-up grants: they lead to the least set, and back to exactly the old direct grants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy import catalog
from kcproxy.model import CallerKind
from kcproxy.usage.audit import Audit, audits
from kcproxy.usage.changes import Changes, changes_of
from kcproxy.usage.grants import Grants, Through, with_grants
from kcproxy.usage.model import NamedRoles, Outcome, Use, UseCaller, UseRecord

TABLE = catalog.load("26.7.5")
CALLER = UseCaller(client="sync", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT)
ROLES = st.sampled_from(sorted(TABLE.roles))
READS = ("GET /admin/realms/{realm}/users", "GET /admin/realms/{realm}/clients", "POST /admin/realms/{realm}/users")


def audited(grants: Grants, operations: tuple[str, ...] = READS[:1]) -> Audit:
    uses = tuple(Use(caller=CALLER, realm="shop", operation=each, counts={Outcome.FULL: 2}) for each in operations)
    record = UseRecord(uses=uses, roles={CALLER: NamedRoles(by_owner={"realm-management": ("realm-admin",)})}, days=frozenset())
    (before,) = audits(TABLE, record)
    (audit,) = audits(TABLE, with_grants(record, {(CALLER, before.owner): grants}, now_epoch_seconds=1.0))
    return audit


def played(direct: set[str], changes: Changes, *, undo: bool) -> set[str]:
    for step in changes.undo if undo else changes.steps:
        direct = direct | set(step.roles) if step.action == "add" else direct - set(step.roles)
    return direct


@given(st.sets(ROLES, max_size=6), st.sets(ROLES, max_size=3), st.sets(st.sampled_from(READS), min_size=1))
def test_there_and_back_restores_the_direct_grants(direct: set[str], inherited: set[str], operations: set[str]) -> None:
    effective = tuple(sorted(TABLE.closure(frozenset(direct | inherited))))
    grants = Grants(
        direct=tuple(sorted(direct)), effective=effective, through=(Through(by="group /staff", roles=tuple(sorted(inherited))),)
    )
    audit = audited(grants, tuple(sorted(operations)))
    changes = changes_of(TABLE, audit, grants=grants)
    there = played(direct, changes, undo=False)
    assert audit.least is not None
    assert set(audit.least) <= there <= TABLE.closure(audit.least)
    assert played(there, changes, undo=True) == direct


@pytest.mark.parametrize(
    ("direct", "steps"),
    [
        (("realm-admin",), [("add", "view-users"), ("remove", "realm-admin")]),
        (("realm-admin", "view-users"), [("remove", "realm-admin")]),
        (("query-users", "view-users"), []),
        (("manage-users", "query-users"), [("add", "view-users"), ("remove", "manage-users")]),
        ((), [("add", "view-users")]),
    ],
)
def test_only_what_differs_is_changed(direct: tuple[str, ...], steps: list[tuple[str, str]]) -> None:
    grants = Grants(direct=direct, effective=tuple(sorted(TABLE.closure(direct))))
    changes = changes_of(TABLE, audited(grants), grants=grants)
    assert [(step.action, ", ".join(step.roles)) for step in changes.steps] == steps
    assert changes.notes == ()


@pytest.mark.parametrize(
    ("through", "effective", "note"),
    [
        ((Through(by="realm role support", roles=("manage-users",)),), ("manage-users",), "realm role support still gives manage-users"),
        ((Through(by="group /staff", roles=("query-users", "view-users")),), ("query-users", "view-users"), None),
        ((), ("manage-events",), "a parent group or a composite role of a client still gives manage-events"),
    ],
)
def test_roles_from_elsewhere_are_named(through: tuple[Through, ...], effective: tuple[str, ...], note: str | None) -> None:
    grants = Grants(direct=(), effective=effective, through=through)
    notes = changes_of(TABLE, audited(grants), grants=grants).notes
    assert [each.partition(":")[0] for each in notes] == ([] if note is None else [note])


def test_without_a_look_up_a_contained_role_is_left_to_the_operator() -> None:
    audit = audited(Grants(direct=(), effective=("realm-admin",)))
    assert any("the held roles contain view-users" in note and "--look-up" in note for note in changes_of(TABLE, audit).notes)
