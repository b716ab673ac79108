"""Causes for refusals of the token endpoint (RFC 6749, section 5.2): for callers who fetch tokens through the proxy, and for its own accounts."""

import re
from urllib.parse import urlsplit

from kcproxy.explain.causes.federated import is_federated, wording_of
from kcproxy.explain.causes.spec import NO_TOKEN, CauseSpec, Remedy
from kcproxy.explain.causes.token_endpoint_responses import (
    BY_DESCRIPTION,
    BY_GRANT,
    MORE_SPECIFIC,
    NO_ASSERTION,
    NO_CLIENT,
    NO_PROOF,
    NOT_KNOWN,
    PROXY_AUDIENCE,
    UNDISTINGUISHED,
    Wording,
)
from kcproxy.explain.context import NOT_SEEN, Context
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.fixes.own_client import is_built_in, use_own_client
from kcproxy.explain.keycloak_responses import keycloak_says
from kcproxy.explain.text import shown
from kcproxy.model import Cause, Confidence, TargetKind


def token_refused(context: Context) -> Finding | None:
    """By Keycloak's error and description. If Keycloak does not distinguish two causes, look-ups may."""
    if context.request.target.kind is not TargetKind.TOKEN:
        return None
    error, description = _said(context)
    special = _by_request(context, error, description)
    if special is not None:
        return special
    for known, beginning, cause, confidence in BY_DESCRIPTION:
        if error == known and description.startswith(beginning):
            return _finding(context, _settled(context, cause, confidence))
    if _ASSERTION_FAILED.match(context.answer.description or ""):
        return _finding(context, (Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN, ""), NO_ASSERTION)
    return _by_error(context, error, description)


def _by_request(context: Context, error: str, description: str) -> Finding | None:
    """Causes that are visible only together with the request: it names no client or grant at all."""
    if error == "unsupported_grant_type" and not context.request.form.get("grant_type"):
        return _finding(context, (Cause.TOKEN_REQUEST_INVALID, CERTAIN, "the form has no grant_type, or an empty one"))
    if description == UNDISTINGUISHED and _names_no_client(context):
        evidence = "the form has no client_id, and the request has no Basic authentication"
        return _finding(context, (Cause.TOKEN_REQUEST_INVALID, CERTAIN, evidence), NO_CLIENT)
    if description.startswith(_OTHER_AUDIENCE) and _is_for_the_proxy(context):
        evidence = "the aud of the assertion is at the address in the Host of the request, at which kcproxy is called"
        return _finding(context, (Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN, evidence), PROXY_AUDIENCE)
    if is_federated(context.request) and (wording := wording_of(description)) is not None:
        confidence = LIKELY if description == UNDISTINGUISHED else CERTAIN
        return _finding(context, (Cause.CLIENT_CREDENTIALS_WRONG, confidence, ""), wording)
    if description.startswith(_STUMBLED) and (context.caller.scheme or "").lower() != "basic":
        return _finding(context, (Cause.CLIENT_CREDENTIALS_WRONG, LIKELY, ""), NO_PROOF)
    return None


_OTHER_AUDIENCE = ("Invalid token audience", "Token audience", "Multiple audiences")


def _is_for_the_proxy(context: Context) -> bool:
    """Whether a signed assertion names the address of this request as its audience, and Keycloak has another one."""
    request = context.request
    host, own = _authority(f"//{request.called_at or ''}"), _authority(request.public_url or "")
    return bool(host) and host != own and any(_authority(audience) == host for audience in request.assertion_audiences)


def _authority(url: str) -> str:
    """Host and port of a URL in lower case, without a default port; "" if it cannot be read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.netloc.rpartition("@")[2].lower().removesuffix(":80").removesuffix(":443")


_STUMBLED = "Unexpected error when authenticating client"
_ASSERTION_FAILED = re.compile(r"Client authentication with (?:client secret )?signed JWT failed: ")


def _said(context: Context) -> tuple[str, str]:
    """Error and description. Some versions put the same words before every reason why an assertion is refused, others only before a few."""
    error, description = context.answer.error or "", context.answer.description or ""
    reason = _ASSERTION_FAILED.sub("", description, count=1)
    return ("invalid_client" if reason != description else error), reason


def _names_no_client(context: Context) -> bool:
    form = context.request.form
    if (context.caller.scheme or "").lower() == "basic" or not form.get("grant_type"):
        return False
    return not form.get("client_id") and "client_assertion_type" not in form


def _by_error(context: Context, error: str, description: str) -> Finding | None:
    """An unknown description: as much as the error itself says."""
    if error == "invalid_client":
        wording = NO_PROOF if description else None
        cause = Cause.CLIENT_CREDENTIALS_WRONG if description else Cause.CLIENT_UNKNOWN
        return _finding(context, _settled(context, cause, LIKELY), wording)
    if error == "invalid_grant":
        grant_type = context.request.form.get("grant_type", "refresh_token")
        return _finding(context, (BY_GRANT.get(grant_type, Cause.TOKEN_REQUEST_INVALID), LIKELY, ""), _more_specific(context))
    if error and description and context.answer.status in {401, 403}:
        return _finding(context, (Cause.UNEXPLAINED, POSSIBLE, ""), NOT_KNOWN)
    return None


def _settled(context: Context, cause: Cause, confidence: Confidence) -> tuple[Cause, Confidence, str]:
    facts = context.facts
    if cause is Cause.CLIENT_UNKNOWN and facts.client_known is False:
        return cause, CERTAIN, "looked up: the realm has no such client"
    if cause is Cause.CLIENT_UNKNOWN and facts.client_enabled is False:
        return Cause.CLIENT_DISABLED, CERTAIN, "looked up: the client is disabled"
    if cause is Cause.CLIENT_CREDENTIALS_WRONG and facts.client_bearer_only:
        return cause, CERTAIN, "looked up: the client is bearer-only: it has roles but cannot log in"
    if cause is Cause.CLIENT_CREDENTIALS_WRONG and facts.client_bearer_only is False:
        return cause, CERTAIN, "looked up: the client exists, is enabled and is not bearer-only"
    return cause, confidence, ""


def _finding(context: Context, settled: tuple[Cause, Confidence, str], wording: Wording | None = None) -> Finding:
    cause, confidence, evidence = settled
    wording = wording or _more_specific(context)
    return found(
        cause,
        confidence,
        keycloak_says,
        evidence,
        reason=wording.reason if wording else None,
        effect=None if cause in {Cause.REALM_UNKNOWN, Cause.REALM_DISABLED} else NO_TOKEN,
        remedy=wording.remedy if wording and not (cause in _NEEDS_OWN_CLIENT and _is_built_in(context)) else None,
        words=_words(context),
    )


_NEEDS_OWN_CLIENT = frozenset({Cause.SERVICE_ACCOUNT_OFF, Cause.CLIENT_CREDENTIALS_WRONG, Cause.GRANT_NOT_ALLOWED})


def _is_built_in(context: Context) -> bool:
    return is_built_in(context.request.form.get("client_id") or context.caller.client_id, context.request.target.realm)


def _words(context: Context) -> dict[str, str]:
    form = context.request.form
    return {
        "feature": "authorization services of the client that the request names as audience",
        "grant_type": shown(form.get("grant_type", NOT_SEEN), 60),
        "assertion_issuer": shown(context.request.assertion_issuer or "unknown", 200),
        "assertion_subject": shown(context.request.assertion_subject or "unknown", 200),
        "assertion_audience": shown(", ".join(context.request.assertion_audiences) or "nobody", 200),
        "audience": shown(form.get("audience", NOT_SEEN), 80),
        "description": shown(_said(context)[1] or "nothing").rstrip("."),
        "detail": "authorization policies decide which permissions a token gets",
    }


def _more_specific(context: Context) -> Wording | None:
    said = "; ".join(_said(context))
    return next((wording for beginning, wording in MORE_SPECIFIC.items() if said.startswith(beginning)), None)


def left_open_at_token_endpoint(context: Context) -> list[Finding]:
    """Causes that Keycloak's response does not distinguish: an unknown and a disabled client, a wrong secret and a client that cannot log in."""
    response, facts = context.answer, context.facts
    if response.error != "invalid_client" or response.description != UNDISTINGUISHED:
        return []
    if facts.client_known is not None or facts.client_enabled is not None:
        return []
    if is_federated(context.request):
        return [found(Cause.CLIENT_DISABLED, POSSIBLE, reason="The client with the subject of the token may be disabled", effect=NO_TOKEN)]
    return [
        found(Cause.CLIENT_DISABLED, POSSIBLE, reason="Client {client} may be disabled or deleted", effect=NO_TOKEN),
        found(Cause.CLIENT_CREDENTIALS_WRONG, POSSIBLE, reason=_NO_CERTIFICATE, effect=NO_TOKEN),
    ]


_NO_CERTIFICATE = "Client {client} may authenticate with a certificate (mTLS) that did not reach Keycloak, or its signed assertion may name another client in iss or sub"

CLIENT_UNKNOWN = CauseSpec(
    cause=Cause.CLIENT_UNKNOWN,
    meaning="The token endpoint responds in the same way if a client does not exist and if it is disabled. Often the client exists in another realm than the one in the request.",
    reason="There is no enabled client {client} in realm {realm}",
    effect=NO_TOKEN,
    check="Open realm {realm}, Clients. Is {client} there, and is it enabled? Is it perhaps in another realm?",
    rules=(token_refused,),
    remedies=(
        Remedy(
            summary="Send the request to the realm in which client {client} was created, with its exact client ID",
            steps=(
                "Choose the realm {realm}",
                "Clients: look for {client}; is it enabled?",
                "If it is not there, look in the other realms, including master",
            ),
        ),
    ),
    states_confidence=False,
)

CLIENT_CREDENTIALS_WRONG = CauseSpec(
    cause=Cause.CLIENT_CREDENTIALS_WRONG,
    meaning="The client exists, and its credentials were not right. Bearer-only clients, such as the built-in `realm-management`, get the same response: they have roles, but cannot log in.",
    reason="The secret of client {client} is wrong, or the client cannot log in with a secret",
    effect=NO_TOKEN,
    check="Compare the secret with Clients, {client}, Credentials. A bearer-only client such as realm-management gets the same response.",
    rules=(token_refused,),
    left_open=(left_open_at_token_endpoint,),
    remedies=(
        Remedy(
            summary="Copy the secret again from Clients, {client}, Credentials; log in with a client of your own, never with a built-in one",
            steps=(
                "Choose the realm {realm}",
                "Clients, {client}, tab Credentials: copy the client secret",
                "Client Authenticator, on the same tab, says what the client uses: a secret, a signed JWT, or a certificate",
                "A secret that consists of asterisks is masked by an export and cannot be used",
            ),
        ),
    ),
    states_confidence=False,
    fixer=use_own_client,
)

SERVICE_ACCOUNT_OFF = CauseSpec(
    cause=Cause.SERVICE_ACCOUNT_OFF,
    meaning="`client_credentials` requires a service account. A client has one only if it is confidential (*Client authentication* on) and *Service accounts roles* is ticked.",
    reason="The service account of client {client} is not switched on",
    effect=NO_TOKEN,
    check="Open Clients, {client}, Settings. Is Client authentication on, and Service accounts roles ticked? Keycloak's built-in clients have neither and need neither.",
    rules=(token_refused,),
    remedies=(
        Remedy(
            summary="Switch Client authentication and Service accounts roles on for client {client}",
            steps=(
                "Choose the realm {realm}",
                "Clients, {client}, Settings, Capability config",
                "Client authentication: On; tick Service accounts roles",
                "Save, and grant the new service account the roles that it needs",
            ),
        ),
    ),
    fixer=use_own_client,
)

GRANT_NOT_ALLOWED = CauseSpec(
    cause=Cause.GRANT_NOT_ALLOWED,
    meaning="Each client lists the flows that it may use. The one in the request is not among them, or Keycloak does not support it.",
    reason="The grant type {grant_type} is not allowed for client {client}, or not supported",
    effect=NO_TOKEN,
    check="Open Clients, {client}, Settings, Capability config. Which flows are ticked?",
    rules=(token_refused,),
    remedies=(
        Remedy(
            summary="Use grant_type=client_credentials for programs without a user; tick another flow in the Capability config of the client only if users log in with it"
        ),
    ),
    fixer=use_own_client,
)

USER_CREDENTIALS_WRONG = CauseSpec(
    cause=Cause.USER_CREDENTIALS_WRONG,
    meaning="The password flow was refused. A wrong name, a wrong password, a missing one-time code and a temporary lock after too many attempts look the same on purpose.",
    reason="The user name or password is wrong, a one-time code is missing, or the user is temporarily locked (Keycloak does not distinguish these)",
    effect=NO_TOKEN,
    check="The login events of the realm name the reason (invalid_user_credentials, user_temporarily_disabled …).",
    rules=(token_refused,),
    remedies=(
        Remedy(
            summary="Check user name, password and one-time code; programs without a user should use a service account instead of a user's password",
            warning="Never remove the password step from the login flow: anybody could then log in",
        ),
    ),
    states_confidence=False,
)

ACCOUNT_NOT_SET_UP = CauseSpec(
    cause=Cause.ACCOUNT_NOT_SET_UP,
    meaning="The user has to do something first (*Required user actions*): set a new password, accept terms, complete the profile. That requires a browser.",
    reason="The user still has required actions at the login page (set a password, accept terms, verify an address)",
    effect=NO_TOKEN,
    check="Open Users, the user, Details: Required user actions. Is the password a temporary one?",
    rules=(token_refused,),
    remedies=(Remedy(summary="Let the user log in once in a browser and complete the actions, or remove the actions from the user"),),
)

REFRESH_TOKEN_INVALID = CauseSpec(
    cause=Cause.REFRESH_TOKEN_INVALID,
    meaning="A refresh token (or an authorization code) that has expired, was used before, belongs to another client, or whose session has ended. It cannot be refreshed; log in again.",
    reason="The refresh token or code has expired, was used before, or belongs to another client or server",
    effect=NO_TOKEN,
    check="Compare the exp of the refresh token with the time, and its azp with the client.",
    rules=(token_refused,),
    remedies=(Remedy(summary="Log in again; client_credentials has no refresh: request a new token instead"),),
)

SCOPE_INVALID = CauseSpec(
    cause=Cause.SCOPE_INVALID,
    meaning="The `scope` of the request names a client scope that the client does not have, neither as default nor as optional.",
    reason="Client {client} is missing one of the requested client scopes",
    effect=NO_TOKEN,
    check="Open Clients, {client}, Client scopes. Is each scope of the request among the default or optional ones?",
    rules=(token_refused,),
    remedies=(Remedy(summary="Remove the scope from the request, or assign it to client {client} as an optional client scope"),),
)

TOKEN_REQUEST_INVALID = CauseSpec(
    cause=Cause.TOKEN_REQUEST_INVALID,
    meaning="The token request is incomplete: a parameter is missing or repeated, or the body is JSON instead of a form.",
    reason="The token request is incomplete or malformed",
    effect=NO_TOKEN,
    check="A token request is a form (application/x-www-form-urlencoded) with grant_type, client_id and the parameters of the grant.",
    rules=(token_refused,),
    remedies=(Remedy(summary="Send a form with grant_type, client_id and client_secret as POST to the token endpoint of the realm"),),
)

REALM_DISABLED = CauseSpec(
    cause=Cause.REALM_DISABLED,
    meaning="The realm is disabled. Its token endpoint issues no tokens, while existing tokens still work on the admin API.",
    reason="Realm {realm} is disabled",
    effect=" and issues no tokens.",
    check="Open Realm settings: the switch Enabled is at the top.",
    rules=(token_refused,),
    remedies=(
        Remedy(
            summary="Enable the realm if it was disabled by mistake",
            steps=("Choose the realm {realm}", "Realm settings: switch Enabled on"),
        ),
    ),
)

SPECS = (
    *(CLIENT_UNKNOWN, CLIENT_CREDENTIALS_WRONG, SERVICE_ACCOUNT_OFF, GRANT_NOT_ALLOWED, USER_CREDENTIALS_WRONG),
    *(ACCOUNT_NOT_SET_UP, REFRESH_TOKEN_INVALID, SCOPE_INVALID, TOKEN_REQUEST_INVALID, REALM_DISABLED),
)
