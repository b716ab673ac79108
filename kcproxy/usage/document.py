"""The result of an audit as a JSON-ready document: for ``kcproxy audit --json`` and the page *Least privilege*."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kcproxy.catalog import Catalog
from kcproxy.model import RoleSet
from kcproxy.usage.audit import Audit, outcomes_of
from kcproxy.usage.changes import Changes, Step
from kcproxy.usage.model import Use
from kcproxy.usage.needs import Need
from kcproxy.usage.window import Window

SCHEMA = 1


def audit_document(
    catalog: Catalog, window: Window, found: Sequence[tuple[Audit, Changes]], *, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """``callers``: one member for each caller and owner of roles. ``notes``: remarks about the sources. Times are ISO 8601, UTC."""
    return {
        "schema": SCHEMA,
        "keycloak": catalog.version,
        "window": _window(window),
        "notes": list(notes),
        "callers": [caller_document(catalog, window, audit, changes) for audit, changes in found],
    }


def _window(window: Window) -> dict[str, Any]:
    return {
        "since": iso(window.since_epoch_seconds),
        "until": iso(window.now_epoch_seconds),
        "days": window.days,
        "seen": window.seen,
        "says": window.says,
    }


def iso(at: float) -> str | None:
    """A time as text; None if it is unknown."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def caller_document(catalog: Catalog, window: Window, audit: Audit, changes: Changes) -> dict[str, Any]:
    """One caller and the roles of one owner."""
    caller = audit.caller
    return {
        "client": caller.client,
        "tokenRealm": caller.token_realm,
        "kind": caller.kind.value,
        "injected": caller.injected,
        "owner": {"client": audit.owner.client, "realm": audit.owner.realm},
        "held": _list(audit.held),
        "least": _list(audit.least),
        "full": _list(audit.full),
        "unused": list(audit.unused),
        "excessive": list(audit.excessive),
        "escalations": [{"role": each.role, "says": each.says, "needed": each.needed} for each in audit.escalations],
        "leastPowers": [{"role": role, "says": power.says} for role in audit.least or () for power in catalog.powers(role)],
        "realmRoles": [list(roles) for roles in sorted({roles for need in audit.needs for roles in need.realm_roles[:1]})],
        "used": [_need(catalog, need) for need in audit.needs],
        "notUsed": [_use(use) for use in audit.not_used],
        "otherTargets": [
            _name(use) | {"says": case.says, "least": list(catalog.least(case.sets) or ())} for use, case in audit.other_targets(catalog)
        ],
        "once": [_name(use) for use in audit.rare],
        "longAgo": [_name(use) for use in audit.long_ago(window.now_epoch_seconds)],
        "change": [step_document(step) for step in changes.steps],
        "undo": [step_document(step) for step in changes.undo],
        "notes": list(changes.notes),
    }


def _list(roles: RoleSet | None) -> list[str] | None:
    return None if roles is None else list(roles)


def _name(use: Use) -> dict[str, Any]:
    return {"operation": use.operation, "realm": use.realm, "variant": use.variant or None, "last": iso(use.last_at)}


def _use(use: Use) -> dict[str, Any]:
    return _name(use) | {"first": iso(use.first_at), "counts": outcomes_of(use)}


def _need(catalog: Catalog, need: Need) -> dict[str, Any]:
    least = [catalog.least(demand) for demand in need.as_answered]
    roles = sorted({role for each in least for role in each or ()})
    realm_roles = [role for roles in need.realm_roles[:1] for role in roles]
    return _use(need.use) | {"least": None if need.problem else roles, "realmRoles": realm_roles, "problem": need.problem}


def step_document(step: Step) -> dict[str, Any]:
    """A step in all its forms."""
    forms = step.forms
    return {
        "action": step.action,
        "roles": list(step.roles),
        "kcadm": list(forms.kcadm),
        "curl": list(forms.curl),
        "terraform": forms.terraform,
        "ansible": forms.ansible,
        "leftOut": list(forms.left_out),
    }
