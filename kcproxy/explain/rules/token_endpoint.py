"""The token endpoint's refusals (RFC 6749, section 5.2), for callers who fetch their token through the proxy and for its own accounts."""

import re

from kcproxy.explain.context import Context, named
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.rules.not_keycloak import keycloak_says
from kcproxy.explain.rules.token_endpoint_wording import (
    BETTER,
    BY_DESCRIPTION,
    BY_GRANT,
    NO_ASSERTION,
    NO_CLIENT,
    NO_PROOF,
    NOT_KNOWN,
    UNDISTINGUISHED,
    Wording,
)
from kcproxy.explain.text import shown
from kcproxy.model import Cause, Confidence, TargetKind


def token_refused(context: Context) -> Finding | None:
    """By Keycloak's error and description; where it keeps two causes apart from nobody, the look-ups may."""
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
    """What only shows together with the request: a client or grant that is not named at all."""
    if error == "unsupported_grant_type" and not context.request.form.get("grant_type"):
        return _finding(context, (Cause.TOKEN_REQUEST_INVALID, CERTAIN, "the form has no grant_type, or an empty one"))
    if description == UNDISTINGUISHED and _names_no_client(context):
        evidence = "the form has no client_id, and the request no Basic authentication"
        return _finding(context, (Cause.TOKEN_REQUEST_INVALID, CERTAIN, evidence), NO_CLIENT)
    if description.startswith(_STUMBLED) and (context.caller.scheme or "").lower() != "basic":
        return _finding(context, (Cause.CLIENT_CREDENTIALS_WRONG, LIKELY, ""), NO_PROOF)
    return None


_STUMBLED = "Unexpected error when authenticating client"
_ASSERTION_FAILED = re.compile(r"Client authentication with (?:client secret )?signed JWT failed: ")


def _said(context: Context) -> tuple[str, str]:
    """Error and description; some versions put the same words before every reason why an assertion is refused, others before a few only."""
    error, description = context.answer.error or "", context.answer.description or ""
    reason = _ASSERTION_FAILED.sub("", description, count=1)
    return ("invalid_client" if reason != description else error), reason


def _names_no_client(context: Context) -> bool:
    form = context.request.form
    if (context.caller.scheme or "").lower() == "basic" or not form.get("grant_type"):
        return False
    return not form.get("client_id") and "client_assertion_type" not in form


def _by_error(context: Context, error: str, description: str) -> Finding | None:
    """Words that are not known here: as much as the error itself says."""
    if error == "invalid_client":
        wording = NO_PROOF if description else None
        cause = Cause.CLIENT_CREDENTIALS_WRONG if description else Cause.CLIENT_UNKNOWN
        return _finding(context, _settled(context, cause, LIKELY), wording)
    if error == "invalid_grant":
        grant_type = context.request.form.get("grant_type", "refresh_token")
        return _finding(context, (BY_GRANT.get(grant_type, Cause.TOKEN_REQUEST_INVALID), LIKELY, ""), _better(context))
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
        return cause, CERTAIN, "looked up: the client is bearer-only: it holds roles and logs in nobody"
    if cause is Cause.CLIENT_CREDENTIALS_WRONG and facts.client_bearer_only is False:
        return cause, CERTAIN, "looked up: the client exists, is enabled and not bearer-only"
    return cause, confidence, ""


def _finding(context: Context, settled: tuple[Cause, Confidence, str], wording: Wording | None = None) -> Finding:
    cause, confidence, evidence = settled
    wording, words = wording or _better(context), _words(context)
    remedy = wording.remedy.format_map(named(context, **words)) if wording and wording.remedy else None
    return found(
        context,
        cause,
        confidence,
        *keycloak_says(context),
        evidence,
        summary=wording.summary if wording else None,
        facts={"remedy": remedy} if remedy else None,
        names=words,
    )


def _words(context: Context) -> dict[str, str]:
    form = context.request.form
    return {
        "feature": "authorization services of the client that the request names as audience",
        "grant_type": shown(form.get("grant_type", "of the request"), 60),
        "audience": shown(form.get("audience", "of the request"), 80),
        "description": shown(_said(context)[1] or "nothing").rstrip("."),
        "reason": "what permissions a token gets, authorization policies decide",
    }


def _better(context: Context) -> Wording | None:
    said = "; ".join(_said(context))
    return next((wording for beginning, wording in BETTER.items() if said.startswith(beginning)), None)


def open_causes(context: Context) -> list[Finding]:
    """What Keycloak's answer does not keep apart: an unknown and a disabled client, a wrong secret and a client that cannot log in."""
    error, facts = context.answer.error, context.facts
    if (
        error == "invalid_client"
        and context.answer.description == UNDISTINGUISHED
        and facts.client_known is None
        and facts.client_enabled is None
    ):
        return [
            found(context, Cause.CLIENT_DISABLED, POSSIBLE),
            found(context, Cause.CLIENT_CREDENTIALS_WRONG, POSSIBLE, summary=_NO_CERTIFICATE),
        ]
    return []


_NO_CERTIFICATE = (
    "Realm {realm} gives client {client} no token: perhaps the client logs in by a certificate (mTLS), and none reached Keycloak, "
    "or its signed assertion names another client in iss or sub."
)
