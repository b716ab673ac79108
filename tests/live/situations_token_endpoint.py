"""More of the token endpoint: exchange, consent, client policies, signed assertions. What Keycloak says there, another grant would mean otherwise."""

import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from devkit.lab import SECRET, Attempt, Client, Lab
from kcproxy.model import Cause
from tests.live.registry import MIDDLE, NEW, situation
from tests.live.situations_elsewhere import asks

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_BY_JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGES = {"standard.token.exchange.enabled": "true"}


async def _exchanging(lab: Lab, **form: str) -> Attempt:
    """A client asks to exchange another one's token, which is not made out to it."""
    other, caller = await lab.make_client(), await lab.make_client(attributes=EXCHANGES)
    wanted = {"subject_token": await lab.token(other), "subject_token_type": _ACCESS_TOKEN, **form}
    return asks(lab.realm, client_id=caller.client_id, grant_type=_EXCHANGE, **wanted)


@situation("K-subject", "a token exchange with a token for another audience", Cause.TOKEN_REQUEST_INVALID, versions=(NEW, MIDDLE))
async def _(lab: Lab) -> Attempt:
    return await _exchanging(lab)


@situation(
    "K-audience", "a token for a client that does not exist", Cause.TOKEN_REQUEST_INVALID, sure="", status=400, versions=(NEW, MIDDLE)
)
async def _(lab: Lab) -> Attempt:
    return await _exchanging(lab, audience="nobody")


@situation(
    "K-none", "a token exchange of something that is not a token", Cause.TOKEN_REQUEST_INVALID, sure="", status=400, versions=(NEW, MIDDLE)
)
async def _(lab: Lab) -> Attempt:
    return await _exchanging(lab, subject_token="none")


@situation("K-consent", "a password login with a client that asks for consent", Cause.GRANT_NOT_ALLOWED, sure="", status=400)
async def _(lab: Lab) -> Attempt:
    client = await lab.make_client(consentRequired=True)
    name = f"user-{client.client_id}"
    await lab.make_user(name)
    return asks(lab.realm, client_id=client.client_id, grant_type="password", username=name, password=SECRET)


@situation("K-device", "the device grant, which the client does not have", Cause.GRANT_NOT_ALLOWED, sure="", status=400)
async def _(lab: Lab) -> Attempt:
    client = await lab.make_client()
    return asks(lab.realm, client_id=client.client_id, grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code="x")


@situation("K-user-off", "a password login of a disabled user", Cause.ACCOUNT_DISABLED, sure="", status=400)
async def _(lab: Lab) -> Attempt:
    client = await lab.make_client()
    name = f"user-{client.client_id}"
    await lab.make_user(name, enabled=False)
    return asks(lab.realm, client_id=client.client_id, grant_type="password", username=name, password=SECRET)


@situation("K-policy", "a client policy forbids password logins", Cause.GRANT_NOT_ALLOWED, sure="", status=400, versions=(NEW, MIDDLE))
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    client = await lab.make_client(realm)
    await lab.make_user("k-policy", realm)
    executor = {"executor": "reject-ropc-grant", "configuration": {"auto-configure": "false"}}
    condition = {"condition": "any-client", "configuration": {}}
    policies = f"/admin/realms/{realm}/client-policies"
    await lab.admin("PUT", f"{policies}/profiles", {"profiles": [{"name": "strict", "executors": [executor]}]})
    policy = {"name": "all", "enabled": True, "conditions": [condition], "profiles": ["strict"]}
    await lab.admin("PUT", f"{policies}/policies", {"policies": [policy]})
    return asks(realm, client_id=client.client_id, grant_type="password", username="k-policy", password=SECRET)


@situation("K-nobody", "a token request that names no client", Cause.TOKEN_REQUEST_INVALID, status=401)
async def _(lab: Lab) -> Attempt:
    return asks(lab.realm)


@situation("K-ticket", "an invalid permission ticket", Cause.TOKEN_REQUEST_INVALID)
async def _(lab: Lab) -> Attempt:
    client = await lab.make_client()
    return asks(lab.realm, client_id=client.client_id, grant_type="urn:ietf:params:oauth:grant-type:uma-ticket", ticket="none")


# signed assertions (RFC 7523)


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(key: rsa.RSAPrivateKey) -> str:
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    signed = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    return b64encode(signed.public_bytes(serialization.Encoding.DER)).decode()


def _asks_by_assertion(lab: Lab, client: Client, key: rsa.RSAPrivateKey, **claims: Any) -> Attempt:
    now, issuer = int(time.time()), f"{lab.keycloak.base_url}/realms/{lab.realm}"
    said = {"iss": client.client_id, "sub": client.client_id, "aud": issuer, "jti": uuid4().hex, "iat": now, "exp": now + 50, **claims}
    assertion = jwt.encode(said, key, algorithm="RS256")
    more = {"client_assertion_type": _BY_JWT, "client_assertion": assertion}
    return Attempt(
        method="POST",
        path=f"/realms/{lab.realm}/protocol/openid-connect/token",
        form={"grant_type": "client_credentials", "client_id": client.client_id, **more},
    )


async def _signing(lab: Lab) -> tuple[Client, rsa.RSAPrivateKey]:
    key = _key()
    attributes = {"jwt.credential.certificate": _certificate(key)}
    return await lab.make_client(clientAuthenticatorType="client-jwt", attributes=attributes), key


@situation("K-signed-address", "an assertion for another audience", Cause.CLIENT_CREDENTIALS_WRONG, sure="", status=400)
async def _(lab: Lab) -> Attempt:
    return _asks_by_assertion(lab, *await _signing(lab), aud="https://kcproxy.example/realms/demo")


@situation("K-signed-proxy", "an assertion for the address of the proxy", Cause.CLIENT_CREDENTIALS_WRONG, sure="", status=400)
async def _(lab: Lab) -> Attempt:
    attempt = _asks_by_assertion(lab, *await _signing(lab), aud=f"http://kcproxy.example/realms/{lab.realm}")
    attempt.headers["Host"] = "kcproxy.example"
    return attempt


@situation("K-account", "the user of the service account is disabled", Cause.ACCOUNT_DISABLED, status=401)
async def _(lab: Lab) -> Attempt:
    client = await lab.make_client()
    await lab.admin("PUT", f"/admin/realms/{lab.realm}/users/{client.account}", {"enabled": False})
    return Attempt(
        method="POST",
        path=f"/realms/{lab.realm}/protocol/openid-connect/token",
        form={"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": SECRET},
    )


@situation("K-signed-late", "an assertion that has expired", Cause.CLIENT_CREDENTIALS_WRONG, sure="", status=400)
async def _(lab: Lab) -> Attempt:
    now = int(time.time())
    return _asks_by_assertion(lab, *await _signing(lab), iat=now - 300, exp=now - 200)


@situation("K-signed-twice", "an assertion that was used before", Cause.CLIENT_CREDENTIALS_WRONG, sure="", status=400)
async def _(lab: Lab) -> Attempt:
    attempt = _asks_by_assertion(lab, *await _signing(lab))
    assert attempt.form is not None
    assert "access_token" in await lab.grant_token(lab.realm, attempt.form)
    return attempt


@situation("K-signed-key", "an assertion that another key has signed", Cause.CLIENT_CREDENTIALS_WRONG, sure="", status=400)
async def _(lab: Lab) -> Attempt:
    client, _ = await _signing(lab)
    return _asks_by_assertion(lab, client, _key())
