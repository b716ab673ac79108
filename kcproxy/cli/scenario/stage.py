"""Creates and deletes the realm of the scenario: the confidential client with its service account, the user john-doe."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from kcproxy.cli.scenario.admin import Admin
from kcproxy.cli.scenario.steps import Audience, Check, ScenarioError, Step
from kcproxy.settings import Secret

REALM = "403-forbidden-fix"
CLIENT_ID = "403-forbidden-fix-client"
USERNAME = "john-doe"
EMAIL = "john-doe@example.com"
SERVICE_ACCOUNT = f"service-account-{CLIENT_ID}"
_REALM_PATH = f"/admin/realms/{REALM}"
_MARK = {"kcproxy.demo": "made by kcproxy demo"}


class Stage(Struct, frozen=True, kw_only=True):
    """Values that the attempts need."""

    user_id: str
    client_secret: Secret


@asynccontextmanager
async def stage(admin: Admin, audience: Audience, *, replace: bool, keep: bool) -> AsyncIterator[Stage]:
    """Create the realm, and delete it at the end. Raise ScenarioError if there is a realm of that name that the demo may not touch."""
    await _make_room(admin, replace=replace)
    try:
        await _make_realm(admin, audience)
        secret = await _make_client(admin, audience)
        yield Stage(user_id=await _make_user(admin, audience), client_secret=secret)
    finally:
        if not keep:
            await _clear(admin, audience)


async def _make_room(admin: Admin, *, replace: bool) -> None:
    found = await admin.call("GET", _REALM_PATH)
    if found.status == 404:
        return
    if found.status != 200 or not _is_ours(found.json.get("attributes")):
        raise ScenarioError(f"{admin.server.url} has a realm {REALM} that this demo did not create. Use another server.")
    if not replace:
        raise ScenarioError(f"{admin.server.url} has a realm {REALM} from an earlier demo. Use --replace to delete it and start again.")
    await admin.write("DELETE", _REALM_PATH)


def _is_ours(attributes: object) -> bool:
    return isinstance(attributes, dict) and _MARK.items() <= attributes.items()


async def _make_realm(admin: Admin, audience: Audience) -> None:
    title = f"A realm {REALM}"
    audience.begun(title)
    made = await admin.call("POST", "/admin/realms", {"realm": REALM, "enabled": True, "attributes": _MARK})
    audience.ended(Step(title=title, exchanges=[made], checks=[Check(ok=made.status == 201, says="the realm exists")]))
    if made.status != 201:
        raise ScenarioError(f"the realm cannot be created: {made.status} {made.body}")


async def _make_client(admin: Admin, audience: Audience) -> Secret:
    title = f"A client {CLIENT_ID}: confidential, authorization off, standard flow, direct access and service account on"
    audience.begun(title)
    wanted = {
        "clientId": CLIENT_ID,
        "enabled": True,
        "protocol": "openid-connect",
        "publicClient": False,
        "authorizationServicesEnabled": False,
        "standardFlowEnabled": True,
        "directAccessGrantsEnabled": True,
        "serviceAccountsEnabled": True,
    }
    made = await admin.call("POST", f"{_REALM_PATH}/clients", wanted)
    (client,) = await admin.read(f"{_REALM_PATH}/clients?clientId={CLIENT_ID}")
    secret = await admin.read(f"{_REALM_PATH}/clients/{client['id']}/client-secret")
    account = await admin.read(f"{_REALM_PATH}/clients/{client['id']}/service-account-user")
    as_wanted = all(client.get(name, False) == value for name, value in wanted.items())
    checks = [
        Check(ok=made.status == 201 and as_wanted, says="the client has the required settings"),
        Check(ok=account["username"] == SERVICE_ACCOUNT, says=f"its service account is {account['username']}"),
    ]
    audience.ended(Step(title=title, exchanges=[made], checks=checks))
    return Secret(str(secret["value"]))


async def _make_user(admin: Admin, audience: Audience) -> str:
    title = f"A user {USERNAME}, {EMAIL}"
    audience.begun(title)
    made = await admin.call("POST", f"{_REALM_PATH}/users", {"username": USERNAME, "email": EMAIL, "enabled": True})
    user_id = (made.header("Location") or "").rpartition("/")[2]
    checks = [Check(ok=made.status == 201 and bool(user_id), says=f"the user's id is {user_id}")]
    audience.ended(Step(title=title, exchanges=[made], checks=checks))
    return user_id


async def _clear(admin: Admin, audience: Audience) -> None:
    title = "Clean up"
    audience.begun(title)
    gone = await admin.call("DELETE", _REALM_PATH)
    ok = gone.status in {204, 404}
    audience.ended(Step(title=title, exchanges=[gone], checks=[Check(ok=ok, says=f"the realm {REALM} is deleted")]))
