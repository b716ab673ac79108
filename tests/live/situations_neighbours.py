"""Endpoints next to the Admin REST API: client registration, broker tokens, UMA, the account API, userinfo, and the console's own."""

from typing import Any
from uuid import uuid4

from devkit.lab import Attempt, Client, Lab
from kcproxy.model import Cause
from tests.live.registry import MIDDLE, NEW, holding, situation

_SCOPED = {"redirect_uris": ["http://localhost/cb"], "scope": "vault openid"}


async def _user(lab: Lab, caller: Client, *roles: str, owner: str) -> str:
    """A user with these roles only: without the default roles of the realm."""
    name = f"user-{uuid4().hex[:8]}"
    account = await lab.make_user(name)
    default = await lab.admin("GET", f"/admin/realms/{lab.realm}/roles/default-roles-{lab.realm}")
    await lab.admin("DELETE", f"/admin/realms/{lab.realm}/users/{account}/role-mappings/realm", [default])
    await lab.grant(caller, *roles, owner=owner, to=account)
    return name


def _registers(lab: Lab, sent: Any, token: str | None = None, *, provider: str = "openid-connect", **more: Any) -> Attempt:
    return Attempt(method="POST", path=f"/realms/{lab.realm}/clients-registrations/{provider}", token=token, json=sent, **more)


@situation("O-policy", "a registration with create-client and a scope that a policy does not list", Cause.REGISTRATION_POLICY)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "create-client", path="")
    return _registers(lab, _SCOPED, attempt.token)


@situation("O-policy-initial", "the same with an initial access token", Cause.REGISTRATION_POLICY)
async def _(lab: Lab) -> Attempt:
    wanted = {"count": 5, "expiration": 600}
    issued = await lab.admin("POST", f"/admin/realms/{lab.realm}/clients-initial-access", wanted)
    return _registers(lab, _SCOPED, issued["token"])


@situation("O-policy-anonymous", "a registration without a token from a host that is not trusted", Cause.REGISTRATION_POLICY)
async def _(lab: Lab) -> Attempt:
    return _registers(lab, {"redirect_uris": ["http://localhost/cb"]})


@situation("O-registration-role", "a registration with a token without create-client", Cause.OTHER_ENDPOINT, sure="likely", fixed=True)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, path="")
    sent = {"clientId": f"new-{uuid4().hex[:8]}"}
    return _registers(lab, sent, attempt.token, provider="default", client=attempt.client, renew=True)


@situation("O-broker", "a token of an identity provider, without read-token", Cause.OTHER_ENDPOINT)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client()
    name = await _user(lab, caller, "view-profile", owner="account")
    return Attempt(method="GET", path=f"/realms/{lab.realm}/broker/external/token", token=await lab.token(caller, user=name))


def _protects(lab: Lab, token: str, **more: Any) -> Attempt:
    return Attempt(method="GET", path=f"/realms/{lab.realm}/authz/protection/resource_set", token=token, **more)


@situation("O-uma-server", "the protection API with a client that is no resource server", Cause.OTHER_ENDPOINT)
async def _(lab: Lab) -> Attempt:
    return _protects(lab, await lab.token(await lab.make_client()))


@situation("O-uma-user", "the protection API with the token of a user", Cause.OTHER_ENDPOINT)
async def _(lab: Lab) -> Attempt:
    server = await lab.make_client(authorizationServicesEnabled=True)
    return _protects(lab, await lab.token(server, user=await _user(lab, server, "view-profile", owner="account")))


@situation("O-account-role", "a user who lacks view-applications", Cause.OTHER_ENDPOINT, sure="likely", fixed=True)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client()
    name = await _user(lab, caller, "view-profile", owner="account")
    token, path = await lab.token(caller, user=name), f"/realms/{lab.realm}/account/applications"
    return Attempt(method="GET", path=path, token=token, headers={"Accept": "application/json"}, client=caller, user=name, renew=True)


@situation("O-account-service", "the account API with a service account", Cause.OTHER_ENDPOINT, sure="likely", versions=(NEW,), status=401)
async def _(lab: Lab) -> Attempt:
    token = await lab.token(await lab.make_client())
    return Attempt(method="GET", path=f"/realms/{lab.realm}/account", token=token, headers={"Accept": "application/json"})


@situation("O-userinfo", "userinfo with a token without the scope openid", Cause.OTHER_ENDPOINT)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client()
    name = await _user(lab, caller, "view-profile", owner="account")
    path = f"/realms/{lab.realm}/protocol/openid-connect/userinfo"
    return Attempt(method="GET", path=path, token=await lab.token(caller, user=name))


@situation("O-whoami", "the console's own endpoint with another client", Cause.OTHER_ENDPOINT, versions=(NEW, MIDDLE))
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-realm", path="")
    attempt.path = f"/admin/{lab.realm}/console/whoami"
    return attempt
