"""The forecast of an upgrade, by the tables of both versions."""

import pytest

from kcproxy import catalog
from kcproxy.catalog import Catalog
from kcproxy.model import CallerKind
from kcproxy.usage.audit import audits
from kcproxy.usage.forecast import Fate, Forecast, entry_in, forecast
from kcproxy.usage.model import NamedRoles, Outcome, Use, UseCaller, UseRecord

OLD, NEW = catalog.load("26.6.4"), catalog.load("26.7.5")
SYNC = UseCaller(client="sync", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT)


def predicted(
    operation: str, held: tuple[str, ...] | None, *, old: Catalog = OLD, new: Catalog = NEW, outcome: str = "full", variant: str = ""
) -> Forecast:
    use = Use(caller=SYNC, realm="shop", operation=operation, variant=variant, counts={Outcome(outcome): 1})
    roles = {} if held is None else {SYNC: NamedRoles(by_owner={"realm-management": held})}
    (audit,) = audits(old, UseRecord(uses=(use,), roles=roles, days=frozenset()))
    return forecast(old, new, audit)


def differing() -> list[tuple[str, tuple[str, ...]]]:
    """Operations, each with a role that got the full response on the old version and is not let in on the new one."""
    found = []
    for entry in OLD.operations:
        after = entry_in(NEW, entry.operation.key)
        if after is None or entry.requirement.undetermined or after.requirement.undetermined:
            continue
        lost = [roles for roles in entry.requirement.any_of if not NEW.satisfies(OLD.closure(roles), after.requirement.admits)]
        found += [(entry.operation.key, lost[0])] if lost and after.requirement.any_of else []
    return found


DIFFERING = differing()


def test_the_tables_differ_so_that_there_is_something_to_forecast() -> None:
    assert DIFFERING


@pytest.mark.parametrize(("operation", "held"), DIFFERING)
def test_a_call_that_the_new_version_refuses_is_found_with_what_to_grant(operation: str, held: tuple[str, ...]) -> None:
    found = predicted(operation, held)
    (change,) = found.changes
    assert change.fate is Fate.REFUSED
    assert found.is_worse
    after = entry_in(NEW, operation)
    assert after is not None
    assert NEW.satisfies((*held, *found.grant, *found.grant_after), after.requirement.any_of)


def test_what_stays_the_same_is_no_change() -> None:
    found = predicted("GET /admin/realms/{realm}/users", ("view-users",))
    assert (found.changes, found.grant, found.is_worse) == ((), (), False)


def test_an_operation_that_is_gone_is_named() -> None:
    gone = next(entry.operation.key for entry in NEW.operations if entry_in(OLD, entry.operation.key) is None)
    (change,) = predicted(gone, ("realm-admin",), old=NEW, new=OLD).changes
    assert (change.fate, change.says) == (Fate.GONE, "not in the table of Keycloak 26.6.4")


@pytest.mark.parametrize("version", catalog.versions())
def test_nothing_changes_from_a_version_to_itself(version: str) -> None:
    table = catalog.load(version)
    for entry in table.operations:
        for roles in entry.requirement.any_of[:1]:
            assert predicted(entry.operation.key, roles, old=table, new=table).changes == ()


def test_without_held_roles_only_a_different_requirement_is_named() -> None:
    operation, _ = DIFFERING[0]
    (change,) = predicted(operation, None).changes
    assert change.fate is Fate.UNKNOWN
    assert predicted("GET /admin/realms/{realm}/users", None).changes == ()


def test_parameters_may_have_other_names_in_another_version() -> None:
    for entry in catalog.load("24.0.5").operations[:50]:
        shape = entry.operation.key.count("{")
        found = entry_in(NEW, entry.operation.key)
        assert found is None or found.operation.key.count("{") == shape
