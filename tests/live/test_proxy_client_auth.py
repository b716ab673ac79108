"""Each way to prove the client fetches a token from a real Keycloak, and goes on doing so when the secret or the key is another."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from devkit.servers import Events
from kcproxy.errors import TokenFetchError
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.settings import AccountSettings, ClientAuthMethod, Secret, UpstreamSettings
from kcproxy.upstream.pool import side_upstream
from tests.live.conftest import Keycloak
from tests.live.test_proxy_grants import Realm

pytestmark = [pytest.mark.live, pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)]

SECRET = "a-secret-with-&-and-%-that-is-long-enough"


@dataclass
class Bench:
    realm: Realm
    source: TokenSource
    file: Path

    async def client(self, authenticator: str, **attributes: str) -> str:
        """A client of its own; gives its internal id."""
        document: dict[str, Any] = {
            "clientId": f"robot {uuid4().hex[:6]}",
            "secret": SECRET,
            "serviceAccountsEnabled": True,
            "publicClient": False,
            "clientAuthenticatorType": authenticator,
            "attributes": attributes,
        }
        await self.realm.admin("POST", f"/admin/realms/{self.realm.name}/clients", document)
        self.name = document["clientId"]
        found = await self.realm.admin("GET", f"/admin/realms/{self.realm.name}/clients?clientId={self.name.replace(' ', '%20')}")
        return str(found[0]["id"])

    def account(self, auth: ClientAuthMethod, **more: Any) -> AccountSettings:
        return AccountSettings(
            realms=(self.realm.name,),
            token_realm=self.realm.name,
            client_id=self.name,
            auth=auth,
            secret=Secret(path=self.file),
            **more,
        )

    async def change(self, client: str, **fields: Any) -> None:
        path = f"/admin/realms/{self.realm.name}/clients/{client}"
        await self.realm.admin("PUT", path, {**await self.realm.admin("GET", path), **fields})


@pytest.fixture
async def bench(keycloak: Keycloak, tmp_path: Path) -> AsyncIterator[Bench]:
    async with _bench(keycloak, tmp_path) as running:
        yield running


@asynccontextmanager
async def _bench(keycloak: Keycloak, folder: Path) -> AsyncIterator[Bench]:
    host, _, port = keycloak.base_url.removeprefix("http://").partition(":")
    settings = UpstreamSettings(scheme="http", host=host, port=int(port))
    async with aiohttp.ClientSession() as http:
        realm, upstream = Realm(keycloak, http), side_upstream(settings)
        await realm.create()
        source = TokenSource(settings, upstream, Events())
        try:
            yield Bench(realm, source, folder / "secret")
        finally:
            await source.close()
            await upstream.close()
            await realm.delete()


def check(token: str, bench: Bench) -> None:
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["azp"] == bench.name
    assert claims["iss"].endswith(f"/realms/{bench.realm.name}")


@pytest.mark.parametrize(
    ("auth", "authenticator"),
    [
        (ClientAuthMethod.CLIENT_SECRET_POST, "client-secret"),
        (ClientAuthMethod.CLIENT_SECRET_BASIC, "client-secret"),
        (ClientAuthMethod.CLIENT_SECRET_JWT, "client-secret-jwt"),
    ],
)
async def test_a_secret_and_its_successor(bench: Bench, auth: ClientAuthMethod, authenticator: str) -> None:
    client = await bench.client(authenticator)
    bench.file.write_text(SECRET + "\n")
    account = bench.account(auth)
    token = await bench.source.token(account)
    check(token, bench)
    await bench.change(client, secret=SECRET + "-2")
    bench.file.write_text(SECRET + "-2\n")
    replaced = await bench.source.replace(account, token)
    assert replaced is not None
    check(replaced, bench)


@pytest.mark.parametrize("make", [lambda: rsa.generate_private_key(65537, 2048), lambda: ec.generate_private_key(ec.SECP256R1())])
async def test_a_private_key_and_its_successor(bench: Bench, make: Any) -> None:
    algorithm = "ES256" if isinstance(make(), ec.EllipticCurvePrivateKey) else "RS256"
    first, second = make(), make()
    client = await bench.client("client-jwt", **_key_attributes(first, algorithm))
    bench.file.write_text(_pem(first))
    account = bench.account(ClientAuthMethod.PRIVATE_KEY_JWT, key_id="k")
    token = await bench.source.token(account)
    check(token, bench)
    await bench.change(client, attributes=_key_attributes(second, algorithm))
    bench.file.write_text(_pem(second))
    replaced = await bench.source.replace(account, token)
    assert replaced is not None
    check(replaced, bench)


async def test_a_wrong_secret_is_told_in_keycloaks_own_words(bench: Bench) -> None:
    await bench.client("client-secret")
    bench.file.write_text("a-secret-of-another-client")
    with pytest.raises(TokenFetchError) as caught:
        await bench.source.token(bench.account(ClientAuthMethod.CLIENT_SECRET_POST))
    assert (caught.value.status, caught.value.error) == (401, "unauthorized_client")
    assert "a-secret-of-another-client" not in str(caught.value)
    await asyncio.sleep(1.1)
    bench.file.write_text(SECRET)
    check(await bench.source.token(bench.account(ClientAuthMethod.CLIENT_SECRET_POST)), bench)


def _pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def _key_attributes(key: Any, algorithm: str) -> dict[str, str]:
    kind = jwt.algorithms.ECAlgorithm if algorithm == "ES256" else jwt.algorithms.RSAAlgorithm
    public = {**json.loads(kind.to_jwk(key.public_key())), "kid": "k", "use": "sig", "alg": algorithm}
    assert key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {"use.jwks.string": "true", "jwks.string": json.dumps({"keys": [public]}), "token.endpoint.auth.signing.alg": algorithm}
