"""What a real Keycloak issues, shown as Kcproxy-Key: access tokens open, everything else that it signs does not."""

from pathlib import Path

import jwt
import pytest

from devkit.lab import SECRET, Client, Lab, laboratory
from kcproxy.keycloak.issuer_keys import TokenUnacceptable
from kcproxy.keycloak.jwt_verifier import JwtVerifier
from tests.live.conftest import Keycloak

pytestmark = [pytest.mark.live, pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)]

AUDIENCE = "kcproxy"


async def shown(lab: Lab, token: str) -> str:
    """ "opens", or why not."""
    jwt_verifier = JwtVerifier((f"{lab.keycloak.base_url}/realms/{lab.realm}",), AUDIENCE)
    try:
        await jwt_verifier.verify(token)
    except TokenUnacceptable as error:
        return str(error)
    return "opens"


async def client_with_the_audience(lab: Lab, **attributes: str) -> Client:
    """A client that is called as the audience is, so that its ID tokens have it too, and whose access tokens get it by a mapper."""
    mapper = {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": AUDIENCE, "access.token.claim": "true", "id.token.claim": "true"},
    }
    return await lab.make_client(clientId=AUDIENCE, attributes=attributes, protocolMappers=[mapper])


async def test_what_keycloak_issues_opens_only_as_an_access_token(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        client = await client_with_the_audience(lab)
        await lab.make_user("john-doe")
        await lab.set_realm(lab.realm, ssoSessionMaxLifespan=36000)
        form = {
            "client_id": client.client_id,
            "client_secret": SECRET,
            "username": "john-doe",
            "password": SECRET,
            "grant_type": "password",
        }
        granted = await lab.grant_token(lab.realm, {**form, "scope": "openid offline_access"})
        online = await lab.grant_token(lab.realm, {**form, "scope": "openid"})
        service = await lab.token(client)
        kinds = {
            "access": granted["access_token"],
            "service account": service,
            "id": granted["id_token"],
            "offline": granted["refresh_token"],
            "refresh": online["refresh_token"],
        }
        found = {name: await shown(lab, token) for name, token in kinds.items()}
    claimed = {name: jwt.decode(token, options={"verify_signature": False})["typ"] for name, token in kinds.items()}
    assert claimed == {"access": "Bearer", "service account": "Bearer", "id": "ID", "offline": "Offline", "refresh": "Refresh"}
    assert AUDIENCE in str(jwt.decode(granted["id_token"], options={"verify_signature": False})["aud"])
    not_asymmetric = "its algorithm is not an asymmetric signature"
    assert found == {
        "access": "opens",
        "service account": "opens",
        "id": "it is an ID token; send an access token",
        "offline": not_asymmetric,  # signed for Keycloak itself (HS512)
        "refresh": not_asymmetric,
    }


async def test_an_access_token_whose_header_says_so_opens_too(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        client = await client_with_the_audience(lab, **{"access.token.header.type.rfc9068": "true"})
        token = await lab.token(client)
        assert await shown(lab, token) == "opens"
    assert jwt.get_unverified_header(token)["typ"].lower() == ("at+jwt" if keycloak.version.startswith("26") else "jwt")
