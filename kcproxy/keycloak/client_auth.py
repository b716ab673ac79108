"""How the proxy proves to Keycloak's token endpoint that it is the client (OpenID Connect Core 1.0, section 9; RFC 7523).

Each method turns an account into form fields and header fields of one token request. Secrets and keys are read each time.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from kcproxy.errors import TokenFetchError
from kcproxy.settings import AccountSettings, ClientAuthMethod, UpstreamSettings

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 60
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}

SIGNED = frozenset({ClientAuthMethod.CLIENT_SECRET_JWT, ClientAuthMethod.PRIVATE_KEY_JWT})
"""Methods whose assertion names its audience. That is the issuer, which has to be known first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The client authentication of one token request. Never printed: the fields hold secrets."""

    form: Mapping[str, str] = field(repr=False)
    authorization: str | None = field(default=None, repr=False)


def prove(account: AccountSettings, *, audience: str, now_epoch_seconds: float) -> Proof:
    """The client authentication of one token request. Raises TokenFetchError if the secret's file or key cannot be used."""
    return _METHODS[account.auth](account, audience, now_epoch_seconds)


def with_previous_secret(account: AccountSettings) -> AccountSettings | None:
    """The account with the other secret of a rotation; None if there is none at the moment: its file may be missing or empty."""
    previous = account.previous_secret
    try:
        usable = previous is not None and bool(previous.reveal())
    except (OSError, UnicodeDecodeError):
        return None
    return replace(account, secret=previous, previous_secret=None) if usable else None


def proof_files(account: AccountSettings, upstream: UpstreamSettings) -> tuple[Path, ...]:
    """The files whose content authenticates the client. Empty if its secret is a literal."""
    if account.auth is ClientAuthMethod.TLS_CLIENT_AUTH:
        return tuple(file for file in (upstream.client_certificate_file, upstream.client_key_file) if file is not None)
    return () if account.secret is None or account.secret.path is None else (account.secret.path,)


def _secret(account: AccountSettings) -> str:
    if account.secret is None:
        raise TokenFetchError(f"The account {account.client_id} has no secret for {account.auth.value}.", error="secret_missing")
    try:
        return account.secret.reveal()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenFetchError(
            f"The secret file {account.secret.path} of the account {account.client_id} cannot be read: {type(error).__name__}.",
            error="secret_unreadable",
        ) from error


def _post(account: AccountSettings, _: str, __: float) -> Proof:
    return Proof(form={"client_id": account.client_id, "client_secret": _secret(account)})


def _basic(account: AccountSettings, _: str, __: float) -> Proof:
    # RFC 6749, section 2.3.1: both parts are form-encoded before they are joined.
    pair = f"{quote_plus(account.client_id)}:{quote_plus(_secret(account))}"
    return Proof(form={}, authorization="Basic " + base64.b64encode(pair.encode()).decode())


def _tls(account: AccountSettings, _: str, __: float) -> Proof:
    return Proof(form={"client_id": account.client_id})


def _federated(account: AccountSettings, _: str, __: float) -> Proof:
    # The subject of the projected token names the client, so that no client_id is sent.
    return Proof(form=_assertion_fields(_secret(account).strip()))


def _secret_jwt(account: AccountSettings, audience: str, now: float) -> Proof:
    key = _secret(account)
    return Proof(form=_assertion_fields(_signed(account, key, account.algorithm or "HS256", audience, now)))


def _private_key_jwt(account: AccountSettings, audience: str, now: float) -> Proof:
    text = _secret(account)
    if text.lstrip().startswith("{"):
        return Proof(form=_assertion_fields(_signed_by_jwk(account, text, audience, now)))
    return Proof(form=_assertion_fields(_signed(account, text, account.algorithm or _algorithm_of(account, text), audience, now)))


def _signed_by_jwk(account: AccountSettings, text: str, audience: str, now: float) -> str:
    """Sign with a JSON Web Key (RFC 7517). One file holds key, id and algorithm, so that a rotation changes them together."""
    import jwt  # noqa: PLC0415 - jwt loads cryptography, 10 MB that most settings never need

    try:
        key = jwt.PyJWK.from_json(text)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise TokenFetchError(f"The key of the account {account.client_id} is not a JSON Web Key.", error="key_unusable") from error
    return _signed(account, key.key, account.algorithm or key.algorithm_name, audience, now, key_id=account.key_id or key.key_id)


def _assertion_fields(assertion: str) -> dict[str, str]:
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def _signed(account: AccountSettings, key: Any, algorithm: str, audience: str, now: float, *, key_id: str | None = None) -> str:
    import jwt  # noqa: PLC0415 - see above

    claims = {
        "iss": account.client_id,
        "sub": account.client_id,
        "aud": audience,
        "jti": secrets.token_hex(16),
        "iat": int(now),
        "exp": int(now) + ASSERTION_SECONDS,
    }
    named = key_id or account.key_id
    try:
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": named} if named else None)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        raise TokenFetchError(
            f"The key of the account {account.client_id} cannot sign with {algorithm}: {type(error).__name__}.", error="key_unusable"
        ) from error


def _algorithm_of(account: AccountSettings, pem: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise TokenFetchError(
            f"The key of the account {account.client_id} is not an unencrypted PEM private key.", error="key_unusable"
        ) from error
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVES.get(key.curve.name, "ES256")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    raise TokenFetchError(f"The key of the account {account.client_id} is of a type that cannot sign.", error="key_unusable")


_METHODS: Mapping[ClientAuthMethod, Callable[[AccountSettings, str, float], Proof]] = {
    ClientAuthMethod.CLIENT_SECRET_POST: _post,
    ClientAuthMethod.CLIENT_SECRET_BASIC: _basic,
    ClientAuthMethod.CLIENT_SECRET_JWT: _secret_jwt,
    ClientAuthMethod.PRIVATE_KEY_JWT: _private_key_jwt,
    ClientAuthMethod.TLS_CLIENT_AUTH: _tls,
    ClientAuthMethod.FEDERATED_JWT: _federated,
}
