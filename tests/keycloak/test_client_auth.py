"""Each method of client authentication, verified as Keycloak verifies it."""

import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kcproxy.errors import TokenFetchError
from kcproxy.keycloak.client_auth import ASSERTION_TYPE, prove
from kcproxy.settings import AccountSettings, ClientAuthMethod, Secret

NOW = 1_700_000_000.0
ISSUER = "https://sso.example.com/realms/demo"


def account(auth: ClientAuthMethod, secret: str | None = "s3cret-that-is-long-enough-for-hs256", **more: Any) -> AccountSettings:
    return AccountSettings(
        realms=("demo",), token_realm="demo", client_id="robot:1", auth=auth, secret=Secret(secret) if secret is not None else None, **more
    )


def pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def assertion_of(given: AccountSettings) -> str:
    form = prove(given, audience=ISSUER, now_epoch_seconds=NOW).form
    assert form["client_assertion_type"] == ASSERTION_TYPE
    assert "client_secret" not in form
    return form["client_assertion"]


def test_client_secret_post_sends_id_and_secret_as_form_fields() -> None:
    proof = prove(account(ClientAuthMethod.CLIENT_SECRET_POST, "a&b=c"), audience="", now_epoch_seconds=NOW)
    assert (dict(proof.form), proof.authorization) == ({"client_id": "robot:1", "client_secret": "a&b=c"}, None)


def test_client_secret_basic_encodes_both_parts_before_joining_them() -> None:
    proof = prove(account(ClientAuthMethod.CLIENT_SECRET_BASIC, "p:w d%"), audience="", now_epoch_seconds=NOW)
    assert proof.form == {}
    assert proof.authorization is not None
    assert base64.b64decode(proof.authorization.removeprefix("Basic ")) == b"robot%3A1:p%3Aw+d%25"


def test_tls_client_auth_sends_the_id_only() -> None:
    assert prove(account(ClientAuthMethod.TLS_CLIENT_AUTH, None), audience="", now_epoch_seconds=NOW).form == {"client_id": "robot:1"}


def test_federated_jwt_sends_the_projected_token_as_it_is_and_no_client_id(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("head.payload.signature\n")
    given = AccountSettings(realms=("*",), token_realm="demo", client_id="x", auth=ClientAuthMethod.FEDERATED_JWT, secret=Secret(path=file))
    form = prove(given, audience="", now_epoch_seconds=NOW).form
    assert dict(form) == {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "head.payload.signature"}
    file.write_text("rotated.payload.signature\n")
    assert prove(given, audience="", now_epoch_seconds=NOW).form["client_assertion"] == "rotated.payload.signature"


@pytest.mark.parametrize("algorithm", [None, "HS256", "HS384", "HS512"])
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_client_secret_jwt_is_signed_with_the_secret(algorithm: str | None) -> None:
    given = account(ClientAuthMethod.CLIENT_SECRET_JWT, algorithm=algorithm)
    _check_claims(assertion_of(given), "s3cret-that-is-long-enough-for-hs256", algorithm or "HS256")


KEYS = [
    (rsa.generate_private_key(65537, 2048), None, "RS256"),
    (rsa.generate_private_key(65537, 2048), "PS256", "PS256"),
    (ec.generate_private_key(ec.SECP256R1()), None, "ES256"),
    (ec.generate_private_key(ec.SECP384R1()), None, "ES384"),
    (ec.generate_private_key(ec.SECP521R1()), None, "ES512"),
    (ed25519.Ed25519PrivateKey.generate(), None, "EdDSA"),
]


@pytest.mark.parametrize(("key", "algorithm", "expected"), KEYS, ids=[expected for _, _, expected in KEYS])
def test_private_key_jwt_is_signed_with_the_algorithm_of_the_key(key: Any, algorithm: str | None, expected: str) -> None:
    assertion = assertion_of(account(ClientAuthMethod.PRIVATE_KEY_JWT, pem(key), algorithm=algorithm, key_id="k1"))
    assert jwt.get_unverified_header(assertion) == {"alg": expected, "kid": "k1", "typ": "JWT"}
    _check_claims(assertion, key.public_key(), expected)


@pytest.mark.parametrize(("key", "_", "expected"), [KEYS[0], *KEYS[2:4], KEYS[5]], ids=["RS256", "ES256", "ES384", "EdDSA"])
def test_a_json_web_key_brings_its_id_and_its_algorithm_with_it(key: Any, _: str | None, expected: str) -> None:
    """One file, so that a rotation changes the key and its id in one moment."""
    assertion = assertion_of(account(ClientAuthMethod.PRIVATE_KEY_JWT, jwk(key, kid="2026-11", alg=expected)))
    assert jwt.get_unverified_header(assertion) == {"alg": expected, "kid": "2026-11", "typ": "JWT"}
    _check_claims(assertion, key.public_key(), expected)


def jwk(key: Any, **more: str) -> str:
    """The key as a private JSON Web Key."""
    kind = jwt.algorithms.get_default_algorithms()["RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        kind = jwt.algorithms.get_default_algorithms()["EdDSA"]
    return json.dumps({**json.loads(str(kind.to_jwk(key))), **more})


def _check_claims(assertion: str, key: Any, algorithm: str) -> None:
    claims = jwt.decode(assertion, key, algorithms=[algorithm], audience=ISSUER, options={"verify_exp": False, "verify_iat": False})
    assert claims["iss"] == claims["sub"] == "robot:1"
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 60)
    assert claims["jti"]


PUBLIC_JWK = str(jwt.algorithms.RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key()))


def test_no_assertion_is_like_another() -> None:
    given = account(ClientAuthMethod.CLIENT_SECRET_JWT)
    assert assertion_of(given) != assertion_of(given)


@pytest.mark.parametrize(
    ("auth", "secret", "more", "said"),
    [
        (ClientAuthMethod.CLIENT_SECRET_POST, None, {}, "has no secret"),
        (ClientAuthMethod.PRIVATE_KEY_JWT, "no key", {}, "not an unencrypted PEM private key"),
        (ClientAuthMethod.PRIVATE_KEY_JWT, "no key", {"algorithm": "RS256"}, "cannot sign with RS256"),
        (ClientAuthMethod.PRIVATE_KEY_JWT, pem(KEYS[2][0]), {"algorithm": "XX1"}, "cannot sign with XX1"),
        (ClientAuthMethod.PRIVATE_KEY_JWT, '{"kty": "nonsense"}', {}, "not a JSON Web Key"),
        (ClientAuthMethod.PRIVATE_KEY_JWT, '{"kty": ', {}, "not a JSON Web Key"),
        (ClientAuthMethod.PRIVATE_KEY_JWT, PUBLIC_JWK, {}, "cannot sign with RS256"),
    ],
)
def test_a_secret_that_cannot_prove_anything_is_a_clear_error(
    auth: ClientAuthMethod, secret: str | None, more: dict[str, str], said: str
) -> None:
    with pytest.raises(TokenFetchError, match=said) as caught:
        prove(account(auth, secret, **more), audience=ISSUER, now_epoch_seconds=NOW)
    assert secret is None or secret not in str(caught.value)
    assert "PRIVATE KEY-" not in str(caught.value)
