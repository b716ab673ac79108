"""The commands that lead from the held roles to the least ones, and those that lead back."""

from dataclasses import dataclass

from kcproxy.catalog import Catalog
from kcproxy.explain.context import version_key
from kcproxy.explain.fixes.forms import Forms, grant_forms, revoke_forms
from kcproxy.explain.fixes.grantee import SERVICE_ACCOUNT_PREFIX, Grantee
from kcproxy.model import CallerKind, RoleSet
from kcproxy.usage.audit import REALM_ROLES, Audit

OF_USERS = "the caller is a user, or several: the record has no user names, so change the roles of each (--user NAME prints the commands)"
NOT_HELD = "nothing is known of the held roles: only the roles to add are printed"
GROUPS = "if one of these roles comes from a group or from a composite role, remove it there"
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


def changes_of(catalog: Catalog, audit: Audit, *, username: str | None = None) -> Changes:
    """The changes for one audit. For users only notes, unless ``username`` says whose roles to change."""
    if audit.caller.kind is CallerKind.USER and username is None:
        return Changes(notes=(OF_USERS,) if audit.add or audit.remove else ())
    to, container, version = _to(audit, username), _container(audit), version_key(catalog.version)

    def steps(add: RoleSet, remove: RoleSet) -> tuple[Step, ...]:
        found = []
        if add:
            found.append(Step(action="add", roles=add, forms=grant_forms(to, container, add, version=version)))
        if remove:
            found.append(Step(action="remove", roles=remove, forms=revoke_forms(to, container, remove)))
        return tuple(found)

    return Changes(
        steps=steps(audit.add, audit.remove),
        undo=steps(audit.remove, audit.add) if audit.held is not None else (),
        notes=_notes(audit),
    )


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


def _notes(audit: Audit) -> tuple[str, ...]:
    notes = []
    if audit.held is None and audit.add:
        notes.append(NOT_HELD)
    if audit.remove:
        notes.append(GROUPS)
    if audit.caller.kind not in {CallerKind.SERVICE_ACCOUNT, CallerKind.USER} and (audit.add or audit.remove):
        notes.append(NOT_VERIFIED_KIND)
    return tuple(notes)
