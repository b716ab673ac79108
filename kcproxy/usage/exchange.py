"""A record of use as a JSON-ready document, for the admin port, and back."""

from collections.abc import Mapping
from typing import Any

from kcproxy.model import CallerKind
from kcproxy.usage.model import NamedRoles, Outcome, Use, UseCaller, UseRecord

SCHEMA = 1


class NoRecordDocument(ValueError):
    """A document is not what ``record_document`` makes."""


def record_document(record: UseRecord) -> dict[str, Any]:
    """``days`` since the epoch; ``callers`` with the roles that their tokens named (null: unknown), and their uses. Times in seconds since the epoch."""
    uses: dict[UseCaller, list[Use]] = {caller: [] for caller in record.roles}
    for use in record.uses:
        uses.setdefault(use.caller, []).append(use)
    return {
        "schema": SCHEMA,
        "days": sorted(record.days),
        "callers": [_caller(caller, record.roles.get(caller)) | {"uses": list(map(_use, its))} for caller, its in uses.items()],
    }


def _caller(caller: UseCaller, named: NamedRoles | None) -> dict[str, Any]:
    return {
        "client": caller.client,
        "tokenRealm": caller.token_realm,
        "kind": caller.kind.value,
        "injected": caller.injected,
        "roles": None if named is None else {owner: list(roles) for owner, roles in named.by_owner.items()},
        "rolesAt": None if named is None else named.seen_at,
    }


def _use(use: Use) -> dict[str, Any]:
    counts = {outcome.value: number for outcome, number in use.counts.items()}
    named = {"realm": use.realm, "operation": use.operation, "variant": use.variant}
    return named | {"counts": counts, "firstAt": use.first_at, "lastAt": use.last_at}


def record_of_document(document: Any) -> UseRecord:
    """The record. Raises NoRecordDocument."""
    try:
        return _record_of(document)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise NoRecordDocument(f"no record of use of format {SCHEMA}: a member is missing or of another type") from error


def _record_of(document: Mapping[str, Any]) -> UseRecord:
    if document["schema"] != SCHEMA:
        raise NoRecordDocument
    callers = [(_caller_of(each), each) for each in document["callers"]]
    return UseRecord(
        uses=tuple(_use_of(caller, use) for caller, each in callers for use in each["uses"]),
        roles={caller: _roles_of(each) for caller, each in callers if each["roles"] is not None},
        days=frozenset(int(day) for day in document["days"]),
    )


def _caller_of(found: Mapping[str, Any]) -> UseCaller:
    kind = found["kind"]
    known = CallerKind(kind) if kind in set(CallerKind) else CallerKind.UNKNOWN
    return UseCaller(client=str(found["client"]), token_realm=str(found["tokenRealm"]), kind=known, injected=bool(found["injected"]))


def _roles_of(found: Mapping[str, Any]) -> NamedRoles:
    by_owner = {str(owner): tuple(map(str, roles)) for owner, roles in found["roles"].items()}
    return NamedRoles(by_owner=by_owner, seen_at=float(found["rolesAt"]))


def _use_of(caller: UseCaller, found: Mapping[str, Any]) -> Use:
    counts = {outcome: int(found["counts"].get(outcome.value, 0)) for outcome in Outcome}
    realm = found["realm"]
    return Use(
        caller=caller,
        realm=None if realm is None else str(realm),
        operation=str(found["operation"]),
        variant=str(found["variant"]),
        counts={outcome: number for outcome, number in counts.items() if number > 0},
        first_at=float(found["firstAt"]),
        last_at=float(found["lastAt"]),
    )
