"""Everything that one refusal is judged by, in one frozen value, with the conclusions that several rules share."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec.structs import replace

from kcproxy.catalog import Catalog
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.text import shown
from kcproxy.explain.visible_facts import CLIENT_ROLE, is_about_target, visible_facts
from kcproxy.model import Answer, Caller, CallerKind, Facts, RequestFacts, Requirement, RoleSet, TargetKind

MASTER = "master"
NOT_SEEN = "(not seen)"
"""Instead of a parameter that the form of a token request lacks, or that is in a form which was not seen."""
REALM_MANAGEMENT = "realm-management"
BUILT_IN_ADMIN_CLIENTS = frozenset({"admin-cli", "security-admin-console"})
LIVE_GRANTS_SINCE = (26, 7)
"""Since this version Keycloak checks the current grants; before, the claims of the token (MgmtPermissions.initIdentity)."""
LIVE_FOR_LIGHTWEIGHT_SINCE = (26, 0)
_BODY_OF_OLD_VERSIONS = "unknown_error"
_FRESH_SECONDS = 5
_EXCHANGED = re.compile(r"(?:on|of|tr)(?:rt|lt)te:")
_NO_FACTS = Facts()
_WITHOUT_TOKEN = frozenset({CallerKind.ANONYMOUS, CallerKind.UNREADABLE})
_CALLER, _NOBODY, _UNNAMED = "the caller", "a caller without a token", "an unnamed account (client "


class Context(NamedTuple):
    """One refused request.

    ``container``: the client that owns the admin roles of this call. ``held``: its roles in the token. ``missing``: the roles to add.
    ``grants_live``: whether this Keycloak checks the current grants (True) or the claims of the token (False). ``version`` may be an
    assumption; a rule that depends only on it is never certain. ``words``: values for the placeholders of sentences.

    ``token_suffices``: whether the roles in the token are enough to be let in; ``granted_suffices``, ``fresh_token_suffices``: the same for
    the looked-up grants, and for a token that is fetched now; ``scope_suffices``: whether the scope of the client contains the required
    roles (if grants are known: those that are granted). None if that was not looked up.
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
    """Whether the version is known with its patch; ``line_known``: at least its line, such as 26.7."""
    line_known: bool
    require_audience: bool | None
    container: str
    container_realm: str | None
    held: frozenset[str]
    missing: RoleSet
    grants_live: bool
    need: tuple[RoleSet, ...]
    """The minimal sets of roles that are let in at all."""
    token_suffices: bool
    granted_suffices: bool | None
    scope_suffices: bool | None
    fresh_token_suffices: bool | None
    words: Mapping[str, str]
    from_master: bool
    """Whether the token belongs to realm master."""
    token_is_unread: bool
    """Whether there is no readable token. Keycloak responds to that with 401, so a 403 is about another token."""
    template: str
    """The path template of the operation, or "" if it is unknown."""
    for_operator: bool = False

    @property
    def full(self) -> tuple[RoleSet, ...]:
        """The minimal sets that get the full response; if there are none, those that are let in."""
        return (self.requirement.any_of or self.requirement.admits) if self.requirement else ()

    @property
    def method(self) -> str:
        return self.request.target.method

    @property
    def roles_are_hidden(self) -> bool:
        """Whether the token does not show roles, or none could be read, so that their absence proves nothing."""
        if self.token_is_unread:
            return True
        if self.facts.lightweight is not None:
            return self.facts.lightweight and not self.caller.has_roles_claims
        return self.facts.account_id is not None or is_lightweight(self.caller)


def context(inputs: Inputs) -> Context:
    """Decide once what several rules need: version, owner of the roles, roles in the token, missing roles."""
    request, catalog, facts = inputs.request, inputs.catalog, facts_for(inputs)
    caller = recognised(inputs.caller, facts)
    asked = facts.keycloak or inputs.keycloak_version
    version, version_known = _version(asked, catalog)
    container, container_realm = owner_of_roles(caller, request.target.realm)
    from_master, operation = caller.realm == MASTER, request.target.operation
    body = as_looked_up(request, facts)
    requirement = catalog.requirement(request.target, query=request.query, body=body, master=from_master, asked=asked)
    if facts.target_role_is_client and requirement is not None:
        requirement = _for_client_role(catalog, request, body, requirement, master=from_master)
    held = catalog.closure(caller.client_roles.get(container, ()))
    granted = None if facts.granted is None else catalog.closure(facts.granted)
    need = requirement.admits if requirement else ()

    def suffices(roles: frozenset[str]) -> bool:
        return bool(need) and catalog.satisfies(roles, need)

    return Context(
        request=request,
        caller=caller,
        answer=inputs.answer,
        catalog=catalog,
        facts=facts,
        requirement=requirement,
        now_epoch_seconds=inputs.now_epoch_seconds,
        version=version,
        version_known=version_known,
        line_known=asked is not None,
        require_audience=inputs.require_audience,
        container=container,
        container_realm=container_realm,
        held=held,
        missing=roles_to_add(catalog, requirement, held if granted is None else granted, everything=inputs.answer.status < 400),
        grants_live=grants_are_live(version, inputs.caller, inputs.answer, facts),
        need=need,
        token_suffices=suffices(held),
        granted_suffices=None if granted is None else suffices(granted),
        scope_suffices=_scope_suffices(catalog, facts, need, granted),
        fresh_token_suffices=None if facts.fresh_token_roles is None else suffices(catalog.closure(facts.fresh_token_roles)),
        words=_words(request, caller, container, container_realm, _named(asked, catalog.version)),
        from_master=from_master,
        token_is_unread=not is_readable(caller),
        template=operation.path if operation else "",
        for_operator=inputs.for_operator,
    )


def facts_for(inputs: Inputs) -> Facts:
    """The facts that the explanation may use: all for the operator; for the caller those that Keycloak shows them as well."""
    facts = inputs.facts or _NO_FACTS
    if inputs.for_operator or not is_about_target(facts):
        return facts
    caller, catalog, target = recognised(inputs.caller, facts), inputs.catalog, inputs.request.target
    version, _ = _version(facts.keycloak or inputs.keycloak_version, catalog)
    container, _ = owner_of_roles(caller, target.realm)
    roles = catalog.closure(caller.client_roles.get(container, ()))
    if grants_are_live(version, inputs.caller, inputs.answer, facts):
        roles = _granted_in_scope(catalog, facts)
    master = caller.realm == MASTER
    plain = catalog.requirement(target, master=master)
    passes = plain is not None and catalog.satisfies(roles, plain.admits) and target.realm != MASTER
    return visible_facts(facts, catalog, roles, master=master, passes_plainly=passes)


def _granted_in_scope(catalog: Catalog, facts: Facts) -> frozenset[str]:
    granted = catalog.closure(facts.granted or ())
    return granted if facts.full_scope or facts.in_scope is None else granted & catalog.closure(facts.in_scope)


def _version(asked: str | None, catalog: Catalog) -> tuple[tuple[int, ...], bool]:
    """The version, and whether its patch is known. If only its line is, the version of the table stands for it."""
    stated = version_key(asked or catalog.version)
    only_line = asked is not None and is_line_of(asked, catalog.version)
    return (version_key(catalog.version) if only_line else stated), asked is not None and len(stated) >= _PARTS


def _only_has_the_names(request: RequestFacts, facts: Facts) -> bool:
    """Whether the roles in the body have the names of admin roles and belong to another client, looked up: they are ordinary roles then.

    In master they may be the admin roles of another realm.
    """
    return facts.roles_are_built_in is False and isinstance(request.body, list) and request.target.realm != MASTER


def as_looked_up(request: RequestFacts, facts: Facts) -> Any:
    """The body with the owners of its roles, as far as they were looked up, and without names that mean nothing there."""
    body, only_names = request.body, _only_has_the_names(request, facts)
    if not isinstance(body, list) or not (only_names or facts.roles_in_body):
        return body
    return [_role_as_looked_up(item, facts.roles_in_body or {}, only_names=only_names) if isinstance(item, dict) else item for item in body]


def _role_as_looked_up(role: dict[str, Any], kinds: Mapping[str, bool], *, only_names: bool) -> dict[str, Any]:
    kept = {name: value for name, value in role.items() if name != "name"} if only_names else role
    identifier = role.get("id")
    return {**kept, "clientRole": kinds[identifier]} if isinstance(identifier, str) and identifier in kinds else kept


_COMPOSITES_BY_ID = "/admin/realms/{realm}/roles-by-id/{role-id}/composites"
_COMPOSITES_OF_CLIENT = "/admin/realms/{realm}/clients/{client-uuid}/roles/{role-name}/composites"


def _for_client_role(catalog: Catalog, request: RequestFacts, body: Any, plain: Requirement, *, master: bool) -> Requirement:
    """The requirement if the role with the ID in the path belongs to a client. For roles in the body it is that of the same call by name."""
    entry, operation = catalog.entry(request.target), request.target.operation
    if operation is not None and operation.path == _COMPOSITES_BY_ID and operation.method != "GET":
        twin = catalog.find(operation.method, _COMPOSITES_OF_CLIENT)
        return plain if twin is None else _with_source(twin.pick(query=request.query, body=body, master=master), plain)
    variant = next((each for each in entry.variants if each.id == CLIENT_ROLE), None) if entry else None
    if variant is None or plain.variant is not None:
        return plain
    found = (variant.master if master else None) or variant.requirement
    return _with_source(found, plain)


def _with_source(found: Requirement, plain: Requirement) -> Requirement:
    return replace(found, asked_keycloak=plain.asked_keycloak, basis=plain.basis)


def _scope_suffices(catalog: Catalog, facts: Facts, need: tuple[RoleSet, ...], granted: frozenset[str] | None) -> bool | None:
    if facts.full_scope:
        return True
    if facts.in_scope is None:
        return None
    counting = catalog.closure(facts.in_scope)
    return bool(need) and catalog.satisfies(counting if granted is None else counting & granted, need)


def is_own_service_account(caller: Caller) -> bool:
    """Whether the token belongs to the service account of the client that fetched it.

    An exchanged token has the service account of one client and another client as ``azp``, and any user may be called service-account-….
    """
    named = caller.client_id is not None and caller.username in {None, f"service-account-{caller.client_id.lower()}"}
    return caller.kind is CallerKind.SERVICE_ACCOUNT and named


def is_exchanged(caller: Caller) -> bool:
    """Whether the token was exchanged, as newer versions say in its ID. With an audience it contains only roles of that client."""
    return _EXCHANGED.match(caller.token_id or "") is not None


def recognised(caller: Caller, facts: Facts) -> Caller:
    """The caller with the account of its session if the token names none."""
    if caller.subject is not None or facts.account_id is None:
        return caller
    return replace(caller, kind=CallerKind.USER, subject=facts.account_id, username=facts.account_name)


@lru_cache(64)
def version_key(version: str) -> tuple[int, ...]:
    """``26.7.4`` as (26, 7, 4), up to the first part that is not a number."""
    numbers = []
    for part in version.partition("-")[0].split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)


_PARTS = 3
"""Of a version that names its patch."""


def is_line_of(asked: str, table: str) -> bool:
    """Whether ``asked`` names only the line of the table's version: ``26.7`` for ``26.7.5``."""
    stated = version_key(asked)
    return len(stated) < _PARTS and version_key(table)[: len(stated)] == stated


def _named(asked: str | None, table: str) -> str:
    if asked is None:
        return table
    return f"{asked} (table of {table})" if is_line_of(asked, table) else asked


def owner_of_roles(caller: Caller, target_realm: str | None) -> tuple[str, str | None]:
    """The client whose roles are checked, and its realm (MgmtPermissions, AdminAuth).

    A token of master needs roles of the client ``{realm}-realm`` in master, any other token needs roles of ``realm-management``.
    """
    if caller.realm == MASTER or (caller.realm is None and target_realm == MASTER):
        return f"{target_realm or MASTER}-realm", MASTER
    return REALM_MANAGEMENT, caller.realm or target_realm


def grants_are_live(version: tuple[int, ...], caller: Caller, answer: Answer, facts: Facts) -> bool:
    """Whether this Keycloak checks the current grants of the caller. The body of a 403 reveals an old version that was not expected."""
    if answer.status == 403 and answer.error == _BODY_OF_OLD_VERSIONS:
        version = min(version, (25,))
    if version < LIVE_FOR_LIGHTWEIGHT_SINCE:
        return caller.client_id in BUILT_IN_ADMIN_CLIENTS
    # AuthenticationManager.resolveLightweightAccessTokenRoles: by the ID of the token, or by what it lacks.
    without = caller.subject is None or (caller.session_id is None and not caller.has_roles_claims)
    lightweight = bool(facts.lightweight) if caller.lightweight is None else caller.lightweight
    return version >= LIVE_GRANTS_SINCE or lightweight or is_lightweight(caller) or without


def is_fresh(caller: Caller, now_epoch_seconds: float) -> bool:
    """Whether the proxy fetched this token a moment ago, so that it cannot be older than a grant. A 403 depends on the clock only through this."""
    issued = caller.issued_at_epoch_seconds
    return caller.injected and issued is not None and now_epoch_seconds - issued < _FRESH_SECONDS


def is_of_proxy(context: Context) -> bool:
    """Whether the settings of a proxy chose the token."""
    return context.caller.injected and not context.request.in_process


def is_lightweight(caller: Caller) -> bool:
    """Whether the token does not show the roles of its account: by its ID, or if that does not say, because it shows neither name nor roles."""
    if caller.has_roles_claims:
        return False
    return caller.kind is CallerKind.UNKNOWN if caller.lightweight is None else caller.lightweight


def roles_to_add(catalog: Catalog, requirement: Requirement | None, held: frozenset[str], *, everything: bool = False) -> RoleSet:
    """The least powerful addition that gets a useful response, or with ``everything`` the full one; if there is none, one that is let in. Sorted.

    This is the least set, unless the roles that the caller already has leave less to add for another set.
    """
    if requirement is None:
        return ()
    wanted = (requirement.any_of if everything else requirement.useful) or requirement.any_of or requirement.admits
    additions = [tuple([role for role in roles if role not in held]) for roles in wanted] if held else wanted
    return catalog.least(additions) or () if additions else ()


def _words(request: RequestFacts, caller: Caller, container: str, container_realm: str | None, version: str) -> dict[str, str]:
    target = request.target
    operation = f"{shown(target.method, 40)} {target.operation.path if target.operation else shown(target.raw_path)}"
    client, owner = caller.client_id, caller.realm
    if target.kind is TargetKind.TOKEN:  # there is no token yet: the form names the client
        client, owner = request.form.get("client_id") or client, target.realm
    unnamed = NOT_SEEN if target.kind is TargetKind.TOKEN and request.body_unseen else "(unknown)"
    name = shown(request.form.get("username") or who(caller))
    realm = shown(target.realm) if target.realm else None
    return {
        "who": name,
        "Who": name[:1].upper() + name[1:] if name in {_CALLER, _NOBODY} or name.startswith(_UNNAMED) else name,
        "client": shown(client) if client else unnamed,
        "realm": realm or "(none)",
        "where": f" in realm {realm}" if realm else "",
        "caller_realm": shown(owner) if owner else "(unknown)",
        "container": shown(container),
        "container_realm": shown(container_realm) if container_realm else "(unknown)",
        "operation": operation,
        "entry": _entry(request),
        "version": shown(version, 60),
    }


def _entry(request: RequestFacts) -> str:
    """The entry of the proxy's settings that serves the realm, as written there."""
    if request.account is None:
        return f"the entry for realm {shown(request.target.realm or MASTER)}"
    return f'{request.account.position} (realm "{shown(request.account.realm)}")'


def who(caller: Caller) -> str:
    """The caller in words, by the best name in the token."""
    if caller.username:
        return shown(caller.username)
    if caller.kind is CallerKind.SERVICE_ACCOUNT and caller.client_id:
        return f"service-account-{shown(caller.client_id.lower())}"
    if caller.client_id:
        return f"{_UNNAMED}{shown(caller.client_id)})"
    return _CALLER if caller.kind is not CallerKind.ANONYMOUS else _NOBODY


def is_readable(caller: Caller) -> bool:
    """Whether there is a token that could be read."""
    return caller.kind not in _WITHOUT_TOKEN


def expected_issuer(context: Context) -> str | None:
    """The issuer of the token's realm as this Keycloak would write it without a fixed hostname.

    Only for comparisons: the address may be one that only the request names, and no text may repeat it.
    """
    base, host = context.request.public_url, context.request.headers.get("host")
    if base is None:
        return None
    return issuer_at(context, f"{base.partition('://')[0]}://{host}" if host else base)


def issuer_at(context: Context, origin: str) -> str | None:
    """The issuer of the token's realm at an address; its last segment is written as in the token."""
    if context.caller.realm is None or context.caller.issuer is None:
        return None
    realm = context.caller.issuer.rstrip("/").rpartition("/realms/")[2]
    return f"{origin.rstrip('/')}{context.request.base_path}/realms/{realm}"
