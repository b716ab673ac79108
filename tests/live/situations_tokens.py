"""Tokens: the reported 401s, each as a few steps on a real server."""

import asyncio
import time
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from devkit.explain.stage import claims_of, jwt_of
from devkit.lab import SECRET, Attempt, Client, Lab
from kcproxy.model import Cause
from tests.live.registry import MIDDLE, NEW, OLD, holding, let_inspector_look, situation, user_holding


@situation("C84", "the token's issuer has another host", Cause.ISSUER_MISMATCH, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    attempt.token = await lab.token(attempt.client, host="keycloak.ns.svc:8080")
    return attempt


@situation("C87", "the token has expired", Cause.TOKEN_EXPIRED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users", attributes={"access.token.lifespan": "1"})
    await asyncio.sleep(3)
    return attempt


@situation("C91", "the user has logged out", Cause.SESSION_ENDED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await user_holding(lab, "view-users", path="/users")
    found = await lab.admin("GET", f"/admin/realms/{lab.realm}/users?username={attempt.user}&exact=true")
    await lab.admin("POST", f"/admin/realms/{lab.realm}/users/{found[0]['id']}/logout")
    return attempt


@situation("J-id", "the ID token instead of the access token", Cause.TOKEN_KIND_WRONG, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    attempt.token = await lab.token(attempt.client, kind="id_token", scope="openid")
    return attempt


@situation("J-refresh", "the refresh token instead of the access token", Cause.TOKEN_KIND_WRONG, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await user_holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    attempt.token = await lab.token(attempt.client, user=attempt.user, kind="refresh_token")
    return attempt


@situation("J-missing", "no token at all", Cause.TOKEN_MISSING, status=401)
async def _(lab: Lab) -> Attempt:
    return Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users")


@situation("J-basic", "client id and secret instead of a token", Cause.SCHEME_WRONG, status=401)
async def _(lab: Lab) -> Attempt:
    return Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", headers={"Authorization": "Basic YXBwOnMzY3JldA=="})


@situation("J-cut", "a truncated token", Cause.TOKEN_MALFORMED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    attempt.token = (attempt.token or "")[:300]
    return attempt


@situation("J-none", "an unsigned token", Cause.SIGNATURE_INVALID, versions=(NEW,), status=401)
async def _(lab: Lab) -> Attempt:
    claims = claims_of(realm=lab.realm, base=lab.keycloak.base_url, exp=4_000_000_000)
    return Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=jwt_of(claims, alg="none"))


@situation("J-signature", "claims that were changed after signing", Cause.SIGNATURE_INVALID, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, path="/users")
    head, payload, signature = (attempt.token or "").split(".")
    forged = jwt_of(claims_of(realm=lab.realm, base=lab.keycloak.base_url, exp=4_000_000_000)).split(".")[1]
    attempt.token = f"{head}.{forged}.{signature}"
    assert payload != forged
    return attempt


@situation("J-kid", "the key that signed the token was removed", Cause.SIGNING_KEY_UNKNOWN, status=401)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    caller = await lab.make_client(realm)
    parent = (await lab.admin("GET", f"/admin/realms/{realm}"))["id"]
    provider = {"name": "passing", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider", "parentId": parent}
    await lab.admin("POST", f"/admin/realms/{realm}/components", {**provider, "config": {"priority": ["500"]}})
    token = await lab.token(caller)
    found = await lab.admin("GET", f"/admin/realms/{realm}/components?name=passing")
    await lab.admin("DELETE", f"/admin/realms/{realm}/components/{found[0]['id']}")
    return Attempt(method="GET", path=f"/admin/realms/{realm}/users", token=token, client=caller)


@situation("J-realm", "the token's realm is gone", Cause.REALM_UNKNOWN, status=401)
async def _(lab: Lab) -> Attempt:
    claims = claims_of(realm="no-such-realm", base=lab.keycloak.base_url, exp=4_000_000_000)
    return Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=jwt_of(claims))


@situation("J-client", "the client was disabled", Cause.CLIENT_DISABLED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await lab.change(attempt.client, enabled=False)
    return attempt


@situation("J-user", "the user was disabled", Cause.ACCOUNT_DISABLED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await user_holding(lab, "view-users", path="/users")
    base = f"/admin/realms/{lab.realm}/users"
    found = (await lab.admin("GET", f"{base}?username={attempt.user}&exact=true"))[0]
    await lab.admin("PUT", f"{base}/{found['id']}", {**found, "enabled": False})
    return attempt


@situation("J-deleted", "the user was deleted", Cause.ACCOUNT_DISABLED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await user_holding(lab, "view-users", path="/users")
    base = f"/admin/realms/{lab.realm}/users"
    found = (await lab.admin("GET", f"{base}?username={attempt.user}&exact=true"))[0]
    await lab.admin("DELETE", f"{base}/{found['id']}")
    return attempt


@situation("J-not-before", "all tokens of the realm were revoked", Cause.NOT_BEFORE, status=401)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    await let_inspector_look(lab, realm)
    caller = await lab.make_client(realm)
    token = await lab.token(caller)
    await asyncio.sleep(1.1)
    await lab.set_realm(realm, notBefore=int(time.time()))
    return Attempt(method="GET", path=f"/admin/realms/{realm}/users", token=token, client=caller)


@situation("J-signed-out", "an administrator logged out the service account", Cause.NOT_BEFORE, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await asyncio.sleep(1.1)
    await lab.admin("POST", f"/admin/realms/{lab.realm}/users/{attempt.client.account}/logout")
    return attempt


@situation("J-blank", "a blank in the realm's name", Cause.REALM_NAME_UNSUPPORTED, sure="likely", versions=(OLD,), status=401)
async def _(lab: Lab) -> Attempt:
    name = f"my {lab.realm}"
    await lab.make_realm(name)
    caller = await lab.make_client(name)
    token = await lab.token(caller)
    return Attempt(method="GET", path=f"/admin/realms/my%20{lab.realm}/users", token=token, client=caller)


@situation("C93", "a DPoP-bound token without a proof", Cause.PROOF_MISSING, versions=(NEW, MIDDLE), status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    attempt.token = await _bound_token(lab, attempt.client)
    return attempt


async def _bound_token(lab: Lab, client: Client) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    address = f"{lab.keycloak.base_url}/realms/{client.realm}/protocol/openid-connect/token"
    claims = {"jti": uuid4().hex, "htm": "POST", "htu": address, "iat": int(time.time())}
    proof = jwt.encode(claims, key, algorithm="ES256", headers={"typ": "dpop+jwt", "jwk": public})
    form = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": SECRET}
    async with lab.http.post(address, data=form, headers={"DPoP": proof}) as answer:
        granted = await answer.json()
    assert granted["token_type"] == "DPoP", granted
    return str(granted["access_token"])


@situation("X-light", "a lightweight token of an account without the role", Cause.ROLE_MISSING, versions=(NEW, MIDDLE), fixed=True)
async def _(lab: Lab) -> Attempt:
    flag = {"client.use.lightweight.access.token.enabled": "true"}
    return await holding(lab, path="/users", attributes=flag)
