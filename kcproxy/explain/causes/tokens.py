"""Causes of a 401 that are visible in the token or in the way it was sent. Keycloak's response is the same bare line for all of them."""

from collections.abc import Mapping

from kcproxy.explain.causes.spec import REFUSED, CauseSpec, Remedy
from kcproxy.explain.context import MASTER, Context, is_readable
from kcproxy.explain.finding import CERTAIN, LIKELY, Finding, found
from kcproxy.explain.text import age, sentence, shown
from kcproxy.model import Caller, CallerKind, Cause, Fix, Verdict, Withheld

CLOCK_DOUBT_SECONDS = 10  # the clocks of two hosts may differ by so much that a smaller age proves nothing
ONE_BLANK_SINCE = (26, 5)
"""From about this version exactly one space must be between scheme and token: 26.7.4 requires it, 26.4.7 accepts any white space (AppAuthManager)."""
_ACCESS_TOKEN_KINDS = frozenset({"Bearer", "DPoP"})
_KIND_NAMES: Mapping[str, str] = {
    "ID": "an ID token",
    "Refresh": "a refresh token",
    "Offline": "an offline refresh token",
    "Logout": "a logout token",
    "InitialAccessToken": "an initial access token for client registration",
    "RegistrationAccessToken": "a registration access token",
}


def token_missing(context: Context) -> Finding | None:
    """No Authorization field, or one without a token."""
    caller, request = context.caller, context.request
    if caller.kind is not CallerKind.ANONYMOUS or request.withheld in _REASONS:
        return None
    no_account = request.withheld is Withheld.NO_ACCOUNT
    return found(
        Cause.TOKEN_MISSING,
        CERTAIN,
        caller.problem or "the request has no Authorization field",
        "access_token is in the query, where Keycloak does not look for it" if request.token_in_query else "",
        *_no_account(context),
        reason=_NO_ACCOUNT if no_account else None,
        remedy=_ADD_ACCOUNT if no_account else None,
        account_realm=shown(request.target.realm or MASTER),
    )


def _no_account(context: Context) -> tuple[str, ...]:
    if context.request.withheld is not Withheld.NO_ACCOUNT:
        return ()
    realm = shown(context.request.target.realm or MASTER)
    return (f"the proxy adds tokens to requests of some realms, and has no account for realm {realm}",)


_NO_ACCOUNT = "The request has no access token, and kcproxy has no account for realm {account_realm} whose token it could add"
_ADD_ACCOUNT = (
    'Send your own access token as Authorization: Bearer, or add an entry [[accounts]] with realm = "{account_realm}" to the settings of kcproxy'
    " if it is meant to add one"
)


TOKEN_MISSING = CauseSpec(
    cause=Cause.TOKEN_MISSING,
    meaning="The Admin REST API expects an access token in the field `Authorization: Bearer …`, and the request had none. 401 means that Keycloak does not know *who* calls; 403 means that the caller *is not allowed* to.",
    reason="The request has no access token",
    effect=REFUSED,
    check="Does the request have the field Authorization, with Bearer followed by a token?",
    rules=(token_missing,),
    remedies=(
        Remedy(
            summary="Fetch an access token and send it as Authorization: Bearer, or let kcproxy add one (a service account for realm {realm}, in the settings of the proxy or as auth of the middleware)",
            steps=(
                "Call the token endpoint /realms/{realm}/protocol/openid-connect/token with grant_type=client_credentials",
                "Send access_token of the response in the field Authorization: Bearer",
            ),
        ),
    ),
)

_REASONS: Mapping[Withheld, tuple[str, str]] = {
    Withheld.OPERATIONS: (
        "the setting operations of its account for this realm does not include this operation",
        "{operation} matches no pattern of operations in the settings of the proxy, {entry}",
    ),
    Withheld.BROWSER: (
        "it never adds a token to requests that a page in a browser sends",
        "the request has the field Origin, or Sec-Fetch-Site of another page",
    ),
    Withheld.AMBIGUOUS: (
        "it never adds a token if the request target can be read in two ways",
        (
            "the target is a whole URL, or has characters beyond ASCII, an empty segment, a dot segment, a semicolon, a backslash, or an escape"
            " that is invalid or hides another path"
        ),
    ),
    Withheld.METHOD: ("it never adds a token for this method", "the Admin REST API does not use this method"),
}
"""The reason for the sentence, and the evidence."""


def token_withheld(context: Context) -> Finding | None:
    """The proxy has an account for this realm and did not add its token: a setting or rule of the proxy, not of Keycloak."""
    reason = _REASONS.get(context.request.withheld) if context.request.withheld else None
    if context.caller.kind is not CallerKind.ANONYMOUS or reason is None:
        return None
    why, shows = reason
    return found(Cause.TOKEN_WITHHELD, CERTAIN, "the request had no token of its own", shows.format_map(context.words), detail=why)


def send_own_token(context: Context, _verdict: Verdict, _console_base: str | None) -> tuple[Fix, ...]:
    """For browsers, ambiguous paths and unusual methods, for which no setting makes the proxy add its token."""
    if context.request.withheld is Withheld.OPERATIONS:
        return ()
    path = "; write the path in its plain form" if context.request.withheld is Withheld.AMBIGUOUS else ""
    text = f"Send your own access token with the request, or make the call from a backend{path}; no setting changes this"
    return (Fix(summary=sentence(text)),)


TOKEN_WITHHELD = CauseSpec(
    cause=Cause.TOKEN_WITHHELD,
    meaning="kcproxy can add the token of a service account to requests that have none (`[[accounts]]`). It has an account for this realm and did not add its token because of a setting or a rule: "
    "`operations` limits what may be called with it; requests from pages in a browser, and paths that can be read in two ways, never get a token. "
    "Keycloak received a request without a token and responded with 401. No role in Keycloak changes that.",
    reason="The request has no access token, and kcproxy did not add one because {detail}",
    effect=REFUSED,
    check="Open the settings of the proxy, section [[accounts]], {entry}. Which operations does it list?",
    rules=(token_withheld,),
    remedies=(
        Remedy(
            summary="Add the operation to the settings of the proxy if this account is meant to do it, or send your own access token",
            steps=(
                "In the configuration of the proxy, section [[accounts]], find {entry}",
                'Add "{operation}" to its list operations',
                "Let the proxy reload its settings (SIGHUP)",
            ),
            warning="Everyone who can reach the proxy can then do this with the roles of the account",
        ),
    ),
    fixer=send_own_token,
)


def scheme_wrong(context: Context) -> Finding | None:
    """Basic and other schemes. The Admin REST API accepts Bearer (RFC 6750), and DPoP (RFC 9449) for tokens that are bound to a key."""
    caller = context.caller
    if is_readable(caller) and (caller.scheme or "").lower() == "dpop" and not caller.bound_to_key:
        return _dpop_without_key()
    if caller.kind is not CallerKind.UNREADABLE or caller.scheme in {None, "Bearer", "DPoP"} or _is_bearer(caller):
        return None
    return found(Cause.SCHEME_WRONG, CERTAIN, caller.problem or "", scheme=shown(caller.scheme or "", 40))


def _dpop_without_key() -> Finding:
    return found(
        Cause.SCHEME_WRONG,
        LIKELY,
        "the field uses the scheme DPoP, and the token has no claim cnf.jkt",
        reason="The Authorization field uses the scheme DPoP, but the token of {who} is not bound to a key and requires Bearer",
        remedy="Send the same token as Authorization: Bearer, or fetch one that is bound to a key (DPoP at the token endpoint)",
        scheme="DPoP",
    )


def _is_bearer(caller: Caller) -> bool:
    return (caller.scheme or "").lower() in {"bearer", "dpop"}


SCHEME_WRONG = CauseSpec(
    cause=Cause.SCHEME_WRONG,
    meaning="The request had the field `Authorization`, but not with `Bearer`. Client ID and secret (`Basic`) are for the token endpoint; the Admin REST API requires the token that this endpoint issues.",
    reason="The Authorization field uses the scheme {scheme} instead of Bearer",
    effect=REFUSED,
    check="Look at the first word of the Authorization field.",
    rules=(scheme_wrong,),
    remedies=(
        Remedy(
            summary="Send Authorization: Bearer and an access token; client ID and secret are for the token endpoint, not for the Admin REST API"
        ),
    ),
)


def token_malformed(context: Context) -> Finding | None:
    """Something that is not a JWT, or that is not separated from its scheme as Keycloak requires."""
    caller = context.caller
    if is_readable(caller) and caller.problem is not None and context.version >= ONE_BLANK_SINCE:
        return found(Cause.TOKEN_MALFORMED, LIKELY, caller.problem, reason=_FIELD_UNREADABLE, problem=caller.problem)
    if caller.kind is not CallerKind.UNREADABLE or not (caller.scheme is None or _is_bearer(caller)):
        return None
    problem = caller.problem or "it does not decode"
    reason = _FIELD_UNREADABLE if problem.startswith(("the field ", "the word ")) else None
    return found(Cause.TOKEN_MALFORMED, CERTAIN, problem, reason=reason, problem=problem)


_FIELD_UNREADABLE = "The Authorization field contains no readable access token ({problem})"

TOKEN_MALFORMED = CauseSpec(
    cause=Cause.TOKEN_MALFORMED,
    meaning="The text after `Bearer` is not a token that can be read: an empty variable, the whole JSON response of the token endpoint, or an incomplete copy.",
    reason="The text after Bearer is not a readable access token ({problem})",
    effect=REFUSED,
    check="Print the length of the token and its number of dots. An access token is one line with three parts.",
    rules=(token_malformed,),
    remedies=(
        Remedy(
            summary="Send the complete value of access_token from the token response, on one line, without quotes, after the word Bearer"
        ),
    ),
)


def token_kind_wrong(context: Context) -> Finding | None:
    """An ID or refresh token: the claim ``typ`` names the kind, and Keycloak accepts only Bearer and DPoP (TokenTypeCheck)."""
    kind = context.caller.token_kind
    if not is_readable(context.caller) or kind is None or kind in _ACCESS_TOKEN_KINDS:
        return None
    name = _KIND_NAMES.get(kind, f"a token of the kind {shown(kind, 40)}")
    evidence = f"the typ of the token is {shown(kind, 40)}, and only Bearer and DPoP are accepted"
    return found(Cause.TOKEN_KIND_WRONG, CERTAIN, evidence, kind=name)


TOKEN_KIND_WRONG = CauseSpec(
    cause=Cause.TOKEN_KIND_WRONG,
    meaning="The response of the token endpoint can contain up to three tokens. Only `access_token` works for APIs; `id_token` says who logged in, and `refresh_token` is only for the token endpoint.",
    reason="{Who} sent {kind} instead of an access token",
    effect=REFUSED,
    check="Send access_token of the token response. The typ of the token must be Bearer.",
    rules=(token_kind_wrong,),
    remedies=(Remedy(summary="Send access_token of the token response, not id_token or refresh_token"),),
)


def token_expired(context: Context) -> Finding | None:
    """``exp`` has passed. If it passed less than the possible difference of two clocks ago, this is only likely."""
    expires = context.caller.expires_at_epoch_seconds
    if not is_readable(context.caller) or expires is None:
        return None
    past = context.now_epoch_seconds - expires
    if past < 0:
        return None
    issued = context.caller.issued_at_epoch_seconds
    life = f"it was issued for {age(expires - issued)}" if issued is not None and expires >= issued else ""
    return found(
        Cause.TOKEN_EXPIRED,
        CERTAIN if past > CLOCK_DOUBT_SECONDS or (past >= 1 and nothing_else_is_wrong(context)) else LIKELY,
        f"the exp of the token was {age(past)} ago",
        life,
        "such a short time may also be a difference between two clocks" if past <= CLOCK_DOUBT_SECONDS else "",
        facts={"expired_seconds": int(past)},
        age=age(past),
    )


def nothing_else_is_wrong(context: Context) -> bool:
    """Whether look-ups have ruled out the other causes that a small difference in time could hide."""
    facts = context.facts
    return bool(facts.signature_valid and facts.issuer == context.caller.issuer)


TOKEN_EXPIRED = CauseSpec(
    cause=Cause.TOKEN_EXPIRED,
    meaning="Access tokens are valid for minutes (five by default for service accounts). The time of this token (`exp`) has passed. Typical of programs that log in only once, when they start.",
    reason="The token of {who} expired {age} ago",
    effect=REFUSED,
    check="Compare the exp of the token with the current time. Fetch a new token and repeat the request.",
    rules=(token_expired,),
    remedies=(
        Remedy(
            summary="Fetch a new token before the old one expires (see expires_in of the token response); kcproxy can do that for you",
            steps=(
                "Renew the token after two thirds of expires_in, or on the first 401",
                "Or send no token, and let kcproxy add its own",
            ),
        ),
    ),
)


def token_not_yet_valid(context: Context) -> Finding | None:
    """``nbf`` is in the future. Keycloak does not check ``iat``, so an ``iat`` in the future only suggests a wrong clock."""
    start = context.caller.not_before_epoch_seconds
    if not is_readable(context.caller) or not start:
        return None
    ahead = start - context.now_epoch_seconds
    if ahead <= 0:
        return None
    confidence = CERTAIN if ahead > CLOCK_DOUBT_SECONDS else LIKELY
    return found(Cause.TOKEN_NOT_YET_VALID, confidence, f"the nbf of the token is {age(ahead)} in the future", age=age(ahead))


TOKEN_NOT_YET_VALID = CauseSpec(
    cause=Cause.TOKEN_NOT_YET_VALID,
    meaning="The start time of the token (`nbf`) is in the future by the clock of this host: two clocks differ.",
    reason="The token of {who} becomes valid only in {age}, because the clocks of its issuer and of this host differ",
    effect=REFUSED,
    check="Compare nbf and iat of the token with the time on the Keycloak host.",
    rules=(token_not_yet_valid,),
    remedies=(Remedy(summary="Synchronize the clocks (NTP) of the Keycloak host and of this host"),),
)


def realm_of_token_unknown(context: Context) -> Finding | None:
    """The realm in ``iss`` does not exist (or no longer exists) on this server; its discovery document is a 404."""
    if not is_readable(context.caller) or context.facts.realm_known is not False or context.caller.realm is None:
        return None
    evidence = f"looked up: realm {shown(context.caller.realm)} of the token's iss has no discovery document here"
    reason = "The token belongs to realm {caller_realm}, which does not exist on this Keycloak: it is from another server, or the realm was deleted"
    return found(Cause.REALM_UNKNOWN, CERTAIN, evidence, reason=reason, effect=REFUSED)


def realm_name_unsupported(context: Context) -> Finding | None:
    """24.0.5 does not find the realm of a token if its name has to be percent-encoded."""
    realm = context.caller.realm
    if not is_readable(context.caller) or realm is None or context.version >= (26,):
        return None
    odd = [character for character in realm if not character.isascii() or character in " %"]
    if not odd:
        return None
    evidence = f"the name of realm {shown(realm)} has characters that are percent-encoded in iss"
    return found(Cause.REALM_NAME_UNSUPPORTED, LIKELY, evidence)


REALM_NAME_UNSUPPORTED = CauseSpec(
    cause=Cause.REALM_NAME_UNSUPPORTED,
    meaning="24.0.5 does not find the realm of a token if its name is percent-encoded in the issuer, and responds with 401 to every token of that realm. 26.7.4 supports such names.",
    reason="Keycloak {version} refuses all tokens of realms with a space, a letter beyond ASCII or a percent sign in their name, such as {caller_realm}",
    effect=REFUSED,
    check="Do tokens of another realm, with a plain name, work on the same server?",
    rules=(realm_name_unsupported,),
    remedies=(Remedy(summary="Use a realm with a name of plain letters, digits, - and _, or upgrade Keycloak"),),
)

SPECS = (
    *(TOKEN_MISSING, TOKEN_WITHHELD, SCHEME_WRONG, TOKEN_MALFORMED, TOKEN_KIND_WRONG),
    *(TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, REALM_NAME_UNSUPPORTED),
)
