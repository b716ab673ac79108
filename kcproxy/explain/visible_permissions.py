"""What an explanation may use of the permissions of a realm: all for the operator; for the caller what Keycloak shows them as well.

For a caller, only permissions that grant them something count: others' permissions, and that one of them denies, are hidden. An object that they
may not view has the name that the request itself gives it, and is decided like one that does not exist. So nothing that they are shown depends on it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from kcproxy.catalog.permissions import ObjectPlace, Term
from kcproxy.explain.context import Context
from kcproxy.permissions.alone import names_only_caller
from kcproxy.permissions.decide import Outcome, decide
from kcproxy.permissions.facts import Item, PermissionFacts
from kcproxy.permissions.model import (
    CLIENTS,
    GROUPS,
    ORGANIZATIONS,
    ROLES,
    AggregatedCondition,
    Object,
    Permission,
)
from kcproxy.permissions.policies import Effect, Situation, judge

_BY_ROLE: Mapping[str, tuple[str, ...]] = {
    "Users.view": ("view-users", "manage-users"),
    "Users": ("manage-users",),
    "Users.impersonate": ("impersonation",),
    "Groups.view": ("view-users", "manage-users"),
    "Groups": ("manage-users",),
    "Clients.view": ("view-clients", "manage-clients"),
    "Clients": ("manage-clients",),
}
"""Roles that stand for a scope (UserPermissions, GroupPermissions, ClientPermissions of Keycloak 26): by type and scope, or by type for the rest."""
_SEEING_ROLES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    ROLES: (("view-realm", "manage-realm"), ("view-clients", "manage-clients")),  # of the realm, of a client: the ID does not say which
    ORGANIZATIONS: (("view-organizations", "manage-organizations", "manage-realm"),),
}
"""Roles that let view objects for which no scope does: one of each group."""
_MEMBERS = "-members"
"""The end of scopes of a group that are about its members."""
_MOST_JUDGED = 50
"""Objects of one permission for which it is found out whether the caller may view them."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class VisiblePermissions(Struct, frozen=True, kw_only=True):
    """``facts``: what may be used, with the names that may be shown as labels. ``situation``: what is decided by.

    ``ids``: IDs that commands may have; None if all. ``every_object``: whether the reader may view each object of the request.
    ``everything``: whether nothing that is left out can matter for a decision about any object of the realm.
    """

    facts: PermissionFacts
    situation: Situation
    ids: frozenset[str] | None = None
    every_object: bool = True
    everything: bool = True

    def may_write(self, identifiers: Iterable[str | None]) -> bool:
        """Whether commands with these IDs may be shown."""
        return self.ids is None or self.ids.issuperset(each for each in identifiers if each is not None)


def visible_permissions(context: Context, facts: PermissionFacts, situation: Situation, roles: frozenset[str]) -> VisiblePermissions:
    """What the reader of this explanation may see. ``roles``: those of the caller that count."""
    if context.for_operator:
        return VisiblePermissions(facts=facts, situation=situation)
    return _Caller(facts, situation, roles).visible(facts.named or _in_path(context, facts))


def stands_for(term: Term, roles: frozenset[str]) -> bool:
    """Whether one of the roles gives the scope on every object."""
    names = _BY_ROLE.get(f"{term.type}.{term.scope}") or _BY_ROLE.get(term.type, ())
    return bool(term.type) and any(name in roles for name in names)


def permits(permission: Permission, situation: Situation) -> bool:
    """Whether the permission grants the caller its scopes."""
    return bool(permission.policies) and all(judge(policy, situation).effect is Effect.PERMIT for policy in permission.policies)


def _in_path(context: Context, facts: PermissionFacts) -> dict[ObjectPlace, str]:
    parameters = context.request.target.parameters
    return {place: parameters[place.path] for place in facts.objects if place.path in parameters}


class _Shown(NamedTuple):
    """An object as the caller may see it, what it is called, and whether that is an ID."""

    asked: Object
    label: str
    is_id: bool
    seen: bool


class _Caller:
    """What one caller may see."""

    def __init__(self, facts: PermissionFacts, situation: Situation, roles: frozenset[str]) -> None:
        self._facts, self._situation, self._roles = facts, situation, roles
        self._own = tuple(each for each in situation.permissions.permissions if permits(each, situation))
        self._shown: list[_Shown] = []
        self._kinds_known = True

    def visible(self, named: Mapping[ObjectPlace, str]) -> VisiblePermissions:
        objects = self._objects(named, self._facts.objects)
        items = (
            () if self._facts.items_found else tuple(map(self._item, self._facts.items))
        )  # which roles are mapped is not for every caller
        labels, ids = self._labels_and_ids()
        known = self._facts.permissions
        policies = {policy: known.policies[policy] for policy in self._policies() if policy in known.policies}
        permissions = replace(known, permissions=self._own, policies=policies, unread=())
        every = all(each.seen for each in self._shown)
        viewed = {each.asked.id for each in self._shown if each.seen}
        server = {asked: says for asked, says in self._facts.server.items() if not asked[1] or asked[1] in viewed}
        facts = PermissionFacts(  # named one by one: a fact that is added later is hidden until it is added here
            client_uuid=self._facts.client_uuid,
            permissions=permissions,
            identity=self._facts.identity,
            objects=objects,
            now_utc=self._facts.now_utc,
            items=items,
            all_items=self._facts.all_items,
            items_left=self._facts.items_left,
            items_found=self._facts.items_found,
            labels=labels,
            server=server,
            named=named,
        )
        return VisiblePermissions(
            facts=facts,
            situation=replace(self._situation, permissions=permissions),
            ids=ids,
            every_object=every,
            everything=len(self._own) == len(known.permissions)
            and not known.unread
            and self._kinds_known
            and (every or not self._reaches_members()),
        )

    def _objects(self, named: Mapping[ObjectPlace, str], found: Mapping[ObjectPlace, Object]) -> dict[ObjectPlace, Object]:
        """The objects that the request names, and of those that look-ups added, such as the client of a role, the ones that the caller may view."""
        shown = {place: self._show(place, name, found.get(place)) for place, name in named.items()}
        added = {place: self._show(place, "", each) for place, each in found.items() if place not in named and self._sees(each)}
        self._shown += (*shown.values(), *added.values())
        return {place: each.asked for place, each in (shown | added).items()}

    def _item(self, item: Item) -> Item:
        """If the caller may not view the role of an item, they do not know its kind either: it counts as the kind that the item itself says."""
        named = item.named or {place: each.id for place, each in item.objects.items() if each.id is not None}
        if all(place.type != ROLES or self._sees(item.objects.get(place)) for place in named if place not in item.beside):
            return replace(item, objects=self._objects(named, item.objects))
        kind = "client" if any(place.type == CLIENTS for place in named) else "realm"
        kept = {place: name for place, name in named.items() if place.role_of in {"", kind}}
        found = {place: item.objects[place] for place in kept if place in item.objects}
        self._kinds_known = self._kinds_known and not any(place.role_of for place in named)
        return Item(
            objects=self._objects(kept, found), beside=frozenset(set(named) - set(kept)), body=item.sent, named=kept, sent=item.sent
        )

    def _show(self, place: ObjectPlace, name: str, found: Object | None) -> _Shown:
        is_id = bool(place.path) or _UUID.fullmatch(name) is not None
        if found is None or found.id is None:
            return _Shown(Object(type=place.type, id=name), name, is_id, seen=False)
        if self._sees(found):
            return _Shown(found, self._facts.labels.get(found.id, found.id), is_id=True, seen=True)
        is_own = any(found.id in permission.objects for permission in self._own)
        return _Shown(Object(type=place.type, id=found.id if is_own else name), name, is_id, seen=False)

    def _sees(self, asked: Object | None) -> bool:
        """Whether Keycloak shows the caller this object."""
        if asked is None or asked.id in self._facts.absent or (asked.type, asked.id) in self._facts.absent_as:
            return False
        by_role = _SEEING_ROLES.get(asked.type)
        if by_role is not None and all(any(role in self._roles for role in names) for names in by_role):
            return True
        if stands_for(Term(type=asked.type, scope="view"), self._roles):
            return True
        return decide(asked, "view", self._situation).outcome is Outcome.GRANTED

    def _labels_and_ids(self) -> tuple[dict[str, str], frozenset[str]]:
        labels = {each.asked.id: each.label for each in self._shown if each.asked.id is not None}
        ids = {each.asked.id for each in self._shown if each.is_id and each.asked.id is not None}
        for permission in self._own:
            for identifier in sorted(permission.objects)[:_MOST_JUDGED]:
                if self._sees(Object(type=permission.type, id=identifier)):
                    ids.add(identifier)
                    labels[identifier] = self._facts.labels.get(identifier, identifier)
        return labels, frozenset(ids)

    def _policies(self) -> set[str]:
        """Policies of the caller's permissions with their parts, and those that name the caller alone."""
        known, found = self._facts.permissions.policies, set[str]()
        waiting = [policy for permission in self._own for policy in permission.policies]
        while waiting:
            policy = waiting.pop()
            if policy not in found:
                found.add(policy)
                condition = known[policy].condition if policy in known else None
                waiting += condition.policies if isinstance(condition, AggregatedCondition) else ()
        return found | {identifier for identifier, policy in known.items() if names_only_caller(policy, self._situation)}

    def _reaches_members(self) -> bool:
        """Whether a permission of the caller is about members of groups: who they are is hidden, so more may be granted than is said."""
        return any(scope.endswith(_MEMBERS) for each in self._own if each.type == GROUPS for scope in each.scopes)
