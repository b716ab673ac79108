"""Causes that are visible in the response itself: who sent it, and in which words."""

from collections.abc import Mapping
from typing import Any

from kcproxy.explain.causes.spec import REFUSED, CauseSpec, Remedy
from kcproxy.explain.causes.token_endpoint import token_refused
from kcproxy.explain.context import Context
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.keycloak_responses import (
    KEYCLOAK_FIELDS,
    PAGE_OF_NOTHING,
    gateway_traces,
    has_own_words,
    is_boilerplate,
    is_management_port,
    keycloak_says,
)
from kcproxy.explain.text import shown
from kcproxy.model import Cause, Confidence, TargetKind

_OWN_PAGE = ("login-pf", 'id="kc-', "/resources/")
"""Parts of every page of Keycloak's own login themes."""


def not_keycloak(context: Context) -> Finding | None:
    """Keycloak refuses an admin call with JSON that has ``error``; anything else comes from another layer.

    Exception: for callers that accept HTML Keycloak shows its error page, and its theme can be anybody's.
    """
    target, response = context.request.target, context.answer
    if target.kind is TargetKind.OTHER or context.method == "HEAD":
        return None
    found_detail = (_foreign_json(response.json) or _foreign_words(context)) if response.json is not None else _foreign_text(context)
    if found_detail is None:
        return None
    if PAGE_OF_NOTHING in response.text:
        return _management_port(context)
    detail, confidence = found_detail
    evidence = f"the body of the {response.status} {detail}"
    return found(Cause.NOT_KEYCLOAK, confidence, evidence, gateway_traces, detail=f"its body {detail}", status=response.status)


def _management_port(context: Context) -> Finding:
    return found(
        Cause.NOT_KEYCLOAK,
        LIKELY if is_management_port(context) else POSSIBLE,
        "the body is the page that Keycloak's management port shows for unknown paths",
        gateway_traces,
        reason="The {status} for {operation}{where} seems to come from Keycloak's management port (health and metrics), which has no Admin REST API",
        effect=": the address has the wrong port.",
        remedy="Put Keycloak's main port (8080, or 8443 with TLS, unless it was changed) into the address, not the management port (9000)",
        status=context.answer.status,
    )


def miss_not_keycloak(context: Context) -> Finding | None:
    """404 and similar for an existing operation, in words that Keycloak does not write: a gateway that hides /admin, or a wrong port."""
    target, response = context.request.target, context.answer
    if target.kind not in {TargetKind.ADMIN, TargetKind.TOKEN}:
        return None
    if response.json is not None:
        return _json_of_a_router(context) if response.status in {404, 405} else None
    return not_keycloak(context) if response.text.strip() else None


def _json_of_a_router(context: Context) -> Finding | None:
    """``{"message": "no Route matched …"}``: Keycloak's own 404s have one of its own fields."""
    response = context.answer
    body = response.json or {}
    if not isinstance(body.get("message"), str) or KEYCLOAK_FIELDS & body.keys():
        return None
    evidence = f"the body of the {response.status} is JSON without Keycloak's field error"
    says = f"its body says {shown(body['message'], 80)}, in a form that Keycloak does not write"
    return found(Cause.NOT_KEYCLOAK, LIKELY, evidence, gateway_traces, detail=says, status=response.status)


def _foreign_json(body: Mapping[str, Any]) -> tuple[str, Confidence] | None:
    own = [body.get(field) for field in ("error", "errorMessage")]
    if not any(isinstance(value, str) for value in own):
        return "is JSON without Keycloak's field error", CERTAIN
    strange = sorted(body.keys() - KEYCLOAK_FIELDS)
    if strange and not any(isinstance(value, str) and is_boilerplate(value) for value in own):
        return f"is JSON with fields that Keycloak does not write ({shown(', '.join(strange[:4]), 80)})", LIKELY
    return None


def _foreign_words(context: Context) -> tuple[str, Confidence] | None:
    """JSON in Keycloak's form with words that Keycloak does not use for a refused admin call: from a gateway or an extension."""
    target, response = context.request.target, context.answer
    if target.kind is TargetKind.TOKEN or response.status not in {401, 403}:
        return None
    challenge = response.headers.get("www-authenticate", "")
    if response.status == 401 and challenge and not challenge.lower().startswith("dpop"):
        return f"is sent with the challenge {shown(challenge, 60)}, which Keycloak's Admin REST API does not send", LIKELY
    if has_own_words(context):
        return f"says {shown(response.error or '', 60)}, while Keycloak usually sends only the status code", POSSIBLE
    return None


def _foreign_text(context: Context) -> tuple[str, Confidence] | None:
    text = context.answer.text.strip()
    if not text:
        return None if context.request.target.kind is TargetKind.TOKEN else ("is empty", CERTAIN)
    if not text.startswith("<"):
        return "is plain text, not JSON", CERTAIN
    if "text/html" not in context.request.headers.get("accept", ""):
        return "is HTML, and the caller did not accept HTML", CERTAIN
    return None if any(mark in text for mark in _OWN_PAGE) else ("is HTML, and not a page of Keycloak's own themes", LIKELY)


NOT_KEYCLOAK = CauseSpec(
    cause=Cause.NOT_KEYCLOAK,
    meaning="The body of the refusal is not what Keycloak's Admin REST API writes: HTML, plain text, or other JSON. A gateway, firewall, ingress or service mesh responded, or the address is that of another server.",
    reason="The {status} for {operation}{where} did not come from Keycloak: {detail}",
    effect="; something between here and Keycloak refused the request, or the address is not that of Keycloak.",
    check="Send the same request directly to Keycloak, without any gateway.",
    rules=(not_keycloak, miss_not_keycloak),
    no_role_helps=True,
    remedies=(
        Remedy(
            summary="Ask the operator of the layer in front of Keycloak (gateway, firewall, ingress); no Keycloak role changes this response",
            steps=(
                "Compare with the same request sent directly to Keycloak",
                "Allow the path, the method and the User-Agent in that layer",
            ),
        ),
    ),
)


def origin_not_allowed(context: Context) -> Finding | None:
    """CORS: Keycloak 26 refuses an Origin that is not among the Web origins of the client, regardless of roles."""
    if context.answer.error != "Invalid origin":
        return None
    origin = context.request.headers.get("origin")
    allowed = context.caller.allowed_origins
    return found(
        Cause.ORIGIN_NOT_ALLOWED,
        CERTAIN,
        "Keycloak says Invalid origin",
        f"the request has the field Origin: {shown(origin)}" if origin else "",
        f"the token allows {', '.join(map(shown, allowed[:5]))}" if allowed else "the token allows no origin",
        origin=shown(origin) if origin else "of the request",
    )


ORIGIN_NOT_ALLOWED = CauseSpec(
    cause=Cause.ORIGIN_NOT_ALLOWED,
    meaning="The request had an `Origin` field, as browsers send it. Since 26 Keycloak refuses origins that the client of the token does not list under *Web origins*. "
    "The token itself may be fine.",
    reason="The Origin {origin} is missing in the Web origins of client {client} (CORS, not a matter of roles)",
    effect=REFUSED,
    check="Send the same request without the Origin field, from a backend.",
    rules=(origin_not_allowed,),
    no_role_helps=True,
    remedies=(
        Remedy(
            summary="Add the origin of your own page to the Web origins of client {client}, or call from a backend, which sends no Origin",
            steps=(
                "Choose the realm {caller_realm}",
                "Clients, {client}, Settings, Web origins: add exactly the origin of the page that is meant to call (scheme, host and port)",
                "Save, and fetch a new token",
            ),
            warning="The sender of the request chooses its Origin: add an origin because you know the page, not because it is printed here",
        ),
    ),
)


def https_required(context: Context) -> Finding | None:
    """The realm's sslRequired: the same words from the token endpoint and from the admin API."""
    words = (context.answer.error or "", context.answer.description or "", context.answer.text[:200])
    if "https required" not in "\n".join(words).lower():
        return None
    forwarded = context.request.headers.get("x-forwarded-proto")
    required = context.facts.ssl_required
    return found(
        Cause.HTTPS_REQUIRED,
        CERTAIN,
        "Keycloak says HTTPS required",
        f"X-Forwarded-Proto was {shown(forwarded)}" if forwarded else "no X-Forwarded-Proto was sent",
        f"realm {context.words['realm']} has sslRequired={shown(required)}" if required else "",
    )


HTTPS_REQUIRED = CauseSpec(
    cause=Cause.HTTPS_REQUIRED,
    meaning="Each realm has a setting *Require SSL*. With `external`, the default, Keycloak accepts plain HTTP only from private addresses. Behind a proxy that terminates TLS, Keycloak has to be configured to trust its headers.",
    reason="Realm {realm} requires SSL for requests from this address, and this request arrived as plain HTTP",
    effect=REFUSED,
    check="Look at Realm settings, General, Require SSL. Does the layer that terminates TLS send X-Forwarded-Proto, and does Keycloak trust it?",
    rules=(https_required, token_refused),
    no_role_helps=True,
    remedies=(
        Remedy(
            summary="Call Keycloak over HTTPS, or let the TLS-terminating proxy send X-Forwarded-Proto and start Keycloak with proxy-headers",
            steps=(
                "Use https:// in the settings of the program",
                "Behind a TLS-terminating proxy: start Keycloak with --proxy-headers xforwarded",
            ),
            warning="Require SSL = None is only for development machines: tokens and secrets are then sent unencrypted",
        ),
    ),
)


def console_only(context: Context) -> Finding | None:
    """Keycloak tells only the Admin console who its user is: the token has to be that client's (AdminConsole.whoAmI)."""
    if context.template != _WHOAMI or context.caller.client_id in {None, _CONSOLE} or context.version < _CONSOLE_ONLY_SINCE:
        return None
    return found(
        Cause.OTHER_ENDPOINT,
        CERTAIN,
        f"the token is that of client {context.words['client']}",
        keycloak_says,
        reason="{operation}{where} requires a token of the Admin console's own client {console} and an admin role, and the token of {who} is one"
        " of client {client}, for which no role is enough",
        remedy="Do not call {operation} from other programs; the role mappings of the account (GET /admin/realms/{realm}/users/{{user-id}}/role-mappings) say"
        " the same about one account",
        facts={"no_role_is_enough": True},
        console=_CONSOLE,
    )


_WHOAMI = "/admin/{realm}/console/whoami"
_CONSOLE = "security-admin-console"
_CONSOLE_ONLY_SINCE = (25,)
SPECS = (NOT_KEYCLOAK, ORIGIN_NOT_ALLOWED, HTTPS_REQUIRED)
