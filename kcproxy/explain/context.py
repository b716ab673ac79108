"""Everything that one refusal can be judged by, in one frozen value, with the few conclusions that all rules share."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kcproxy.catalog import Catalog
from kcproxy.explain.text import shown
from kcproxy.model import Answer, Caller, CallerKind, Facts, RequestFacts, Requirement, RoleSet, TargetKind

MASTER = "master"
REALM_MANAGEMENT = "realm-management"
BUILT_IN_ADMIN_CLIENTS = frozenset({"admin-cli", "security-admin-console"})
LIVE_GRANTS_SINCE = (26, 7)
"""From this version the grants decide, as they are at the call; before it the token's claims do (MgmtPermissions.initIdentity)."""
LIVE_FOR_LIGHTWEIGHT_SINCE = (26, 0)
_BODY_OF_OLD_VERSIONS = "unknown_error"
_FRESH_SECONDS = 5
_EXCHANGED = re.compile(r"(?:on|of|tr)(?:rt|lt)te:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One refused request. ``container`` is the client that owns the admin roles of this call; ``held`` what the token names of it.

    ``need`` are the sets that let in, ``missing`` the roles to add, ``grants_live`` whether this Keycloak reads grants at the call
    (True) or the token's claims (False). ``version`` may be a guess; a rule that rests on it alone is never certain.
    """

    request: RequestFacts
    caller: Caller
    answer: Answer
    catalog: Catalog
    facts: Facts
    requirement: Requirement | None
    now_epoch_seconds: float
    version: tuple[int, ...]
    version_known: bool
    require_audience: bool | None
    container: str
    container_realm: str | None
    held: frozenset[str]
    missing: RoleSet
    grants_live: bool
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def need(self) -> tuple[RoleSet, ...]:
        """The minimal sets of roles that are let in at all."""
        return self.requirement.admits if self.requirement else ()

    @property
    def full(self) -> tuple[RoleSet, ...]:
        """The minimal sets that get the full answer, or, where none does, those that are let in."""
        return (self.requirement.any_of or self.requirement.admits) if self.requirement else ()

    @property
    def method(self) -> str:
        """The request's method."""
        return self.request.target.method

    @property
    def template(self) -> str:
        """The operation's path template, or "" where it is not known."""
        operation = self.request.target.operation
        return operation.path if operation else ""

    @property
    def token_suffices(self) -> bool:
        """Whether the roles that the token names would be let in."""
        return bool(self.need) and self.catalog.satisfies(self.held, self.need)

    @property
    def granted_suffices(self) -> bool | None:
        """Whether the looked-up grants would be let in."""
        granted = self.facts.granted
        return None if granted is None else bool(self.need) and self.catalog.satisfies(granted, self.need)

    @property
    def scope_suffices(self) -> bool | None:
        """Whether the client's scope lets the needed roles through; what is granted and in scope is what counts."""
        if self.facts.full_scope:
            return True
        in_scope, granted = self.facts.in_scope, self.facts.granted
        if in_scope is None:
            return None
        counting = self.catalog.closure(in_scope)
        if granted is not None:
            counting &= self.catalog.closure(granted)
        return bool(self.need) and self.catalog.satisfies(counting, self.need)

    @property
    def token_is_unread(self) -> bool:
        """Whether there is no token, or none that can be read. Keycloak answers that with 401, so that a 403 is about another one."""
        return self.caller.kind in {CallerKind.ANONYMOUS, CallerKind.UNREADABLE}

    @property
    def roles_are_hidden(self) -> bool:
        """Whether the token was made not to show roles, or none could be read, so that their absence says nothing."""
        if self.token_is_unread:
            return True
        if self.facts.lightweight is not None:
            return self.facts.lightweight and not self.caller.has_roles_claims
        return self.facts.account_id is not None or is_lightweight(self.caller)

    @property
    def fresh_token_suffices(self) -> bool | None:
        """Whether the roles that a token fetched now would name are let in, where that was looked up."""
        fresh = self.facts.fresh_token_roles
        return None if fresh is None else bool(self.need) and self.catalog.satisfies(fresh, self.need)

    @property
    def from_master(self) -> bool:
        """Whether the token is of realm master."""
        return self.caller.realm == MASTER


def context(
    *,
    request: RequestFacts,
    caller: Caller,
    answer: Answer,
    catalog: Catalog,
    facts: Facts | None,
    now_epoch_seconds: float,
    keycloak_version: str | None = None,
    require_audience: bool | None = None,
) -> Context:
    """Judge what can be judged once: version, owning client, roles held, roles missing."""
    known = facts or Facts()
    read, caller = caller, recognised(caller, known)
    asked = known.keycloak or keycloak_version
    version = version_key(asked or catalog.version)
    container, container_realm = owner_of_roles(caller, request.target.realm)
    requirement = catalog.requirement(request.target, query=request.query, body=request.body, master=caller.realm == MASTER, asked=asked)
    held = catalog.closure(caller.client_roles.get(container, ()))
    return Context(
        request=request,
        caller=caller,
        answer=answer,
        catalog=catalog,
        facts=known,
        requirement=requirement,
        now_epoch_seconds=now_epoch_seconds,
        version=version,
        version_known=asked is not None,
        require_audience=require_audience,
        container=container,
        container_realm=container_realm,
        held=held,
        missing=roles_to_add(catalog, requirement, _trusted_roles(catalog, known, held), everything=answer.status < 400),
        grants_live=grants_are_live(version, read, answer, known),
        words=_words(request, caller, container, container_realm, asked or catalog.version),
    )


def is_own_service_account(caller: Caller) -> bool:
    """Whether the token is of the service account of the client that fetched it.

    A token that was exchanged carries one client's service account and another client as ``azp``; and any user may be called service-account-….
    """
    named = caller.client_id is not None and caller.username in {None, f"service-account-{caller.client_id.lower()}"}
    return caller.kind is CallerKind.SERVICE_ACCOUNT and named


def is_exchanged(caller: Caller) -> bool:
    """Whether the token came by token exchange, as newer versions say in its id; with an audience it names roles of that audience's clients only."""
    return _EXCHANGED.match(caller.token_id or "") is not None


def recognised(caller: Caller, facts: Facts) -> Caller:
    """The caller with the account of his session, where his token names none."""
    if caller.subject is not None or facts.account_id is None:
        return caller
    return replace(caller, kind=CallerKind.USER, subject=facts.account_id, username=facts.account_name)


def version_key(version: str) -> tuple[int, ...]:
    """``26.7.4`` as (26, 7, 4), as far as it is numbers."""
    numbers = []
    for part in version.partition("-")[0].split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)


def owner_of_roles(caller: Caller, target_realm: str | None) -> tuple[str, str | None]:
    """The client whose roles are asked for, and the realm that it lives in (MgmtPermissions, AdminAuth).

    A token of master needs roles of the client ``{realm}-realm`` in master, any other token roles of ``realm-management``.
    """
    if caller.realm == MASTER or (caller.realm is None and target_realm == MASTER):
        return f"{target_realm or MASTER}-realm", MASTER
    return REALM_MANAGEMENT, caller.realm or target_realm


def grants_are_live(version: tuple[int, ...], caller: Caller, answer: Answer, facts: Facts) -> bool:
    """Whether this Keycloak reads the caller's grants at the call. The body of a 403 shows an old version that was not expected."""
    if answer.status == 403 and answer.error == _BODY_OF_OLD_VERSIONS:
        version = min(version, (25,))
    if version < LIVE_FOR_LIGHTWEIGHT_SINCE:
        return caller.client_id in BUILT_IN_ADMIN_CLIENTS
    # AuthenticationManager.resolveLightweightAccessTokenRoles: by the token's id, or by what it lacks.
    without = caller.subject is None or (caller.session_id is None and not caller.has_roles_claims)
    lightweight = bool(facts.lightweight) if caller.lightweight is None else caller.lightweight
    return version >= LIVE_GRANTS_SINCE or lightweight or is_lightweight(caller) or without


def is_fresh(caller: Caller, now_epoch_seconds: float) -> bool:
    """Whether the proxy has only just fetched this token for the caller: it cannot be older than a grant. All of the clock that a 403 depends on."""
    issued = caller.issued_at_epoch_seconds
    return caller.injected and issued is not None and now_epoch_seconds - issued < _FRESH_SECONDS


def is_lightweight(caller: Caller) -> bool:
    """Whether the token was made not to show its account's roles: by its id, or, where that does not tell, by showing neither name nor roles."""
    if caller.has_roles_claims:
        return False
    return caller.kind is CallerKind.UNKNOWN if caller.lightweight is None else caller.lightweight


def roles_to_add(catalog: Catalog, requirement: Requirement | None, held: frozenset[str], *, everything: bool = False) -> RoleSet:
    """The least powerful addition that gets a useful answer, or with ``everything`` the full one; where none is possible, that is let in. Sorted.

    The least set, unless the roles that the caller has already leave less to add on another way.
    """
    if requirement is None:
        return ()
    wanted = requirement.any_of if everything else requirement.useful
    additions = [tuple(role for role in roles if role not in held) for roles in wanted or requirement.any_of or requirement.admits]
    return catalog.least(additions) or () if additions else ()


def _trusted_roles(catalog: Catalog, facts: Facts, held: frozenset[str]) -> frozenset[str]:
    return catalog.closure(facts.granted) if facts.granted is not None else held


def _words(request: RequestFacts, caller: Caller, container: str, container_realm: str | None, version: str) -> dict[str, str]:
    target = request.target
    operation = f"{shown(target.method, 40)} {target.operation.path if target.operation else shown(target.raw_path)}"
    client, owner = caller.client_id, caller.realm
    if target.kind is TargetKind.TOKEN:  # no token yet: the form says who asks
        client, owner = request.form.get("client_id") or client, target.realm
    return {
        "who": shown(request.form.get("username") or who(caller)),
        "client": shown(client) if client else "(unknown)",
        "realm": shown(target.realm) if target.realm else "(none)",
        "where": f" in realm {shown(target.realm)}" if target.realm else "",
        "caller_realm": shown(owner) if owner else "(unknown)",
        "container": shown(container),
        "container_realm": shown(container_realm) if container_realm else "(unknown)",
        "operation": operation,
        "version": shown(version, 60),
    }


def who(caller: Caller) -> str:
    """The caller in words, by the best name that the token gives."""
    if caller.username:
        return shown(caller.username)
    if caller.kind is CallerKind.SERVICE_ACCOUNT and caller.client_id:
        return f"service-account-{shown(caller.client_id.lower())}"
    if caller.client_id:
        return f"the account of this token (client {shown(caller.client_id)})"
    return "the caller" if caller.kind is not CallerKind.ANONYMOUS else "a caller without a token"


def named(context: Context, **more: Any) -> dict[str, str]:
    """The words of a situation and some more, for a text's placeholders."""
    return {**context.words, **{key: str(value) for key, value in more.items()}}
