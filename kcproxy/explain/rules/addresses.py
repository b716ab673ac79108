"""404, 400, 431, 500, 501: the address, the path's form, an id, or a feature. Never whether an id exists."""

import re
from collections.abc import Mapping

from kcproxy.explain.context import MASTER, Context
from kcproxy.explain.finding import CERTAIN, LIKELY, Finding, found
from kcproxy.explain.rules.not_keycloak import PAGE_OF_NOTHING, is_management_port
from kcproxy.explain.text import SENTENCES, shown
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
    """Keycloak says so itself."""
    if context.answer.error not in {"Realm not found.", "Realm does not exist"}:
        return None
    realm = context.request.target.realm or ""
    hint = "the administration realm is called master" if realm.lower() in {"admin", "administration", "root"} else ""
    other_case = "names of realms are case-sensitive" if realm.lower() == MASTER and realm != MASTER else ""
    return found(context, Cause.REALM_UNKNOWN, CERTAIN, f"Keycloak says {context.answer.error}", hint, other_case)


def base_path_wrong(context: Context) -> Finding | None:
    """/auth is the default base path up to version 16 and none from 17 on; where a server has one, callers through the proxy need it too."""
    if _is_outside_of_the_base_path(context):
        base, path = shown(context.request.base_path), shown(context.request.target.raw_path)
        reason = f"all paths of this server begin with {base}, as upstream.url says, and this one does not"
        remedy = {"remedy": f"Put {base} before the path: the proxy changes no path, so callers keep the server's base path"}
        return found(context, Cause.BASE_PATH_WRONG, LIKELY, f"the path is {path}", reason=reason, facts=remedy)
    if PAGE_OF_NOTHING in context.answer.text and not context.request.base_path and not is_management_port(context):
        reason = (
            "the page is the one that its server shows outside of the base path, so it seems to have one (http-relative-path, often /auth)"
        )
        remedy = {"remedy": "Put the server's base path at the end of upstream.url, and before the paths of the callers"}
        return found(
            context, Cause.BASE_PATH_WRONG, LIKELY, "the body is Keycloak's page for paths outside of it", reason=reason, facts=remedy
        )
    if not no_such_path(context):
        return None
    segments = _segments(context)
    if segments[:1] == ["auth"] and segments[1:2] and segments[1] in {"admin", "realms"}:
        reason = "it begins with /auth, which versions from 17 on do not have unless http-relative-path says so"
        return found(context, Cause.BASE_PATH_WRONG, LIKELY, f"the path is {shown(context.request.target.raw_path)}", reason=reason)
    return None


def _is_outside_of_the_base_path(context: Context) -> bool:
    request, path = context.request, context.request.target.raw_path
    outside = bool(request.base_path) and not f"{path}/".startswith(f"{request.base_path}/")
    return outside and context.answer.status == 404 and path.startswith(("/admin/", "/realms/"))


def path_wrong(context: Context) -> Finding | None:
    """/admin twice, or /admin/realms left out."""
    if not no_such_path(context):
        return None
    segments, evidence = _segments(context), f"the path is {shown(context.request.target.raw_path)}"
    if segments[:2] == ["admin", "admin"]:
        return found(context, Cause.PATH_WRONG, CERTAIN, evidence, reason="it has /admin twice; the server's URL is given without /admin")
    if segments[:1] == ["admin"] and len(segments) >= 3 and segments[1] != "realms" and segments[2] in _REALM_PARTS:
        return found(context, Cause.PATH_WRONG, LIKELY, evidence, reason="/realms is missing after /admin")
    if len(segments) >= 2 and segments[0] not in {"admin", "realms", "resources", "js"} and segments[1] in _REALM_PARTS:
        reason = "/admin/realms is missing before the realm"
        return found(context, Cause.PATH_WRONG, LIKELY, evidence, reason=reason)
    if segments[:1] == ["realms"] and len(segments) >= 3 and segments[2] in _REALM_PARTS - {"clients"}:
        return found(context, Cause.PATH_WRONG, LIKELY, evidence, reason="/admin is missing before /realms")
    return None


def name_used_as_id(context: Context) -> Finding | None:
    """A segment that should be an id has no id's form. Ids of imported objects can be anything, so this is never certain."""
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
    """The sentence of ``name_used_as_id`` alone, for a refusal of which it is not the cause."""
    name = _name_in_place_of_id(parameters)
    if name is None:
        return ()
    parameter, value = name
    return (SENTENCES[Cause.NAME_USED_AS_ID].summary.format(parameter=parameter, value=shown(value)),)


def _name_found(context: Context, parameter: str, value: str, lookup: str) -> Finding:
    realm, name = shown(context.words["realm"]), shown(value)
    special = ""
    if value == "realm-management" and context.request.target.realm == MASTER:
        special = "in realm master there is no realm-management; its admin roles belong to the client master-realm"
    return found(
        context,
        Cause.NAME_USED_AS_ID,
        LIKELY,
        f"{name} stands in the place of {{{parameter}}} and has not the form of an id",
        special,
        value=name,
        parameter=parameter,
        lookup=lookup.format(realm=realm, value=name),
    )


def path_not_normalised(context: Context) -> Finding | None:
    """26.7 refuses paths that two readers could read in two ways."""
    body = context.answer.json or {}
    words = " ".join(str(body.get(name, "")) for name in ("error", "error_description", "errorMessage")) + context.answer.text[:300]
    if context.answer.status != 400 or not any(word in words for word in ("missingNormalization", "invalidCharacter")):
        return None
    said = context.answer.description or ""
    return found(
        context,
        Cause.PATH_NOT_NORMALISED,
        CERTAIN,
        f"the path is {shown(context.request.target.raw_path)}",
        summary="Keycloak refuses this path because of a character in it; it says: {said}."
        if "invalidCharacter" in words and said
        else None,
        said=shown(said),
    )


def headers_too_large(context: Context) -> Finding | None:
    """A master administrator of many realms outgrows Keycloak's header limit."""
    if context.answer.status != 431:
        return None
    caller = context.caller
    evidence = f"the token has {caller.token_bytes} bytes and names {len(caller.client_roles)} clients"
    return found(context, Cause.HEADERS_TOO_LARGE, CERTAIN, evidence, bytes=caller.token_bytes, clients=len(caller.client_roles))


def feature_off(context: Context) -> Finding | None:
    """A feature of the server, or a switch of the realm or client, that the operation needs."""
    status, template, facts = context.answer.status, context.template, context.facts
    path = context.request.target.raw_path
    if status == 501 or (context.answer.error or "") == "Feature not enabled":
        return found(context, Cause.FEATURE_OFF, CERTAIN, f"Keycloak answers {status}", feature=_feature(context))
    if status == 500 and path.endswith(("/management/permissions", "/users-management-permissions")):
        return found(context, Cause.FEATURE_OFF, LIKELY, "permissions v1 answer 500 where the feature is off", feature=_feature(context))
    said = str((context.answer.json or {}).get("errorMessage", ""))
    off = facts.organizations_enabled is False
    if status == 404 and "/organizations" in template and (off or said.startswith("Organizations not enabled")):
        evidence = "looked up: organizations are off in the realm" if off else f"Keycloak says {shown(said)}"
        return found(context, Cause.FEATURE_OFF, CERTAIN, evidence, feature="organizations, in the realm's settings")
    if status == 404 and "/authz/" in path and context.answer.error in {None, "HTTP 404 Not Found"}:
        feature = "authorization services of that client"
        return found(context, Cause.FEATURE_OFF, LIKELY, "the path is below /authz/ of a client", feature=feature)
    if status == 404 and context.request.target.operation and context.request.target.operation.features and no_such_path(context):
        return found(context, Cause.FEATURE_OFF, LIKELY, "Keycloak has nothing at this path", feature=_feature(context))
    return None


def _feature(context: Context) -> str:
    operation = context.request.target.operation
    if operation and operation.features:
        return "the server's feature " + ", ".join(operation.features)
    if "permissions" in context.request.target.raw_path:
        return "the server's feature admin-fine-grained-authz (version 1)"
    return "a feature of the server"


def no_such_path(context: Context) -> bool:
    """Whether Keycloak's words are about the path or method, not about a thing that it could not find."""
    words = (context.answer.error or "") + context.answer.text[:300]
    return context.answer.status in {404, 405} and any(word in words for word in _NO_SUCH_PATH)


def _segments(context: Context) -> list[str]:
    path = context.request.target.raw_path.removeprefix(context.request.base_path)
    return [segment for segment in path.split("/") if segment]
