"""Ways through recorded events and organizations."""

from tools.measure.http import Unexpected
from tools.measure.powers.intruder import Intruder
from tools.measure.powers.way import Ease, Fruitless, Yields, way
from tools.measure.powers.ways_realm import PLANTED
from tools.measure.powers.ways_users import ADMIN_COMPOSITE, HAS_COMPOSITE, REALM_ADMIN


async def _events_recorded(who: Intruder) -> None:
    recording = {
        "eventsEnabled": True,
        "adminEventsEnabled": True,
        "adminEventsDetailsEnabled": True,
        "enabledEventTypes": ["LOGIN"],
        "eventsListeners": ["jboss-logging"],
    }
    await who.stand.realm.admin("PUT", "/events/config", recording)
    await who.fixtures("user", "powerful-client", "idp")
    changed = {"clientId": "powerful-{n}", "secret": PLANTED, "serviceAccountsEnabled": True}
    await who.scope.admin("PUT", "/clients/{powerful-client}", changed)
    await who.scope.admin("PUT", "/users/{user}/reset-password", {"type": "password", "value": PLANTED + "-of-user", "temporary": False})


@way(
    "secret-in-admin-events",
    Yields.READS_SECRETS,
    "read secrets of clients in the recorded admin events",
    ease=Ease.SPECIAL,
    needs="admin events are recorded with their representation",
    own_realm=True,
)
async def _secret_in_admin_events(who: Intruder) -> None:
    await _events_recorded(who)
    who.found(PLANTED, (await who.call("GET", "/admin-events", query="max=1000")).body)


@way(
    "provider-secret-in-admin-events",
    Yields.READS_SECRETS,
    "read secrets of identity providers in the recorded admin events",
    ease=Ease.SPECIAL,
    needs="admin events are recorded with their representation",
    own_realm=True,
)
async def _provider_secret_in_admin_events(who: Intruder) -> None:
    await _events_recorded(who)
    who.found("broker-secret", (await who.call("GET", "/admin-events", query="max=1000")).body)


@way("delete-audit-trail", Yields.DESTROYS, "delete the recorded events", own_realm=True)
async def _delete_audit_trail(who: Intruder) -> None:
    await _events_recorded(who)
    await who.call("DELETE", "/admin-events")
    left = (await who.stand.realm.admin("GET", "/admin-events", query="operationTypes=UPDATE")).body
    if left:
        raise Fruitless("they are still there")


@way("stop-recording", Yields.CHANGES, "stop the recording of events", own_realm=True)
async def _stop_recording(who: Intruder) -> None:
    await _events_recorded(who)
    await who.call("PUT", "/events/config", {"eventsEnabled": False, "adminEventsEnabled": False})
    if (await who.stand.realm.admin("GET", "/events/config")).body.get("adminEventsEnabled"):
        raise Fruitless("they are still recorded")


@way("read-events", Yields.READS, "read the recorded events", own_realm=True)
async def _read_events(who: Intruder) -> None:
    await _events_recorded(who)
    answer = await who.call("GET", "/admin-events")
    if not answer.body:
        raise Fruitless("no events are shown")


@way("delete-organization", Yields.DESTROYS, "delete organizations", since=(26,))
async def _delete_organization(who: Intruder) -> None:
    await who.call("DELETE", "/organizations/{organization}")
    await who.gone("/organizations/{organization}")


@way(
    "delete-managed-users",
    Yields.DESTROYS,
    "delete an organization's managed users with it",
    ease=Ease.SPECIAL,
    needs="an organization manages users",
    since=(26,),
    listens=True,
)
async def _delete_managed_users(who: Intruder) -> None:
    try:
        await who.fixtures("managed-member")
    except Unexpected as error:
        raise Fruitless(f"no managed member could be made: {error}"[:100]) from None
    await who.call("DELETE", "/organizations/{organization}")
    await who.gone("/users/{managed-member}")


@way(
    "organization-group-with-realm-admin",
    Yields.BECOMES_ADMIN,
    "map realm-admin to a group of an organization that they are a member of",
    ease=Ease.SPECIAL,
    needs="the holder is a member of an organization",
    since=(26, 7),
)
async def _organization_group(who: Intruder) -> None:
    await who.fixtures("organization.group+member")
    await who.call("POST", "/organizations/{organization}/groups/{organization.group}/role-mappings/clients/{management}", REALM_ADMIN)
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way(
    "organization-group-with-composite",
    Yields.BECOMES_ADMIN,
    "map a role that contains an administrator's role to a group of an organization that they are a member of",
    ease=Ease.SPECIAL,
    needs=f"the holder is a member of an organization, and {HAS_COMPOSITE}",
    since=(26, 7),
)
async def _organization_group_composite(who: Intruder) -> None:
    await who.fixtures("organization.group+member")
    await who.call("POST", "/organizations/{organization}/groups/{organization.group}/role-mappings/realm", ADMIN_COMPOSITE)
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way(
    "join-organization-group",
    Yields.BECOMES_ADMIN,
    "join a group of an organization that holds an administrator's role",
    ease=Ease.SPECIAL,
    needs="a group of an organization holds an administrator's role",
    since=(26, 7),
)
async def _join_organization_group(who: Intruder) -> None:
    await who.fixtures("member", "organization.group")
    path = "/organizations/{organization}/groups/{organization.group}/role-mappings/realm"
    await who.scope.admin("POST", path, ADMIN_COMPOSITE)
    await who.call("PUT", "/organizations/{organization}/groups/{organization.group}/members/{member}", {})
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way("create-organization", Yields.CHANGES, "create organizations", since=(26,))
async def _create_organization(who: Intruder) -> None:
    await who.call("POST", "/organizations", {"name": "made-{n}", "domains": [{"name": "made-{n}.example", "verified": False}]})


@way("read-organizations", Yields.READS, "read organizations", since=(26,))
async def _read_organizations(who: Intruder) -> None:
    who.found(f"org-{who.suffix}", (await who.call("GET", "/organizations/{organization}")).body)
