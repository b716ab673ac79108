"""Causes of a 401 that compare the token with the server: issuer, audience, proof of possession, signature and key."""

from urllib.parse import urlsplit

from kcproxy.explain.causes.revoked_tokens import left_open
from kcproxy.explain.causes.spec import NEW_TOKEN, REFUSED, CauseSpec, Remedy
from kcproxy.explain.claims import read_claims
from kcproxy.explain.context import BUILT_IN_ADMIN_CLIENTS, Context, expected_issuer, is_readable, issuer_at
from kcproxy.explain.finding import CERTAIN, LIKELY, Finding, found
from kcproxy.explain.text import list_of, sentence, shown
from kcproxy.model import Cause, Fix, Verdict

AUDIENCE_SINCE = (26, 8, 2)
PROOF_SINCE = (26, 4)


def issuer_mismatch(context: Context) -> Finding | None:
    """``iss`` compared with the issuer that the realm publishes, otherwise with the address at which Keycloak is reached.

    With a fixed hostname Keycloak has one issuer for all addresses, so without its discovery document a difference is only likely.
    An address that only the request names is compared, and never printed.
    """
    caller = context.caller
    if not is_readable(caller):
        return None
    if caller.realm is None:
        issuer = f"{shown(caller.issuer)}, which is not a Keycloak realm" if caller.issuer else "missing"
        return found(Cause.ISSUER_MISMATCH, CERTAIN, f"the iss of the token is {issuer}", issuer=issuer, words=_expected_words(context))
    published = context.facts.issuer
    expected = published or expected_issuer(context)
    if expected is None or caller.issuer is None or expected == caller.issuer or (published is None and _fits_what_proxies_say(context)):
        return None
    source = "the discovery document of the realm says" if published else "by the address at which Keycloak is reached, it would be"
    vouched = vouched_issuer(context)
    return found(
        Cause.ISSUER_MISMATCH,
        CERTAIN if published else LIKELY,
        f"the iss of the token is {shown(caller.issuer)}",
        f"{source} {shown(vouched) if vouched else 'another one, which follows from the Host or X-Forwarded-Host of the request'}",
        _difference(caller.issuer, expected),
        reason=None if vouched else _ISSUER_OF_THE_REQUEST,
        issuer=shown(caller.issuer),
        words=_expected_words(context),
    )


_ISSUER_OF_THE_REQUEST = (
    "The token of {who} was issued by {issuer}, but Keycloak derives its address from the request, which names a different one"
)


def _expected_words(context: Context) -> dict[str, str]:
    """The issuer that Keycloak expects, and where it is published."""
    vouched, realm = vouched_issuer(context), context.caller.realm
    document = "/.well-known/openid-configuration"
    if vouched is not None:
        return {"expected": shown(vouched), "discovery_document": f"{shown(vouched)}{document}"}
    path = f"/realms/{shown(realm)}{document}" if realm else f"/realms/(the realm){document}"
    return {"expected": "a different issuer", "discovery_document": f"the discovery document of the realm ({path})"}


def vouched_issuer(context: Context) -> str | None:
    """The issuer that Keycloak expects, if more than the request names its address: the settings, or Keycloak's response to the proxy itself.

    None otherwise: Host (``upstream.preserve_host``) and X-Forwarded-Host are written by the caller, and no advice may repeat them.
    """
    request, facts = context.request, context.facts
    expected = facts.issuer or expected_issuer(context)
    if expected is None:
        return None
    by_settings = issuer_at(context, request.public_url) if request.public_url else None
    return expected if expected in {facts.own_issuer, by_settings} else None


def _fits_what_proxies_say(context: Context) -> bool:
    """Whether X-Forwarded-Host names the host of the issuer: a Keycloak that trusts it (proxy-headers) then has exactly this issuer."""
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


def fix_issuer(context: Context, _verdict: Verdict, _console_base: str | None) -> tuple[Fix, ...]:
    """Fetch the token from the address at which it is used. An address that only the request names is not repeated: a token would be fetched there."""
    vouched = vouched_issuer(context)
    source = f"{shown(vouched)}/protocol/openid-connect/token" if vouched else "the address at which the program calls the Admin REST API"
    return (Fix(summary=sentence(f"Fetch the token from {source}, or give Keycloak one fixed address with the option hostname")),)


ISSUER_MISMATCH = CauseSpec(
    cause=Cause.ISSUER_MISMATCH,
    meaning="A token names its issuer (`iss`): the address of the realm as Keycloak saw it when the token was fetched. Without a fixed hostname that is the address in the *token request*. "
    "If the admin call uses another address (`localhost` and `127.0.0.1`, http and https, inside and outside of the cluster), Keycloak treats the token as one of a different issuer.",
    reason="The token of {who} was issued by {issuer}, but Keycloak accepts only tokens of {expected} here",
    effect=REFUSED,
    check="Compare the iss of the token with issuer in {discovery_document}, character by character (scheme, host, port, path).",
    rules=(issuer_mismatch,),
    left_open=(left_open,),
    fixer=fix_issuer,
)


def audience_missing(context: Context) -> Finding | None:
    """Since 26.8.2 ``aud`` must name the Admin API, which the client scope kc-admin-api adds (documented, not measured)."""
    caller = context.caller
    wanted = context.version >= AUDIENCE_SINCE if context.require_audience is None else context.require_audience
    if not wanted or not is_readable(caller) or caller.client_id in BUILT_IN_ADMIN_CLIENTS:
        return None
    if any(audience.rstrip("/").endswith("/admin") or "/admin/" in audience for audience in caller.audiences):
        return None
    names = list_of([shown(audience, 80) for audience in caller.audiences[:4]])
    evidence = f"the aud of the token is {names}" if names else "the token has no aud"
    return found(Cause.AUDIENCE_MISSING, LIKELY, evidence, f"this is Keycloak {context.words['version']}")


AUDIENCE_MISSING = CauseSpec(
    cause=Cause.AUDIENCE_MISSING,
    meaning="According to the upgrade notes of 26.8.2 the Admin REST API accepts only tokens whose audience (`aud`) names it. The new built-in client scope `kc-admin-api` adds it. On upgrade only "
    "`admin-cli` and `security-admin-console` get that scope. Tokens of all other clients get 401 until they have it. (From the documentation; not measured.)",
    reason="The token of client {client} is missing the Admin REST API in its aud, which Keycloak requires since 26.8.2 and the client scope kc-admin-api adds",
    effect=REFUSED,
    check="Look at the aud of the token, and check that the client scope kc-admin-api is assigned to client {client}.",
    rules=(audience_missing,),
    remedies=(
        Remedy(
            summary="Add the client scope kc-admin-api to client {client} as a default scope, and fetch a new token",
            steps=(
                "Choose the realm {caller_realm}",
                "Clients, {client}, tab Client scopes, Add client scope",
                "Tick kc-admin-api, Add, Default",
                "Fetch a new token",
            ),
        ),
    ),
)


def proof_missing(context: Context) -> Finding | None:
    """A key-bound token without proof (RFC 9449). A mapper can also write cnf; typ DPoP in a token with a valid signature is proof of it."""
    caller = context.caller
    if not is_readable(caller) or not caller.bound_to_key or context.version < PROOF_SINCE:
        return None
    if context.request.headers.get("dpop") and (caller.scheme or "").lower() == "dpop":
        return None
    sent = "the request has no field DPoP" if not context.request.headers.get("dpop") else "the scheme is Bearer, not DPoP"
    of_its_kind = caller.token_kind == "DPoP"  # noqa: S105 - a kind of token, no secret
    settled = of_its_kind and context.facts.signature_valid and context.line_known
    evidence = ("the token has the claim cnf", "its typ is DPoP, and its signature is that of the realm" if settled else "", sent)
    return found(Cause.PROOF_MISSING, CERTAIN if settled else LIKELY, *evidence)


PROOF_MISSING = CauseSpec(
    cause=Cause.PROOF_MISSING,
    meaning="The token is bound to a key of the client (DPoP, RFC 9449, or a certificate, RFC 8705), and each request has to prove possession of that key. Since 26.4 the Admin REST API requires it.",
    reason="The token of {who} is bound to a key (cnf), and the request is missing the proof of possession",
    effect=REFUSED,
    check="Does the request have the field DPoP, and the scheme DPoP instead of Bearer? A mapper can also write the claim cnf.",
    rules=(proof_missing,),
    remedies=(
        Remedy(
            summary="Use the scheme DPoP with a proof for each request, or switch DPoP-bound tokens off for client {client} and fetch a new token"
        ),
    ),
)


def proof_mismatch(context: Context) -> Finding | None:
    """``htu`` of the proof names the address of the proxy instead of Keycloak's, or another path."""
    proof, base = context.request.headers.get("dpop"), context.request.public_url
    read = read_claims(proof) if proof and base and context.caller.bound_to_key else None
    address = read[1].get("htu") if read else None
    if not isinstance(address, str) or base is None:
        return None
    host, path = context.request.headers.get("host"), context.request.target.raw_path
    own, seen = base.rstrip("/") + path, f"{base.partition('://')[0]}://{host}{path}" if host else base.rstrip("/") + path
    if address.partition("?")[0] == seen:
        return None
    expected = shown(own) if own == seen else "the address in the Host field of the request"  # only the caller's word
    evidence = f"htu of the proof is {shown(address)}, Keycloak sees {expected}"
    return found(Cause.PROOF_MISMATCH, LIKELY, evidence, proof_url=shown(address), expected=expected)


PROOF_MISMATCH = CauseSpec(
    cause=Cause.PROOF_MISMATCH,
    meaning="A DPoP proof is made for one method and one address (`htu`). A proof for the address of the proxy does not match the address at which Keycloak is reached.",
    reason="The DPoP proof is for {proof_url}, but Keycloak is reached at {expected}, and a proof is valid for one address only",
    effect=REFUSED,
    check="Compare htu in the proof with the address at which Keycloak itself is reached.",
    rules=(proof_mismatch,),
    remedies=(Remedy(summary="Make the proof for the address of Keycloak; a proof cannot be made for a proxy with a different address"),),
)


def signature_invalid(context: Context) -> Finding | None:
    """An unsigned token, or one whose signature does not match the public key of the realm."""
    caller = context.caller
    if not is_readable(caller):
        return None
    if (caller.algorithm or "none").lower() == "none":
        return found(Cause.SIGNATURE_INVALID, CERTAIN, "the alg of the token is none", detail="it has no signature: alg none")
    if context.facts.signature_valid is False:
        evidence = "looked up: the signature of the token does not match the public key of the realm"
        return found(Cause.SIGNATURE_INVALID, CERTAIN, evidence, detail="its signature does not match the key of the realm")
    return None


def unsigned_token_broke_it(context: Context) -> Finding | None:
    """Before about 26.5 an unsigned token makes the Admin REST API fail (500) instead of refuse: measured on 24.0.5 and 26.4.7."""
    caller = context.caller
    if context.answer.status != 500 or not is_readable(caller) or (caller.algorithm or "none").lower() != "none":
        return None
    if context.answer.error != "unknown_error":
        return None
    evidence = "the alg of the token is none, and no request with such a token passes Keycloak's check of the signature"
    return found(Cause.SIGNATURE_INVALID, CERTAIN, evidence, detail="it has no signature: alg none, which makes this version fail")


SIGNATURE_INVALID = CauseSpec(
    cause=Cause.SIGNATURE_INVALID,
    meaning="The token says that it belongs to this realm, and its signature does not match: it was altered, made by another party, or never signed.",
    reason="The token of {who} is not signed by realm {caller_realm} ({detail})",
    effect=REFUSED,
    check="Verify the signature with the keys that the realm publishes under protocol/openid-connect/certs.",
    rules=(signature_invalid, unsigned_token_broke_it),
    remedies=(NEW_TOKEN,),
)


def signing_key_unknown(context: Context) -> Finding | None:
    """``kid`` is not among the keys that the realm publishes."""
    keys, kid = context.facts.key_ids, context.caller.key_id
    if not is_readable(context.caller) or keys is None or kid is None or kid in keys:
        return None
    if (context.caller.algorithm or "").startswith("HS"):
        return None  # the secret key of a realm is never published
    return found(Cause.SIGNING_KEY_UNKNOWN, CERTAIN, f"kid {shown(kid)} is not among the {len(keys)} published keys of the realm")


SIGNING_KEY_UNKNOWN = CauseSpec(
    cause=Cause.SIGNING_KEY_UNKNOWN,
    meaning="The token names a signing key that the realm does not publish. The key was rotated and removed, or the token is from another server with a realm of the same name.",
    reason="The token of {who} is signed with a key that realm {caller_realm} does not have: it is from another server, or the key was removed",
    effect=REFUSED,
    check="Compare kid in the header of the token with the keys under protocol/openid-connect/certs of realm {caller_realm}.",
    rules=(signing_key_unknown,),
    left_open=(left_open,),
    remedies=(NEW_TOKEN,),
)

SPECS = (ISSUER_MISMATCH, AUDIENCE_MISSING, PROOF_MISSING, PROOF_MISMATCH, SIGNATURE_INVALID, SIGNING_KEY_UNKNOWN)
