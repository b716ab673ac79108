"""A realm's signing keys, and signing with them."""

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class RealmKeys:
    """One RSA key for access tokens and one secret for refresh tokens, created with the realm."""

    __slots__ = ("_private", "_refresh_secret", "key_id")

    def __init__(self) -> None:
        """New random keys."""
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._refresh_secret = secrets.token_bytes(64)
        self.key_id = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()

    def sign(self, claims: Mapping[str, Any]) -> str:
        """An access token: RS256."""
        return jwt.encode(dict(claims), self._private, algorithm="RS256", headers={"kid": self.key_id})

    def sign_refresh(self, claims: Mapping[str, Any]) -> str:
        """A refresh token: HS512, which only the server can verify."""
        return jwt.encode(dict(claims), self._refresh_secret, algorithm="HS512")

    def verified(self, token: str) -> dict[str, Any] | None:
        """The claims of an access token that this realm signed; None for others. The caller checks times."""
        return _decode(token, self._private.public_key(), "RS256")

    def verified_refresh(self, token: str) -> dict[str, Any] | None:
        """The claims of a refresh token that this realm signed; None for any other."""
        return _decode(token, self._refresh_secret, "HS512")

    def public_jwk(self) -> dict[str, Any]:
        """The public key as an entry of the realm's ``certs`` (RFC 7517)."""
        numbers = json.loads(RSAAlgorithm.to_jwk(self._private.public_key()))
        return {"kid": self.key_id, "kty": "RSA", "alg": "RS256", "use": "sig", "n": numbers["n"], "e": numbers["e"]}

    def public_der(self) -> str:
        """The public key as the realm's public page shows it: DER in base64."""
        der = self._private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()


def _decode(token: str, key: Any, algorithm: str) -> dict[str, Any] | None:
    checks = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
    try:
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=checks)  # type: ignore[arg-type]
    except jwt.InvalidTokenError:
        return None
    return claims
