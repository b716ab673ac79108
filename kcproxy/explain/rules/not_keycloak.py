"""Who answered, and with what words: rules that need nothing but the answer itself."""

from collections.abc import Mapping
from typing import Any

from kcproxy.explain.context import Context
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.text import shown
from kcproxy.model import Cause, Confidence, TargetKind

KEYCLOAK_FIELDS = frozenset({"error", "errorMessage", "error_description", "errors", "error_uri", "field", "params"})
BOILERPLATE_ERRORS = frozenset({"unknown_error"})
BOILERPLATE_DESCRIPTIONS = frozenset({"for more on this error consult the server log at the debug level."})
_OWN_PAGE = ("login-pf", 'id="kc-', "/resources/")
"""What every page of Keycloak's own login themes has in it."""
PAGE_OF_NOTHING = "<body><h1>Resource not found</h1></body>"
"""What Keycloak's server shows, outside of all that is Keycloak: beside its base path, and on the management port."""
_GATEWAY_HEADERS = (
    "server",
    "via",
    "cf-ray",
    "x-amzn-requestid",
    "x-azure-ref",
    "x-kong-response-latency",
    "x-envoy-upstream-service-time",
)


READ_HEADERS = frozenset({"www-authenticate", *_GATEWAY_HEADERS})
"""The header fields of answers that any rule looks at."""


def not_keycloak(context: Context) -> Finding | None:
    """Keycloak answers a refused admin call with JSON that has ``error``; anything else is another layer's.

    Except for callers that accept HTML: to them Keycloak shows its error page, whose theme can be anybody's.
    """
    target, answer = context.request.target, context.answer
    if target.kind is TargetKind.OTHER or context.method == "HEAD":
        return None
    found_reason = (_foreign_json(answer.json) or _foreign_words(context)) if answer.json is not None else _foreign_text(context)
    if found_reason is None:
        return None
    if PAGE_OF_NOTHING in answer.text:
        return _management_port(context)
    reason, confidence = found_reason
    evidence = (f"the body of the {answer.status} {reason}", *_traces(context))
    return found(context, Cause.NOT_KEYCLOAK, confidence, *evidence, reason=f"its body {reason}", status=answer.status)


def is_management_port(context: Context) -> bool:
    """Whether the address has the port that the management interface has by default."""
    return (context.request.public_url or "").endswith(":9000")


def _management_port(context: Context) -> Finding:
    return found(
        context,
        Cause.NOT_KEYCLOAK,
        LIKELY if is_management_port(context) else POSSIBLE,
        "the body is the page that Keycloak's management port shows for all that it has not",
        *_traces(context),
        summary="This {status} seems to be of Keycloak's management port (health and metrics), which has no Admin REST API: the address has the wrong port.",
        facts={
            "remedy": "Put Keycloak's main port (8080, or 8443 with TLS, unless it was changed) into the address, not the management port (9000)"
        },
        status=context.answer.status,
    )


def miss_not_keycloak(context: Context) -> Finding | None:
    """404 and the like for an operation that there is, in words or pages that Keycloak does not write: a gateway that hides /admin, a wrong port."""
    target, answer = context.request.target, context.answer
    if target.kind not in {TargetKind.ADMIN, TargetKind.TOKEN}:
        return None
    if answer.json is not None:
        return _json_of_a_router(context) if answer.status in {404, 405} else None
    return not_keycloak(context) if answer.text.strip() else None


def _json_of_a_router(context: Context) -> Finding | None:
    """``{"message": "no Route matched …"}``: Keycloak's own misses have a field of its own, and an extension's answer is not about a known operation."""
    answer = context.answer
    body = answer.json or {}
    if not isinstance(body.get("message"), str) or KEYCLOAK_FIELDS & body.keys():
        return None
    evidence = (f"the body of the {answer.status} is JSON without Keycloak's field error", *_traces(context))
    says = f"its body says {shown(body['message'], 80)}, in a form that Keycloak does not write"
    return found(context, Cause.NOT_KEYCLOAK, LIKELY, *evidence, reason=says, status=answer.status)


def _foreign_json(body: Mapping[str, Any]) -> tuple[str, Confidence] | None:
    own = [body.get(field) for field in ("error", "errorMessage")]
    if not any(isinstance(value, str) for value in own):
        return "is JSON without Keycloak's field error", CERTAIN
    strange = sorted(body.keys() - KEYCLOAK_FIELDS)
    if strange and not any(isinstance(value, str) and is_boilerplate(value) for value in own):
        return f"is JSON with fields that Keycloak does not write ({shown(', '.join(strange[:4]), 80)})", LIKELY
    return None


def _foreign_words(context: Context) -> tuple[str, Confidence] | None:
    """JSON in Keycloak's form whose words Keycloak does not use for a refused admin call: a gateway's, or an extension's."""
    target, answer = context.request.target, context.answer
    if target.kind is TargetKind.TOKEN or answer.status not in {401, 403}:
        return None
    challenge = answer.headers.get("www-authenticate", "")
    if answer.status == 401 and challenge and not challenge.lower().startswith("dpop"):
        return f"comes with a challenge ({shown(challenge, 60)}), which Keycloak's Admin REST API does not send", LIKELY
    if has_own_words(context):
        return f"says {shown(answer.error or '', 60)}, where Keycloak as a rule says no more than the status", POSSIBLE
    return None


def has_own_words(context: Context) -> bool:
    """Whether a refusal's ``error`` is none that Keycloak writes when a role or a token is not good enough."""
    error = context.answer.error
    return error is not None and not is_boilerplate(error) and error != "Invalid origin"


def _foreign_text(context: Context) -> tuple[str, Confidence] | None:
    text = context.answer.text.strip()
    if not text:
        return None if context.request.target.kind is TargetKind.TOKEN else ("is empty", CERTAIN)
    if not text.startswith("<"):
        return "is plain text, no JSON", CERTAIN
    if "text/html" not in context.request.headers.get("accept", ""):
        return "is HTML, and the caller did not accept HTML", CERTAIN
    return None if any(mark in text for mark in _OWN_PAGE) else ("is HTML, and no page of Keycloak's own themes", LIKELY)


def origin_not_allowed(context: Context) -> Finding | None:
    """CORS: Keycloak 26 refuses an Origin that is not among the client's Web origins, whatever the roles."""
    if context.answer.error != "Invalid origin":
        return None
    origin = context.request.headers.get("origin")
    allowed = context.caller.allowed_origins
    return found(
        context,
        Cause.ORIGIN_NOT_ALLOWED,
        CERTAIN,
        "Keycloak says Invalid origin",
        f"the request has the header Origin: {shown(origin)}" if origin else "",
        f"the token allows {', '.join(map(shown, allowed[:5]))}" if allowed else "the token allows no origin",
        origin=shown(origin or "of the request"),
    )


def https_required(context: Context) -> Finding | None:
    """The realm's sslRequired: the same words from the token endpoint and from the admin API."""
    words = (context.answer.error or "", context.answer.description or "", context.answer.text[:200])
    if not any("https required" in word.lower() for word in words):
        return None
    forwarded = context.request.headers.get("x-forwarded-proto")
    return found(
        context,
        Cause.HTTPS_REQUIRED,
        CERTAIN,
        "Keycloak says HTTPS required",
        f"X-Forwarded-Proto was {shown(forwarded)}" if forwarded else "no X-Forwarded-Proto was sent",
        f"realm {context.words['realm']} has sslRequired={shown(context.facts.ssl_required)}" if context.facts.ssl_required else "",
    )


def other_endpoint(context: Context) -> Finding | None:
    """Neighbours of the Admin REST API, whose refusals have nothing to do with admin roles."""
    if context.request.target.kind is not TargetKind.OTHER:
        return None
    path = context.request.target.raw_path
    for part, reason in _NEIGHBOURS:
        if part in path:
            return found(context, Cause.OTHER_ENDPOINT, LIKELY, f"the path has {part} in it", *keycloak_says(context), reason=reason)
    return None


def console_only(context: Context) -> Finding | None:
    """Who the Admin console's user is, Keycloak tells the console alone: the token has to be that client's (AdminConsole.whoAmI)."""
    if context.template != _WHOAMI or context.caller.client_id in {None, _CONSOLE} or context.version < _CONSOLE_ONLY_SINCE:
        return None
    return found(
        context,
        Cause.OTHER_ENDPOINT,
        CERTAIN,
        f"the token is of client {context.words['client']}",
        *keycloak_says(context),
        reason=f"it is the Admin console's own and takes a token of its client {_CONSOLE}; GET /admin/serverinfo or the account's own role"
        " mappings serve other programs",
    )


_WHOAMI = "/admin/{realm}/console/whoami"
_CONSOLE = "security-admin-console"
_CONSOLE_ONLY_SINCE = (25,)
_NEIGHBOURS = (
    (
        "/protocol/openid-connect/userinfo",
        "userinfo takes an access token with the scope openid and a live session; read a service account's token, or introspect it, instead",
    ),
    (
        "/clients-registrations/",
        "client registration takes an initial access token, a registration token, or the role create-client or manage-clients",
    ),
    ("/account", "the account API takes the user's own token with roles of the client account"),
    ("/protocol/openid-connect/token/introspect", "introspection takes a confidential client's own credentials"),
    ("/authz/", "the UMA endpoints take a protection token or the requesting party's own token, whose session must be alive"),
    ("/broker/", "broker endpoints take the user's token with the role read-token of the client broker"),
)


def keycloak_says(context: Context) -> tuple[str, ...]:
    """Keycloak's own words, where it found some."""
    answer = context.answer
    body = answer.json or {}
    words = (answer.error, answer.description, body.get("errorMessage"))
    own = [word for word in words if isinstance(word, str) and not is_boilerplate(word)]
    return (f"Keycloak says: {shown('; '.join(dict.fromkeys(own)))}",) if own else ()


def is_boilerplate(word: str) -> bool:
    """Whether a text of an error body says nothing: the mere status, or the reference to the server's log."""
    low = word.strip().lower()
    return low in BOILERPLATE_ERRORS or low in BOILERPLATE_DESCRIPTIONS or (low.startswith("http ") and low[5:8].isdigit())


def _traces(context: Context) -> tuple[str, ...]:
    headers = context.answer.headers
    return tuple(f"the answer has the header {name}: {shown(headers[name], 80)}" for name in _GATEWAY_HEADERS if headers.get(name))
