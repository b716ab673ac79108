"""Accounts that hold admin roles in every way that Keycloak has, for tests of ``kcproxy who-can``."""

from devkit.lab import SECRET, Client, Lab

USERS_OF_WHO_CAN = ("ann", "bob", "cem", "dia", "eve", "off")


async def make_holders(lab: Lab) -> tuple[Client, ...]:
    """Users and service accounts in the realm of the lab.

    ann: directly. bob: by the group staff. cem: by its subgroup. dia: by a composite realm role. eve: another role. off: disabled.
    direct, limited: service accounts; the client of limited does not let the role through.
    """
    base = f"/admin/realms/{lab.realm}"
    people = {name: await lab.make_user(name, enabled=name != "off") for name in USERS_OF_WHO_CAN}
    owner, view = await lab.role(lab.realm, "realm-management", "view-users")
    _, events = await lab.role(lab.realm, "realm-management", "view-events")
    for name, role in (("ann", view), ("off", view), ("eve", events)):
        await lab.admin("POST", f"{base}/users/{people[name]}/role-mappings/clients/{owner}", [role])
    await lab.admin("POST", f"{base}/groups", {"name": "staff"})
    (staff,) = await lab.admin("GET", f"{base}/groups?search=staff")
    await lab.admin("POST", f"{base}/groups/{staff['id']}/children", {"name": "night"})
    tree = await lab.admin("GET", f"{base}/groups?search=night")
    (night,) = tree[0].get("subGroups") or await lab.admin("GET", f"{base}/groups/{staff['id']}/children")
    await lab.admin("POST", f"{base}/groups/{staff['id']}/role-mappings/clients/{owner}", [view])
    for name, group in (("bob", staff), ("cem", night)):
        await lab.admin("PUT", f"{base}/users/{people[name]}/groups/{group['id']}", {})
    await lab.admin("POST", f"{base}/roles", {"name": "support"})
    support = await lab.admin("GET", f"{base}/roles/support")
    await lab.admin("POST", f"{base}/roles/support/composites", [view])
    await lab.admin("POST", f"{base}/users/{people['dia']}/role-mappings/realm", [support])
    made = [await lab.make_client(clientId=name, fullScopeAllowed=name != "limited") for name in ("Direct", "limited")]
    for client in made:
        await lab.grant(client, "view-users")
    return tuple(made)


def settings_text(lab: Lab, inspector: Client, secret_file: str) -> str:
    """A settings file with an inspector; its secret is ``SECRET``."""
    return (
        f'[upstream]\nurl = "{lab.keycloak.base_url}"\n[inspector]\nrealm = "*"\ntoken_realm = "{inspector.realm}"\n'
        f'client_id = "{inspector.client_id}"\nclient_secret_file = "{secret_file}"\n'
    )


__all__ = ["SECRET", "USERS_OF_WHO_CAN", "make_holders", "settings_text"]
