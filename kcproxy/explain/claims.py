"""The caller, read from its token. The signature is not verified: Keycloak has just done that, or has refused the token.

``read_caller`` gives a Caller for every input: sizes are limited, types are checked, nothing is raised, and a ``problem`` never contains
a part of a token.
"""

import json
import re
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from msgspec.structs import replace

from kcproxy.model import NOTHING, Caller, CallerKind

MAX_TOKEN_BYTES = 262144
MAX_NAME_CHARACTERS = 255  # Keycloak's own limit for client IDs and user names
_MAX_CACHED_CHARACTERS = 512
MAX_ROLES = 8192  # the token of an administrator of 150 realms has about 3000

_SERVICE_ACCOUNT_PREFIX = "service-account-"
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\Z")  # JWS compact serialization, RFC 7515 section 7.1
_CONTEXT = re.compile(r"(?P<session>on|of|tr)(?P<form>rt|lt)(?P<grant>[a-z]{2}):")
"""The beginning of a token ID in newer versions: kind of session, regular or lightweight token, grant (cc: client credentials)."""
BEARER_SCHEMES = frozenset({"bearer", "dpop"})
_ISSUER_REALM = re.compile(r"/realms/([^/?#]+)/?$")
_ONE_SPACE = "instead of exactly one space"
_COLON = f"the word Bearer is followed by a colon {_ONE_SPACE}"
_TAB = f"the word Bearer is followed by a tab {_ONE_SPACE}"
_TWO_SPACES = f"the word Bearer is followed by several spaces {_ONE_SPACE}"
_PLACEHOLDERS = frozenset({"null", "undefined", "none", "nil", "true", "false", "[object object]", "<token>", "token"})


def read_caller(authorization: str | None, *, injected: bool = False) -> Caller:
    """The caller, from the value of an ``Authorization`` field. ``injected``: the token is the proxy's own. Never raises."""
    if authorization is None or not authorization.strip():
        return Caller(kind=CallerKind.ANONYMOUS, injected=injected)
    text = authorization.strip()
    scheme = text.split(maxsplit=1)[0]
    token = text[len(scheme) :].lstrip()
    gap = text[len(scheme) : len(text) - len(token)]
    if scheme.lower() not in BEARER_SCHEMES:
        return _without_scheme(scheme, token, injected)
    if not token:
        return Caller(kind=CallerKind.ANONYMOUS, scheme=scheme, problem="the field has the word Bearer and no token", injected=injected)
    caller = _read(token, scheme, injected)
    return caller if gap == " " or caller.problem is not None else replace(caller, problem=_TAB if "\t" in gap else _TWO_SPACES)


def read_claims(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Header and claims of a JWT (RFC 7519), unverified; None if it is not one. Never raises.

    Not ``jwt.decode_complete``: it checks each character of a token in Python, which costs more than the whole explanation for the token
    of an administrator of 150 realms.
    """
    if len(token) > MAX_TOKEN_BYTES or not _COMPACT.match(token):
        return None
    first, second, _ = token.split(".")
    try:
        header, claims = _header(first) if len(first) <= _MAX_CACHED_CHARACTERS else _json(_decoded(first)), _json(_decoded(second))
    except (ValueError, RecursionError):
        return None
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


@lru_cache(64)
def _header(part: str) -> Any:
    """The header of all tokens that one key signs is the same text."""
    return _json(_decoded(part))


def _decoded(part: str) -> bytes:
    """A part of a token, whose padding is left out (RFC 7515, section 2)."""
    return a2b_base64(part.replace("-", "+").replace("_", "/") + "=" * (-len(part) % 4))


_read_json: Callable[[str], Any] = json.JSONDecoder().decode


def _json(part: bytes) -> Any:
    """A part of a token. A lone surrogate, which JSON can escape but UTF-8 cannot represent, becomes a question mark."""
    text = part.decode("utf-8")
    found = _read_json(text)
    if "\\u" not in text or "\\ud" not in text.lower():
        return found
    return json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))


def roles_of_client(claims: Mapping[str, Any], client: str) -> tuple[str, ...]:
    """The roles of one client in the claims of a token."""
    access = claims.get("resource_access")
    return _roles(access.get(client)) if isinstance(access, dict) else ()


def realm_roles_of(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The realm roles in the claims of a token."""
    return _roles(claims.get("realm_access"))


def audiences_of(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The audiences in the claims of a token: one text or a list (RFC 7519, section 4.1.3)."""
    return _names(claims.get("aud"))


def assertion_facts(assertion: str) -> dict[str, Any]:
    """Issuer, subject and audiences of a client assertion as fields of ``RequestFacts``, unverified; empty if it is not a JWT."""
    read = read_claims(assertion)
    if read is None:
        return {}
    issuer, subject = (value if isinstance(value := read[1].get(name), str) else None for name in ("iss", "sub"))
    return {"assertion_audiences": audiences_of(read[1]), "assertion_issuer": issuer, "assertion_subject": subject}


def _without_scheme(scheme: str, token: str, injected: bool) -> Caller:
    if scheme.lower().startswith("bearer:"):
        return Caller(kind=CallerKind.UNREADABLE, scheme="Bearer", problem=_COLON, injected=injected)
    if not token and scheme.count(".") == 2:
        problem = "the field has a token without the word Bearer before it"
        return Caller(kind=CallerKind.UNREADABLE, problem=problem, injected=injected)
    known = scheme if scheme.lower() in {"basic", "digest", "negotiate", "apikey", "token"} else None
    return Caller(
        kind=CallerKind.UNREADABLE, scheme=known or "other", problem="the field does not use the scheme Bearer", injected=injected
    )


def _read(token: str, scheme: str, injected: bool) -> Caller:
    read = read_claims(token)
    if read is None:
        problem = _problem(token)
        return Caller(kind=CallerKind.UNREADABLE, scheme=scheme, problem=problem, injected=injected, token_bytes=len(token))
    header, claims = read
    token_id = _name(claims.get("jti"))
    context = _CONTEXT.match(token_id) if token_id else None
    realm_roles = _roles(claims.get("realm_access"))
    client_roles = _client_roles(claims.get("resource_access"))
    username = _name(claims.get("preferred_username"))
    issuer = _name(claims.get("iss"), 2048)
    return Caller(
        kind=_kind(claims, username, context),
        client_id=_name(claims.get("azp")) or _name(claims.get("client_id")),
        username=username,
        subject=_name(claims.get("sub")),
        realm=_realm(issuer),
        issuer=issuer,
        realm_roles=realm_roles,
        client_roles=client_roles,
        audiences=audiences_of(claims),
        scopes=tuple((_name(claims.get("scope"), 4096) or "").split()),
        token_kind=_name(claims.get("typ")),
        token_id=token_id,
        algorithm=_name(header.get("alg")),
        key_id=_name(header.get("kid")),
        issued_at_epoch_seconds=_seconds(claims.get("iat")),
        expires_at_epoch_seconds=_seconds(claims.get("exp")),
        not_before_epoch_seconds=_seconds(claims.get("nbf")),
        session_id=_name(claims.get("sid")) or _name(claims.get("session_state")),
        has_roles_claims="realm_access" in claims or "resource_access" in claims,
        lightweight=context["form"] == "lt" if context else None,
        bound_to_key=_bound(claims.get("cnf")),
        allowed_origins=_names(claims.get("allowed-origins")),
        scheme=scheme,
        injected=injected,
        token_bytes=len(token),
    )


def _kind(claims: Mapping[str, Any], username: str | None, context: re.Match[str] | None) -> CallerKind:
    if username is not None:
        return CallerKind.SERVICE_ACCOUNT if username.startswith(_SERVICE_ACCOUNT_PREFIX) else CallerKind.USER
    if "clientHost" in claims or "clientAddress" in claims:
        return CallerKind.SERVICE_ACCOUNT
    if context is not None:
        return CallerKind.SERVICE_ACCOUNT if context["grant"] == "cc" else CallerKind.USER
    return CallerKind.UNKNOWN


def _problem(token: str) -> str:
    for looks_so, says in _PROBLEMS:
        if looks_so(token):
            return says
    return _shape_problem(token)


_PROBLEMS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda token: token.lower() in _PLACEHOLDERS, "it is a placeholder: the variable for the token was empty"),
    (lambda token: token.startswith(("$", "{{", "%")), "it is the name of a variable that was not replaced with its value"),
    (lambda token: token.lower().startswith("bearer"), "the word Bearer is repeated"),
    (lambda token: token.startswith("{"), "it is JSON: the response of the token endpoint, or part of it, instead of its access_token"),
    (lambda token: token[:1] in set("\"'<") or token[-1:] in set("\"'>"), "it is enclosed in quotes or brackets"),
    (lambda token: any(character.isspace() for character in token), "it contains white space"),
)


def _shape_problem(token: str) -> str:
    dots = token.count(".")
    if len(token) > MAX_TOKEN_BYTES:
        return f"it is {len(token)} characters long"
    if dots == 4:
        return "it has five parts: an encrypted token, which only its recipient can read"
    if dots != 2:
        return f"a JWT has three parts separated by dots, and this has {dots + 1}"
    return "it has the three parts of a JWT, but they do not decode: it is incomplete or altered"


def _realm(issuer: str | None) -> str | None:
    found = _ISSUER_REALM.search(issuer) if issuer else None
    return unquote(found[1]) if found else None


def _name(value: Any, limit: int = MAX_NAME_CHARACTERS) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= limit else None


def _names(value: Any) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(item for item in items[:MAX_ROLES] if isinstance(item, str) and len(item) <= 2048)


def _roles(value: Any) -> tuple[str, ...]:
    roles = value.get("roles") if isinstance(value, dict) else None
    if not isinstance(roles, list):
        return ()
    return tuple(sorted({item for item in roles[:MAX_ROLES] if isinstance(item, str) and 0 < len(item) <= MAX_NAME_CHARACTERS}))


def _client_roles(value: Any) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        return NOTHING
    found: dict[str, tuple[str, ...]] = {}
    room = MAX_ROLES
    for client, access in value.items():
        roles = _roles(access)
        room -= len(roles) + 1
        if room < 0:
            break
        if len(client) <= MAX_NAME_CHARACTERS:
            found[client] = roles
    return found


def _seconds(value: Any) -> int | None:
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value < 1e12 else None


def _bound(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("jkt"), str)
