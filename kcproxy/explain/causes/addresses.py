"""Causes of 404, 400, 431, 500 and 501: the address, the form of the path, an ID, or a feature. Never whether an ID exists."""

import re
from collections.abc import Mapping

from kcproxy.explain.causes.spec import NOTHING_MORE, REFUSED, CauseSpec, Remedy
from kcproxy.explain.causes.token_endpoint import token_refused
from kcproxy.explain.causes.tokens import realm_of_token_unknown
from kcproxy.explain.context import MASTER, Context
from kcproxy.explain.finding import CERTAIN, LIKELY, Finding, found
from kcproxy.explain.keycloak_responses import PAGE_OF_NOTHING, is_management_port
from kcproxy.explain.text import shown
from kcproxy.model import Cause

_ID = re.compile(r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|f:.+)\Z", re.IGNORECASE)
_NO_SUCH_PATH = ("Unable to find matching target resource method", "RESTEASY003210", "HTTP 404 Not Found", "HTTP 405 Method Not Allowed")
_LOOKUPS = {
    "client-uuid": "GET /admin/realms/{realm}/clients?clientId={value}",
    "user-id": "GET /admin/realms/{realm}/users?username={value}&exact=true",
    "group-id": "GET /admin/realms/{realm}/groups?search={value}&exact=true",
    "role-id": "GET /admin/realms/{realm}/roles/{value}",
    "client-scope-id": "GET /admin/realms/{realm}/client-scopes",
}
_REALM_PARTS = frozenset({"users", "clients", "groups", "roles", "client-scopes", "identity-provider", "components", "events"})


def realm_unknown(context: Context) -> Finding | None:
    """Keycloak itself says so."""
    if context.answer.error not in {"Realm not found.", "Realm does not exist"}:
        return None
    realm = context.request.target.realm or ""
    hint = "the administration realm is called master" if realm.lower() in {"admin", "administration", "root"} else ""
    other_case = "realm names are case-sensitive" if realm.lower() == MASTER and realm != MASTER else ""
    return found(Cause.REALM_UNKNOWN, CERTAIN, f"Keycloak says {context.answer.error}", hint, other_case)


REALM_UNKNOWN = CauseSpec(
    cause=Cause.REALM_UNKNOWN,
    meaning="The realm in the path, or in the issuer of the token, does not exist on this server. Names are case-sensitive, and the administration realm is called `master`.",
    reason="There is no realm {realm} on this Keycloak",
    effect=NOTHING_MORE,
    check="Open /realms/{realm}/.well-known/openid-configuration: an existing realm responds with 200. The administration realm is called master.",
    rules=(realm_unknown, realm_of_token_unknown, token_refused),
    remedies=(
        Remedy(
            summary="Use the realm name exactly as the Admin console shows it (Realm settings, Realm name), in the same case; "
            "if the realm was renamed, fetch a new token under the new name",
        ),
    ),
)


def base_path_wrong(context: Context) -> Finding | None:
    """/auth is the default base path up to version 16, and there is none since 17. Callers of the proxy need the base path of the server, too."""
    if _is_outside_of_the_base_path(context):
        base, path = shown(context.request.base_path), shown(context.request.target.raw_path)
        detail = f"all paths of this server begin with {base}, as its address in kcproxy says, and this one does not"
        remedy = "Put {base} before the path: kcproxy does not change paths, so callers keep the base path of the server"
        return found(Cause.BASE_PATH_WRONG, LIKELY, f"the path is {path}", detail=detail, remedy=remedy, base=base)
    if PAGE_OF_NOTHING in context.answer.text and not context.request.base_path and not is_management_port(context):
        detail = "its server shows this page outside of the base path, so it seems to have one (http-relative-path, often /auth)"
        remedy = "Put the base path of the server at the end of its address in kcproxy (upstream.url, or base_url of the middleware), and before the paths of the requests"
        evidence = "the body is Keycloak's page for paths outside of its base path"
        return found(Cause.BASE_PATH_WRONG, LIKELY, evidence, detail=detail, remedy=remedy)
    if not no_such_path(context):
        return None
    segments = _segments(context)
    if segments[:1] == ["auth"] and segments[1:2] and segments[1] in {"admin", "realms"}:
        detail = "it begins with /auth, which versions since 17 do not have unless http-relative-path is set"
        return found(Cause.BASE_PATH_WRONG, LIKELY, f"the path is {shown(context.request.target.raw_path)}", detail=detail)
    return None


def _is_outside_of_the_base_path(context: Context) -> bool:
    request, path = context.request, context.request.target.raw_path
    outside = bool(request.base_path) and not f"{path}/".startswith(f"{request.base_path}/")
    return outside and context.answer.status == 404 and path.startswith(("/admin/", "/realms/"))


BASE_PATH_WRONG = CauseSpec(
    cause=Cause.BASE_PATH_WRONG,
    meaning="Up to version 16 all paths began with `/auth`. Since 17 they do not, unless the server was started with `http-relative-path`.",
    reason="Keycloak has nothing at this path: {detail}",
    effect=" ({operation}).",
    check="Try /realms/master with and without /auth before it. One of them responds with 200.",
    rules=(base_path_wrong,),
    remedies=(Remedy(summary="Remove /auth from the server URL, or start Keycloak with http-relative-path=/auth"),),
)


def path_wrong(context: Context) -> Finding | None:
    """/admin twice, or /admin/realms is missing."""
    if not no_such_path(context):
        return None
    segments, evidence = _segments(context), f"the path is {shown(context.request.target.raw_path)}"
    if segments[:2] == ["admin", "admin"]:
        detail = "it contains /admin twice; the server URL must not end with /admin"
        return found(Cause.PATH_WRONG, CERTAIN, evidence, detail=detail)
    if segments[:1] == ["admin"] and len(segments) >= 3 and segments[1] != "realms" and segments[2] in _REALM_PARTS:
        return found(Cause.PATH_WRONG, LIKELY, evidence, detail="/realms is missing after /admin")
    if len(segments) >= 2 and segments[0] not in {"admin", "realms", "resources", "js"} and segments[1] in _REALM_PARTS:
        return found(Cause.PATH_WRONG, LIKELY, evidence, detail="/admin/realms is missing before the realm")
    if segments[:1] == ["realms"] and len(segments) >= 3 and segments[2] in _REALM_PARTS - {"clients"}:
        return found(Cause.PATH_WRONG, LIKELY, evidence, detail="/admin is missing before /realms")
    return None


def name_used_as_id(context: Context) -> Finding | None:
    """A segment that should be an ID does not look like one. Imported objects can have any ID, so this is never certain."""
    if context.answer.status not in {404, 403}:
        return None
    name = _name_in_place_of_id(context.request.target.parameters)
    return _name_found(context, *name, _LOOKUPS[name[0]]) if name else None


def _name_in_place_of_id(parameters: Mapping[str, str]) -> tuple[str, str] | None:
    for parameter in _LOOKUPS:
        value = parameters.get(parameter)
        if value is not None and not _ID.match(value):
            return parameter, value
    return None


def id_hint(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """The reason of ``name_used_as_id`` alone, for a refusal that has another cause."""
    name = _name_in_place_of_id(parameters)
    if name is None:
        return ()
    parameter, value = name
    return (NAME_USED_AS_ID.reason.format(parameter=parameter, value=shown(value)) + ".",)


def _name_found(context: Context, parameter: str, value: str, lookup: str) -> Finding:
    realm, name = shown(context.words["realm"]), shown(value)
    special = ""
    if value == "realm-management" and context.request.target.realm == MASTER:
        special = "realm master has no realm-management; its admin roles belong to the client master-realm"
    return found(
        Cause.NAME_USED_AS_ID,
        LIKELY,
        f"{name} is in the position of {{{parameter}}} and does not look like an ID",
        special,
        value=name,
        parameter=parameter,
        lookup=lookup.format(realm=realm, value=name),
    )


NAME_USED_AS_ID = CauseSpec(
    cause=Cause.NAME_USED_AS_ID,
    meaning="The Admin REST API identifies clients, users and groups by their internal ID (a UUID), not by client ID, user name or group name. kcproxy only says that the form is wrong, never whether something exists.",
    reason="{value} does not look like an ID, and this path requires the internal ID for {{{parameter}}}, not a name",
    effect=NOTHING_MORE,
    check="Look the ID up first: {lookup}.",
    rules=(name_used_as_id,),
    remedies=(Remedy(summary="Look the ID up by the name first, and put the ID into the path"),),
    states_confidence=False,
)


def path_not_normalised(context: Context) -> Finding | None:
    """26.7 refuses paths that can be read in two ways."""
    body = context.answer.json or {}
    words = " ".join(str(body.get(name, "")) for name in ("error", "error_description", "errorMessage")) + context.answer.text[:300]
    if context.answer.status != 400 or not any(word in words for word in ("missingNormalization", "invalidCharacter")):
        return None
    said = context.answer.description or ""
    return found(
        Cause.PATH_NOT_NORMALISED,
        CERTAIN,
        f"the path is {shown(context.request.target.raw_path)}",
        reason="The path contains a character that Keycloak does not accept (it says: {said})"
        if "invalidCharacter" in words and said
        else None,
        said=shown(said),
    )


PATH_NOT_NORMALISED = CauseSpec(
    cause=Cause.PATH_NOT_NORMALISED,
    meaning="Since 26.7 Keycloak refuses paths that two programs could read in two ways: empty segments, dot segments, unnecessary percent-encoding.",
    reason="The path is not normalised: it has an empty segment (//), a dot segment, or an unnecessarily encoded character",
    effect=REFUSED,
    check="Write the path without //, . and .., and encode only what must be encoded.",
    rules=(path_not_normalised,),
    remedies=(Remedy(summary="Join base URL and path with exactly one slash, and encode only what must be encoded"),),
)


def headers_too_large(context: Context) -> Finding | None:
    """The token of a master administrator of many realms exceeds Keycloak's limit for headers."""
    if context.answer.status != 431:
        return None
    caller = context.caller
    evidence = f"the token has {caller.token_bytes} bytes and names {len(caller.client_roles)} clients"
    return found(Cause.HEADERS_TOO_LARGE, CERTAIN, evidence, bytes=caller.token_bytes, clients=len(caller.client_roles))


HEADERS_TOO_LARGE = CauseSpec(
    cause=Cause.HEADERS_TOO_LARGE,
    meaning="The tokens of an administrator of many realms contain the admin roles of all of them, and the request exceeds the limit of the server.",
    reason="The headers of the request are too large; the token alone has {bytes} bytes and contains roles of {clients} clients",
    effect=REFUSED,
    check="Count the entries of resource_access in the token.",
    rules=(headers_too_large,),
    remedies=(
        Remedy(
            summary="Switch client {client} to lightweight access tokens, or give the account fewer realms",
            steps=("Clients, {client}, Advanced: Always use lightweight access token: On", "Fetch a new token"),
            warning="If you switch full scope off instead, add the required roles to the scope of the client, otherwise Keycloak responds with 403",
        ),
    ),
)


def feature_off(context: Context) -> Finding | None:
    """A feature of the server, or a switch of the realm or client, that the operation requires."""
    status, template, facts = context.answer.status, context.template, context.facts
    path = context.request.target.raw_path
    if status == 501 or (context.answer.error or "") == "Feature not enabled":
        return found(Cause.FEATURE_OFF, CERTAIN, f"Keycloak responds with {status}", feature=_feature(context))
    if status == 500 and path.endswith(("/management/permissions", "/users-management-permissions")):
        evidence = "permissions (version 1) respond with 500 if the feature is off"
        return found(Cause.FEATURE_OFF, LIKELY, evidence, feature=_feature(context))
    said = str((context.answer.json or {}).get("errorMessage", ""))
    off = facts.organizations_enabled is False
    if status == 404 and "/organizations" in template and (off or said.startswith("Organizations not enabled")):
        evidence = "looked up: organizations are off in the realm" if off else f"Keycloak says {shown(said)}"
        return found(Cause.FEATURE_OFF, CERTAIN, evidence, feature="organizations, in the settings of the realm")
    if status == 404 and "/authz/" in path and context.answer.error in {None, "HTTP 404 Not Found"}:
        feature = "authorization services of that client"
        return found(Cause.FEATURE_OFF, LIKELY, "the path is below /authz/ of a client", feature=feature)
    if status == 404 and context.request.target.operation and context.request.target.operation.features and no_such_path(context):
        return found(Cause.FEATURE_OFF, LIKELY, "Keycloak has nothing at this path", feature=_feature(context))
    return None


def _feature(context: Context) -> str:
    operation = context.request.target.operation
    if operation and operation.features:
        return "the server feature " + ", ".join(operation.features)
    if "permissions" in context.request.target.raw_path:
        return "the server feature admin-fine-grained-authz (version 1)"
    return "a feature of the server"


FEATURE_OFF = CauseSpec(
    cause=Cause.FEATURE_OFF,
    meaning="The operation exists only while something is switched on: a feature of the server, a setting of the realm (organizations), or authorization services of a client. The response is 501, 404 or even 500.",
    reason="{operation} requires something that is switched off ({feature})",
    effect="; no role changes that.",
    check="Look at Server info, Disabled features. Organizations and fine-grained permissions also have a switch in the realm.",
    rules=(feature_off, token_refused),
    remedies=(Remedy(summary="Switch it on (server option features, realm settings, or the client), or do without the call"),),
)


def no_such_path(context: Context) -> bool:
    """Whether Keycloak's words are about the path or method, not about an object that it could not find."""
    words = (context.answer.error or "") + context.answer.text[:300]
    return context.answer.status in {404, 405} and any(word in words for word in _NO_SUCH_PATH)


def _segments(context: Context) -> list[str]:
    path = context.request.target.raw_path.removeprefix(context.request.base_path)
    return [segment for segment in path.split("/") if segment]


SPECS = (REALM_UNKNOWN, BASE_PATH_WRONG, NAME_USED_AS_ID, PATH_NOT_NORMALISED, HEADERS_TOO_LARGE, FEATURE_OFF)
