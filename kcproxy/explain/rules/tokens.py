"""401: what is wrong with the token, as far as it shows. Keycloak's answer is the same bare line for all of it.

Expiry and issuer can be read from the token, signature and key be settled with the realm's public keys. What was withdrawn since takes
look-ups: see ``withdrawn``.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from kcproxy.explain.claims import read_claims
from kcproxy.explain.context import BUILT_IN_ADMIN_CLIENTS, Context
from kcproxy.explain.finding import CERTAIN, LIKELY, Finding, found
from kcproxy.explain.text import age, list_of, shown
from kcproxy.model import Caller, CallerKind, Cause, Withheld

CLOCK_DOUBT_SECONDS = 10  # two hosts' clocks may differ so much that a smaller age proves nothing
AUDIENCE_SINCE = (26, 8, 2)
PROOF_SINCE = (26, 4)
ONE_BLANK_SINCE = (26, 5)
"""From about there on exactly one blank may stand between scheme and token: 26.7.4 wants it, 26.4.7 takes any white space (AppAuthManager)."""
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
    """No Authorization header, or one without a token."""
    caller = context.caller
    if caller.kind is not CallerKind.ANONYMOUS:
        return None
    if context.request.withheld in _REASONS:
        return None
    evidence = [caller.problem or "the request has no Authorization header"]
    if context.request.token_in_query:
        evidence.append("access_token stands in the query, where Keycloak does not look for it")
    if context.request.withheld is Withheld.NO_ACCOUNT:
        evidence.append(f"the proxy adds tokens to some realms' requests, and has no account for realm {context.words['realm']}")
    return found(context, Cause.TOKEN_MISSING, CERTAIN, *evidence)


_REASONS: Mapping[Withheld, tuple[str, str]] = {
    Withheld.OPERATIONS: (
        "the setting operations of its account for this realm does not name this operation",
        "{operation} matches no pattern of operations in the proxy's settings, section accounts, realm {realm}",
    ),
    Withheld.BROWSER: (
        "it never does so for what a page in a browser sends, whoever's page that is",
        "the request has the header Origin, or Sec-Fetch-Site of another page",
    ),
    Withheld.AMBIGUOUS: (
        "the request target can be read in two ways, and it never does so for such a target",
        (
            "the target is a whole URL, or has characters beyond ASCII, an empty or dot segment, a semicolon, a backslash, or an escape"
            " that is broken or hides another path"
        ),
    ),
    Withheld.METHOD: ("it never does so for this method", "the method is none of the Admin REST API's own"),
}
"""Why, for the sentence, and what shows it."""


def token_withheld(context: Context) -> Finding | None:
    """The proxy has an account for this realm and kept its token back: a setting or a rule of its own, not Keycloak's."""
    reason = _REASONS.get(context.request.withheld) if context.request.withheld else None
    if context.caller.kind is not CallerKind.ANONYMOUS or reason is None:
        return None
    why, shows = reason
    return found(
        context, Cause.TOKEN_WITHHELD, CERTAIN, "the request brought no token of its own", shows.format_map(context.words), reason=why
    )


def scheme_wrong(context: Context) -> Finding | None:
    """Basic and other schemes: the Admin REST API takes Bearer (RFC 6750) or DPoP (RFC 9449) only, and DPoP for tokens with a key only."""
    caller = context.caller
    if is_readable(context) and (caller.scheme or "").lower() == "dpop" and not caller.bound_to_key:
        return _dpop_without_key(context)
    if caller.kind is not CallerKind.UNREADABLE or caller.scheme in {None, "Bearer", "DPoP"} or _is_bearer(caller):
        return None
    return found(context, Cause.SCHEME_WRONG, CERTAIN, caller.problem or "", scheme=shown(caller.scheme or "", 40))


def _dpop_without_key(context: Context) -> Finding:
    return found(
        context,
        Cause.SCHEME_WRONG,
        LIKELY,
        "the header is of the scheme DPoP, and the token has no claim cnf.jkt",
        summary="The Authorization header is of the scheme DPoP, and the token of {who} is bound to no key: such a token goes with Bearer.",
        facts={"remedy": "Send the same token as Authorization: Bearer, or fetch one that is bound to a key (DPoP at the token endpoint)"},
        scheme="DPoP",
    )


def _is_bearer(caller: Caller) -> bool:
    return (caller.scheme or "").lower() in {"bearer", "dpop"}


def token_malformed(context: Context) -> Finding | None:
    """Something that does not decode as a JWT, or is not separated from its scheme as Keycloak wants it."""
    caller = context.caller
    if is_readable(context) and caller.problem is not None and context.version >= ONE_BLANK_SINCE:
        return found(context, Cause.TOKEN_MALFORMED, LIKELY, caller.problem, summary=_HEADER_UNREADABLE, problem=caller.problem)
    if caller.kind is not CallerKind.UNREADABLE or not (caller.scheme is None or _is_bearer(caller)):
        return None
    problem = caller.problem or "it does not decode"
    summary = _HEADER_UNREADABLE if problem.startswith(("the header ", "the word ")) else None
    return found(context, Cause.TOKEN_MALFORMED, CERTAIN, problem, summary=summary, problem=problem)


_HEADER_UNREADABLE = "Keycloak finds no access token in the Authorization header: {problem}."


def token_kind_wrong(context: Context) -> Finding | None:
    """An ID or refresh token: claim ``typ`` tells Keycloak's own kinds, and Keycloak takes no other than these two (TokenTypeCheck)."""
    kind = context.caller.token_kind
    if not is_readable(context) or kind is None or kind in _ACCESS_TOKEN_KINDS:
        return None
    name = _KIND_NAMES.get(kind, f"a token of the kind {shown(kind, 40)}")
    return found(
        context, Cause.TOKEN_KIND_WRONG, CERTAIN, f"the token's typ is {shown(kind, 40)}, and only Bearer and DPoP are taken", kind=name
    )


def token_expired(context: Context) -> Finding | None:
    """``exp`` is past; within the doubt about clocks it is only likely."""
    expires = context.caller.expires_at_epoch_seconds
    if not is_readable(context) or expires is None:
        return None
    past = context.now_epoch_seconds - expires
    if past < 0:
        return None
    issued = context.caller.issued_at_epoch_seconds
    life = f"it was issued for {age(expires - issued)}" if issued is not None and expires >= issued else ""
    return found(
        context,
        Cause.TOKEN_EXPIRED,
        CERTAIN if past > CLOCK_DOUBT_SECONDS or (past >= 1 and nothing_else_is_wrong(context)) else LIKELY,
        f"the token's exp lies {age(past)} in the past",
        life,
        "so short a time may also be two clocks that differ" if past <= CLOCK_DOUBT_SECONDS else "",
        facts={"expired_seconds": int(past)},
        age=age(past),
    )


def nothing_else_is_wrong(context: Context) -> bool:
    """Whether look-ups have ruled out the other causes that could hide behind a small difference in time."""
    facts = context.facts
    return bool(facts.signature_valid and facts.issuer == context.caller.issuer)


def token_not_yet_valid(context: Context) -> Finding | None:
    """``nbf`` lies ahead. Keycloak does not check ``iat``, so a later iat alone is no more than a hint at a wrong clock."""
    start = context.caller.not_before_epoch_seconds
    if not is_readable(context) or not start:
        return None
    ahead = start - context.now_epoch_seconds
    if ahead <= 0:
        return None
    confidence = CERTAIN if ahead > CLOCK_DOUBT_SECONDS else LIKELY
    return found(context, Cause.TOKEN_NOT_YET_VALID, confidence, f"the token's nbf lies {age(ahead)} ahead", age=age(ahead))


def issuer_mismatch(context: Context) -> Finding | None:
    """``iss`` against the issuer that the realm publishes, or else the address by which Keycloak is reached.

    With a fixed hostname Keycloak has one issuer whatever the address, so without its discovery document a difference is only likely.
    An address that only the request names is compared with, and never told.
    """
    caller = context.caller
    if not is_readable(context):
        return None
    if caller.realm is None:
        issuer = f"{shown(caller.issuer)}, which is no realm of a Keycloak" if caller.issuer else "nobody: it has no iss"
        return found(context, Cause.ISSUER_MISMATCH, CERTAIN, f"the token's iss is {issuer}", issuer=issuer, names=_expected_words(context))
    published = context.facts.issuer
    expected = published or expected_issuer(context)
    if expected is None or caller.issuer is None or expected == caller.issuer or (published is None and _fits_what_proxies_say(context)):
        return None
    source = "the realm's discovery document says" if published else "going by the address through which Keycloak is reached, it would be"
    vouched = vouched_issuer(context)
    return found(
        context,
        Cause.ISSUER_MISMATCH,
        CERTAIN if published else LIKELY,
        f"the token's iss is {shown(caller.issuer)}",
        f"{source} {shown(vouched) if vouched else 'another, which follows from the Host or X-Forwarded-Host of the request'}",
        _difference(caller.issuer, expected),
        summary=None if vouched else _ISSUER_OF_THE_REQUEST,
        issuer=shown(caller.issuer),
        names=_expected_words(context),
    )


_ISSUER_OF_THE_REQUEST = (
    "The token was issued by {issuer}, and Keycloak takes its own address from the request, which names another one: it refuses tokens of any"
    " other issuer than that."
)


def _expected_words(context: Context) -> dict[str, str]:
    """What the sentences say of the issuer that Keycloak expects, and where it is written."""
    vouched, realm = vouched_issuer(context), context.caller.realm
    document = "/.well-known/openid-configuration"
    if vouched is not None:
        return {"expected": shown(vouched), "discovery_document": f"{shown(vouched)}{document}"}
    path = f"/realms/{shown(realm)}{document}" if realm else f"/realms/(the realm){document}"
    return {"expected": "another", "discovery_document": f"the realm's discovery document ({path})"}


def expected_issuer(context: Context) -> str | None:
    """The issuer of the token's realm as this Keycloak would write it when it has no fixed hostname. To compare with: see ``vouched_issuer``."""
    base, host = context.request.public_url, context.request.headers.get("host")
    if base is None:
        return None
    return _issuer_at(context, f"{base.partition('://')[0]}://{host}" if host else base)


def vouched_issuer(context: Context) -> str | None:
    """The issuer that Keycloak expects, where more than the request names its address: the settings, or Keycloak asked by the proxy itself.

    None otherwise: Host (``upstream.preserve_host``) and X-Forwarded-Host are what the caller wrote, and no advice may repeat them.
    """
    request, facts = context.request, context.facts
    expected = facts.issuer or expected_issuer(context)
    if expected is None:
        return None
    by_settings = _issuer_at(context, request.public_url) if request.public_url else None
    return expected if expected in {facts.own_issuer, by_settings} else None


def _issuer_at(context: Context, origin: str) -> str | None:
    """The issuer of the token's realm at an address; its last segment is written as in the token."""
    if context.caller.realm is None or context.caller.issuer is None:
        return None
    realm = context.caller.issuer.rstrip("/").rpartition("/realms/")[2]
    return f"{origin.rstrip('/')}{context.request.base_path}/realms/{realm}"


def _fits_what_proxies_say(context: Context) -> bool:
    """Whether X-Forwarded-Host names the issuer's host: a Keycloak that believes it (proxy-headers) then has that very issuer."""
    forwarded = context.request.headers.get("x-forwarded-host", "").partition(",")[0].strip().lower()
    try:
        host = urlsplit(context.caller.issuer or "").hostname
    except ValueError:
        return False
    return bool(forwarded) and host == forwarded.partition(":")[0]


def _difference(issuer: str, expected: str) -> str:
    try:
        ours, theirs = urlsplit(expected), urlsplit(issuer)
        host_differs = ours.hostname != theirs.hostname
    except ValueError:
        return ""
    parts = [("scheme", ours.scheme != theirs.scheme), ("host", host_differs), ("path", ours.path != theirs.path)]
    parts.append(("port", not host_differs and ours.netloc.rpartition(":")[2] != theirs.netloc.rpartition(":")[2]))
    different = [name for name, differs in parts if differs]
    return f"they differ in {list_of(different)}" if different else ""


def audience_missing(context: Context) -> Finding | None:
    """From 26.8.2 on ``aud`` must name the Admin API, which the client scope kc-admin-api adds (documented, not measured)."""
    caller = context.caller
    wanted = context.version >= AUDIENCE_SINCE if context.require_audience is None else context.require_audience
    if not wanted or not is_readable(context) or caller.client_id in BUILT_IN_ADMIN_CLIENTS:
        return None
    if any(audience.rstrip("/").endswith("/admin") or "/admin/" in audience for audience in caller.audiences):
        return None
    names = list_of([shown(audience, 80) for audience in caller.audiences[:4]])
    return found(
        context,
        Cause.AUDIENCE_MISSING,
        LIKELY,
        f"the token's aud is {names}" if names else "the token has no aud",
        f"this is Keycloak {context.words['version']}",
    )


def proof_missing(context: Context) -> Finding | None:
    """A key-bound token without proof (RFC 9449). A mapper can write cnf too; typ DPoP in a token that is the realm's own settles it."""
    caller = context.caller
    if not is_readable(context) or not caller.bound_to_key or context.version < PROOF_SINCE:
        return None
    if context.request.headers.get("dpop") and (caller.scheme or "").lower() == "dpop":
        return None
    sent = "no DPoP header was sent" if not context.request.headers.get("dpop") else "the scheme is Bearer, not DPoP"
    of_its_kind = caller.token_kind == "DPoP"  # noqa: S105 - a kind of token, no secret
    settled = of_its_kind and context.facts.signature_valid and context.version_known
    evidence = ("the token has the claim cnf", "its typ is DPoP, and its signature is the realm's" if settled else "", sent)
    return found(context, Cause.PROOF_MISSING, CERTAIN if settled else LIKELY, *evidence)


def proof_mismatch(context: Context) -> Finding | None:
    """``htu`` of the proof names the proxy's address instead of Keycloak's, or another method or path."""
    proof, base = context.request.headers.get("dpop"), context.request.public_url
    read = read_claims(proof) if proof and base and context.caller.bound_to_key else None
    address = read[1].get("htu") if read else None
    if not isinstance(address, str) or base is None:
        return None
    host, path = context.request.headers.get("host"), context.request.target.raw_path
    own, seen = base.rstrip("/") + path, f"{base.partition('://')[0]}://{host}{path}" if host else base.rstrip("/") + path
    if address.partition("?")[0] == seen:
        return None
    expected = shown(own) if own == seen else "the address in the request's Host"  # which is only the caller's word
    evidence = f"htu of the proof is {shown(address)}, Keycloak sees {expected}"
    return found(context, Cause.PROOF_MISMATCH, LIKELY, evidence, proof_url=shown(address), expected=expected)


def signature_invalid(context: Context) -> Finding | None:
    """An unsigned token, or one whose signature the realm's public key does not confirm."""
    if not is_readable(context):
        return None
    if (context.caller.algorithm or "none").lower() == "none":
        return found(context, Cause.SIGNATURE_INVALID, CERTAIN, "the token's alg is none", reason="it has no signature (alg none)")
    if context.facts.signature_valid is False:
        evidence = "looked up: the realm's public key does not confirm the token's signature"
        return found(context, Cause.SIGNATURE_INVALID, CERTAIN, evidence, reason="its signature does not fit the realm's key")
    return None


def unsigned_token_broke_it(context: Context) -> Finding | None:
    """Before 26.5 or so an unsigned token makes the Admin REST API fail (500) instead of refuse: measured on 24.0.5 and 26.4.7."""
    caller = context.caller
    if context.answer.status != 500 or not is_readable(context) or (caller.algorithm or "none").lower() != "none":
        return None
    if context.answer.error != "unknown_error":
        return None
    evidence = "the token's alg is none, and no request with such a token gets past Keycloak's check of the signature"
    return found(
        context, Cause.SIGNATURE_INVALID, CERTAIN, evidence, reason="it has no signature (alg none), over which this version fails"
    )


def signing_key_unknown(context: Context) -> Finding | None:
    """``kid`` is not among the keys that the realm publishes."""
    keys, kid = context.facts.key_ids, context.caller.key_id
    if not is_readable(context) or keys is None or kid is None or kid in keys:
        return None
    if (context.caller.algorithm or "").startswith("HS"):
        return None  # the realm's own secret key is never published
    return found(context, Cause.SIGNING_KEY_UNKNOWN, CERTAIN, f"kid {shown(kid)} is not among the realm's {len(keys)} published keys")


def realm_of_token_unknown(context: Context) -> Finding | None:
    """The realm in ``iss`` does not exist (any more) on this server; its discovery document is a 404."""
    if not is_readable(context) or context.facts.realm_known is not False or context.caller.realm is None:
        return None
    evidence = f"looked up: realm {shown(context.caller.realm)} of the token's iss has no discovery document here"
    summary = (
        "The token is of realm {caller_realm}, and there is no such realm on this Keycloak: it is of another server, or the realm is gone."
    )
    return found(context, Cause.REALM_UNKNOWN, CERTAIN, evidence, summary=summary)


def realm_name_unsupported(context: Context) -> Finding | None:
    """24.0.5 fails to find the realm of a token when its name has to be percent-encoded."""
    realm = context.caller.realm
    if not is_readable(context) or realm is None or context.version >= (26,):
        return None
    odd = [character for character in realm if not character.isascii() or character in " %"]
    if not odd:
        return None
    evidence = f"the realm's name {shown(realm)} has characters that are percent-encoded in iss"
    return found(context, Cause.REALM_NAME_UNSUPPORTED, LIKELY, evidence)


def is_readable(context: Context) -> bool:
    """Whether there is a token that could be read."""
    return context.caller.kind not in {CallerKind.ANONYMOUS, CallerKind.UNREADABLE}
