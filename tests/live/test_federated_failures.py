"""A pod's token that Keycloak does not accept: what it says for each mistake, and what kcproxy makes of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from devkit.certificates import Authority
from kcproxy.explain.token_failure import why_no_token
from tests.live.conftest import Keycloak
from tests.live.proving import SUBJECT, Cluster, Key, running_cluster
from tests.live.test_proxy_grants import ROBOT, Realm

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NOT_FOUND, NOT_ACCEPTED = "client_not_found", "invalid_client_credentials"
Sign = Callable[[Cluster, str], str]


@dataclass(slots=True, kw_only=True)
class Refusal:
    """What Keycloak answered, and the error of its login event."""

    status: int
    error: str
    description: str
    event: str
    sentence: str


@pytest.fixture
async def realm(keycloak: Keycloak) -> AsyncIterator[Realm]:
    async with aiohttp.ClientSession() as http:
        made = Realm(keycloak, http)
        await made.create()
        await made.admin("PUT", f"/admin/realms/{made.name}", {"eventsEnabled": True})
        yield made
        await made.delete()


async def trust(realm: Realm, issuer: str) -> None:
    """The client takes tokens of the issuer with the subject, as docs/deploy/client-authentication.md says."""
    base = f"/admin/realms/{realm.name}"
    provider = {"alias": "cluster", "providerId": "kubernetes", "enabled": True, "config": {"issuer": issuer}}
    await realm.admin("POST", f"{base}/identity-provider/instances", provider)
    (client,) = await realm.admin("GET", f"{base}/clients?clientId={ROBOT}")
    attributes = {"jwt.credential.issuer": "cluster", "jwt.credential.sub": SUBJECT}
    await realm.admin(
        "PUT", f"{base}/clients/{client['id']}", {**client, "clientAuthenticatorType": "federated-jwt", "attributes": attributes}
    )


async def refused(keycloak: Keycloak, realm: Realm, token: str) -> Refusal:
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE, "client_assertion": token}
    url = f"{keycloak.base_url}/realms/{realm.name}/protocol/openid-connect/token"
    async with aiohttp.ClientSession() as http, http.post(url, data=form) as answer:
        said: dict[str, Any] = await answer.json()
        assert answer.status in {400, 401}, said
    (event, *_) = await realm.admin("GET", f"/admin/realms/{realm.name}/events?type=CLIENT_LOGIN_ERROR")
    error, description = said["error"], said["error_description"]
    sentence = why_no_token(realm=realm.name, client_id=ROBOT, status=answer.status, error=error, description=description, assertion=token)
    return Refusal(status=answer.status, error=error, description=description, event=event["error"], sentence=sentence or "")


def right(cluster: Cluster, audience: str) -> str:
    return cluster.token(cluster.keys[0], audience=audience, lives_seconds=600)


MISTAKES: dict[str, tuple[Sign, str, str]] = {
    "the subject of another service account": (
        lambda cluster, audience: cluster.token(
            cluster.keys[0], audience=audience, lives_seconds=600, subject="system:serviceaccount:demo:default"
        ),
        NOT_FOUND,
        "subject system:serviceaccount:demo:default",
    ),
    "another audience": (
        lambda cluster, _: cluster.token(cluster.keys[0], audience="https://kubernetes.default.svc", lives_seconds=600),
        NOT_ACCEPTED,
        "is for https://kubernetes.default.svc, and Keycloak accepts it only for the issuer of realm",
    ),
    "a key that the issuer does not have": (
        lambda cluster, audience: cluster.token(Key("foreign"), audience=audience, lives_seconds=600),
        NOT_ACCEPTED,
        "signed with another key",
    ),
    "a token that has expired": (
        lambda cluster, audience: cluster.token(cluster.keys[0], audience=audience, lives_seconds=-60),
        NOT_ACCEPTED,
        "has expired or is not valid yet",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_wrong_token_is_explained_with_what_it_says_and_what_to_check(mistake: str, keycloak: Keycloak, realm: Realm) -> None:
    sign, event, says = MISTAKES[mistake]
    with running_cluster() as cluster:
        await trust(realm, cluster.url)
        token = sign(cluster, f"{keycloak.base_url}/realms/{realm.name}")
        refusal = await asyncio.wait_for(refused(keycloak, realm, token), 60)
    assert refusal.event == event, refusal
    assert says in refusal.sentence, refusal
    assert cluster.url in refusal.sentence
    assert "There is no enabled client" not in refusal.sentence
    assert token not in refusal.sentence


@pytest.mark.parametrize("mistake", ["issuer unknown to the realm", "keys refused with 403", "certificate not trusted", "issuer down"])
async def test_an_issuer_that_keycloak_cannot_use_is_among_the_checks(
    mistake: str, keycloak: Keycloak, realm: Realm, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        tls = Authority(tmp_path).sign("localhost") if mistake == "certificate not trusted" else None
        cluster = stack.enter_context(running_cluster(status=403 if mistake == "keys refused with 403" else 200, tls=tls))
        if mistake == "issuer down":
            cluster = Cluster("http://localhost:9")
        await trust(realm, "https://kubernetes.default.svc" if mistake == "issuer unknown to the realm" else cluster.url)
        refusal = await asyncio.wait_for(refused(keycloak, realm, right(cluster, f"{keycloak.base_url}/realms/{realm.name}")), 60)
    assert (refusal.status, refusal.description) == (401, "Invalid client or Invalid client credentials")
    assert refusal.event == (NOT_FOUND if mistake == "issuer unknown to the realm" else NOT_ACCEPTED)
    group = refusal.sentence.partition(f"If it is {NOT_ACCEPTED}")
    assert "system:service-account-issuer-discovery" in group[2]
    assert "truststore" in group[2]
    assert "no identity provider of realm" in group[0]
    assert cluster.url in refusal.sentence
