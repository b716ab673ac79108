"""The commands that lead from the held roles to the least ones, and those that lead back."""

from collections.abc import Iterator
from dataclasses import dataclass

from kcproxy.catalog import Catalog
from kcproxy.explain.context import version_key
from kcproxy.explain.fixes.forms import Forms, grant_forms, revoke_forms
from kcproxy.explain.fixes.grantee import SERVICE_ACCOUNT_PREFIX, Grantee
from kcproxy.explain.hints import AUTHORIZATION_SERVICES, OF_AUTHORIZATION
from kcproxy.model import CallerKind, RoleSet
from kcproxy.usage.audit import REALM_ROLES, Audit, tops
from kcproxy.usage.grants import Grants

OF_USERS = "the caller is a user, or several: the record has no user names, so change the roles of each (--user NAME prints the commands)"
NOT_HELD = "nothing is known of the held roles: only the roles to add are printed"
GROUPS = "if one of these roles comes from a group or from a composite role, remove it there"
PERHAPS_DIRECT = "the held roles contain {roles}: if it is also granted directly now, leave the removal out when going back (--look-up finds that out and prints the exact commands)"
STILL = "{by} still gives {roles}: to take that away, change it there; no command here touches it, so going back restores the direct grants exactly"
FIRST_EDITION = (
    "on a server with the feature admin-fine-grained-authz:v1, {roles} is not enough for the calls of authorization services: there,"
    " {more} is needed too (measured on 26.7.5)"
)
NOT_VERIFIED_KIND = "the kind of account is not known: the commands are for the service account of the client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Roles to add or to remove, with the commands."""

    action: str  # "add" or "remove"
    roles: RoleSet
    forms: Forms


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """``steps`` lead to the least set: first what is added, so that no call is refused in between. ``undo`` leads back, in the same order."""

    steps: tuple[Step, ...] = ()
    undo: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()


def changes_of(catalog: Catalog, audit: Audit, *, username: str | None = None, grants: Grants | None = None) -> Changes:
    """The changes for one audit. For users only notes, unless ``username`` says whose roles to change.

    With ``grants``, the commands change direct grants only, and going back restores exactly these. Without, how the roles are held is not known.
    """
    if audit.caller.kind is CallerKind.USER and username is None:
        return Changes(notes=(*((OF_USERS,) if audit.add or audit.remove else ()), *_of_first_edition(catalog, audit)))
    to, container, version = _to(audit, username), _container(audit), version_key(catalog.version)

    def steps(add: RoleSet, remove: RoleSet) -> tuple[Step, ...]:
        found = []
        if add:
            found.append(Step(action="add", roles=add, forms=grant_forms(to, container, add, version=version)))
        if remove:
            found.append(Step(action="remove", roles=remove, forms=revoke_forms(to, container, remove)))
        return tuple(found)

    if grants is not None:
        add, remove = _direct_changes(catalog, audit, grants)
        return Changes(
            steps=steps(add, remove), undo=steps(remove, add), notes=(*_elsewhere(catalog, audit, grants), *_of_all(catalog, audit))
        )
    return Changes(
        steps=steps(audit.add, audit.remove),
        undo=steps(audit.remove, audit.add) if audit.held is not None else (),
        notes=_notes(catalog, audit),
    )


def _direct_changes(catalog: Catalog, audit: Audit, grants: Grants) -> tuple[RoleSet, RoleSet]:
    """What to add to the direct grants and what to remove. Direct grants that the least set contains stay: they open nothing more."""
    if audit.least is None:
        return (), ()
    kept = catalog.closure(audit.least)
    return tuple(role for role in audit.least if role not in grants.direct), tuple(role for role in grants.direct if role not in kept)


def _elsewhere(catalog: Catalog, audit: Audit, grants: Grants) -> Iterator[str]:
    """Notes about roles beyond the least set that are not granted directly."""
    if audit.least is None:
        return
    kept, explained = catalog.closure(audit.least), catalog.closure(grants.direct)
    for each in grants.through:
        explained |= catalog.closure(each.roles)
        beyond = [role for role in tops(catalog, each.roles) if not catalog.contains(role) <= kept]
        if beyond:
            yield STILL.format(by=each.by, roles=", ".join(beyond))
    rest = [role for role in tops(catalog, set(grants.effective) - explained) if not catalog.contains(role) <= kept]
    if rest:
        yield STILL.format(by="a parent group or a composite role of a client", roles=", ".join(rest))


def grant_step(catalog: Catalog, audit: Audit, roles: RoleSet) -> Step | None:
    """The grant of further roles to the caller of an audit; None for users."""
    if audit.caller.kind is CallerKind.USER:
        return None
    forms = grant_forms(_to(audit, None), _container(audit), roles, version=version_key(catalog.version))
    return Step(action="add", roles=roles, forms=forms)


def _to(audit: Audit, username: str | None) -> Grantee:
    if audit.caller.kind is not CallerKind.USER:
        username = SERVICE_ACCOUNT_PREFIX + audit.caller.client.lower()
    return Grantee(realm=audit.owner.realm, username=username, client_id=audit.caller.client)


def _container(audit: Audit) -> str | None:
    return None if audit.owner.client == REALM_ROLES else audit.owner.client


def _of_kind(audit: Audit) -> tuple[str, ...]:
    unsure = audit.caller.kind not in {CallerKind.SERVICE_ACCOUNT, CallerKind.USER} and (audit.add or audit.remove)
    return (NOT_VERIFIED_KIND,) if unsure else ()


def _notes(catalog: Catalog, audit: Audit) -> tuple[str, ...]:
    notes = []
    if audit.held is None and audit.add:
        notes.append(NOT_HELD)
    if audit.remove:
        notes.append(GROUPS)
    contained = [role for role in audit.add if role in catalog.closure(audit.held or ())]
    if contained:
        notes.append(PERHAPS_DIRECT.format(roles=", ".join(contained)))
    return (*notes, *_of_all(catalog, audit))


def _of_all(catalog: Catalog, audit: Audit) -> Iterator[str]:
    yield from _of_kind(audit)
    yield from _of_first_edition(catalog, audit)


def _of_first_edition(catalog: Catalog, audit: Audit) -> Iterator[str]:
    """Version 1 of the permissions lets ``manage-clients`` change most of a client's authorization services, but ``view-clients`` and
    ``manage-clients`` read nothing of them, and change no permission. There is no table for a server with it.
    """
    used = any(AUTHORIZATION_SERVICES in need.use.operation for need in audit.needs)
    if used and audit.least and catalog.closure(audit.least).isdisjoint(OF_AUTHORIZATION):
        yield FIRST_EDITION.format(roles=" + ".join(audit.least), more=OF_AUTHORIZATION[0])
