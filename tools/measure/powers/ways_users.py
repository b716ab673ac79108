"""Ways through users, groups and roles."""

from tools.measure.fixtures import user_body
from tools.measure.powers.intruder import NEW_PASSWORD, Intruder
from tools.measure.powers.way import Ease, Fruitless, Yields, way
from tools.measure.stage import PASSWORD

REALM_ADMIN = [{"id": "{management.realm-admin}", "name": "realm-admin", "clientRole": True, "containerId": "{management}"}]
ADMIN_COMPOSITE = [{"id": "{admin-composite}", "name": "{admin-composite.name}"}]
NEW = {"type": "password", "value": NEW_PASSWORD, "temporary": False}
HAS_ADMINISTRATOR = "an administrator has an account in the realm"
HAS_GROUP = "a group holds an administrator's role"
HAS_COMPOSITE = "a realm role contains an administrator's role"


@way(
    "reset-administrators-password",
    Yields.BECOMES_ADMIN,
    "set a new password for an administrator and log in as them",
    ease=Ease.USUAL,
    needs=HAS_ADMINISTRATOR,
)
async def _reset_administrators_password(who: Intruder) -> None:
    await who.call("PUT", "/users/{administrator}/reset-password", NEW)
    await who.becomes_admin(await who.log_in(f"administrator-{who.suffix}", NEW_PASSWORD))


@way(
    "change-administrators-email",
    Yields.BECOMES_ADMIN,
    "change an administrator's e-mail address to one of their own and ask for a new password",
    ease=Ease.USUAL,
    needs=f"{HAS_ADMINISTRATOR}, and forgotten passwords are reset by e-mail",
    listens=True,
)
async def _change_administrators_email(who: Intruder) -> None:
    changed = user_body("administrator-{n}") | {"email": "mine-{n}@localhost", "credentials": []}
    await who.call("PUT", "/users/{administrator}", changed)
    await who.becomes_admin(await forgotten_password(who, f"administrator-{who.suffix}"))


async def forgotten_password(who: Intruder, name: str) -> str:
    """The token of a user whose forgotten password is set again through the mailbox."""
    who.sinks.mailbox.clear()
    who.calls.append("ask for a new password, follow the link in the mailbox, set it")
    async with who.browser() as browser:
        page = await browser.start()
        # A realm with organizations asks for the name first.
        link = page.link("reset-credentials") or (await browser.submit(page, {"username": name})).link("reset-credentials")
        if link is None:
            raise Fruitless("the login page offers no new password")
        await browser.submit(await browser.open(link), {"username": name})
        mailed = await who.sinks.mailbox.link("action-token")
        if not mailed:
            raise Fruitless("no message arrived")
        page = await browser.submit(await browser.open(mailed), {"password-new": NEW_PASSWORD, "password-confirm": NEW_PASSWORD})
        return await browser.finished(page) or await who.log_in(name, NEW_PASSWORD)


@way(
    "link-administrators-identity",
    Yields.BECOMES_ADMIN,
    "link their own account at an identity provider with an administrator's, and log in through it",
    ease=Ease.SPECIAL,
    needs=f"{HAS_ADMINISTRATOR}, and an identity provider is configured at which the holder has an account",
    listens=True,
)
async def _link_identity(who: Intruder) -> None:
    await who.fixtures("outside-idp")
    link = {"identityProvider": "{outside-idp.alias}", "userId": "mine-{n}", "userName": "mine-{n}"}
    await who.call("POST", "/users/{administrator}/federated-identity/{outside-idp.alias}", link)
    await who.becomes_admin(await through_provider(who, f"outside-{who.suffix}", f"mine-{who.suffix}"))


async def through_provider(who: Intruder, alias: str, subject: str) -> str:
    """The token of a login through an identity provider that says it is this subject."""
    who.calls.append("log in through the identity provider")
    person = {
        "given_name": "Ada",
        "family_name": "Example",
        "preferred_username": subject,
        "email": f"{subject}@localhost",
        "email_verified": True,
    }
    who.sinks.provider.claims = {"sub": subject, "name": "Ada Example", **person}
    async with who.browser() as browser:
        return await who.log_in_by(await browser.start(provider=alias), browser)


@way("map-realm-admin", Yields.BECOMES_ADMIN, "map realm-admin to a user")
async def _map_realm_admin(who: Intruder) -> None:
    await who.call("POST", "/users/{user}/role-mappings/clients/{management}", REALM_ADMIN)
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way(
    "map-composite",
    Yields.BECOMES_ADMIN,
    "map a realm role that contains an administrator's role to a user",
    ease=Ease.SPECIAL,
    needs=HAS_COMPOSITE,
)
async def _map_composite(who: Intruder) -> None:
    await who.call("POST", "/users/{user}/role-mappings/realm", ADMIN_COMPOSITE)
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way(
    "map-composite-to-group",
    Yields.BECOMES_ADMIN,
    "map a realm role that contains an administrator's role to a group",
    ease=Ease.SPECIAL,
    needs=HAS_COMPOSITE,
)
async def _map_composite_to_group(who: Intruder) -> None:
    await who.fixtures("user+group")
    await who.call("POST", "/groups/{group}/role-mappings/realm", ADMIN_COMPOSITE)
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way("map-realm-admin-to-group", Yields.BECOMES_ADMIN, "map realm-admin to a group")
async def _map_realm_admin_to_group(who: Intruder) -> None:
    await who.fixtures("user+group")
    await who.call("POST", "/groups/{group}/role-mappings/clients/{management}", REALM_ADMIN)
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way(
    "join-administrators-group",
    Yields.BECOMES_ADMIN,
    "join a user to a group that holds an administrator's role",
    ease=Ease.SPECIAL,
    needs=HAS_GROUP,
)
async def _join_group(who: Intruder) -> None:
    await who.call("PUT", "/users/{user}/groups/{administrators}", {})
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way(
    "move-group-below-administrators",
    Yields.BECOMES_ADMIN,
    "move a group below one that holds an administrator's role",
    ease=Ease.SPECIAL,
    needs=HAS_GROUP,
)
async def _move_group(who: Intruder) -> None:
    await who.fixtures("user+group")
    await who.call("POST", "/groups/{administrators}/children", {"id": "{group}", "name": "group-{n}"})
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way(
    "create-user-in-administrators-group",
    Yields.BECOMES_ADMIN,
    "create a user in a group that holds an administrator's role",
    ease=Ease.SPECIAL,
    needs=HAS_GROUP,
)
async def _create_user_in_group(who: Intruder) -> None:
    await who.fixtures("administrators")
    await who.call("POST", "/users", user_body("made-{n}") | {"groups": ["/administrators-{n}"]})
    await who.becomes_admin(await who.log_in(f"made-{who.suffix}"))


@way("create-user-with-roles", Yields.BECOMES_ADMIN, "create a user with realm-admin in the body")
async def _create_user_with_roles(who: Intruder) -> None:
    await who.call("POST", "/users", user_body("made-{n}") | {"clientRoles": {"realm-management": ["realm-admin"]}})
    await who.becomes_admin(await who.log_in(f"made-{who.suffix}"))


@way(
    "extend-role",
    Yields.BECOMES_ADMIN,
    "make realm-admin a part of a realm role that they hold",
    ease=Ease.SPECIAL,
    needs="the holder has a realm role of the realm's own",
)
async def _extend_role(who: Intruder) -> None:
    await who.fixtures("user+roles")
    await who.call("POST", "/roles-by-id/{role}/composites", REALM_ADMIN)
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way(
    "extend-client-role",
    Yields.BECOMES_ADMIN,
    "make realm-admin a part of a client's role that they hold",
    ease=Ease.SPECIAL,
    needs="the holder has a role of an ordinary client",
)
async def _extend_client_role(who: Intruder) -> None:
    await who.fixtures("user+roles")
    await who.call("POST", "/clients/{client}/roles/{client-role.name}/composites", REALM_ADMIN)
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way(
    "reset-service-accounts-password",
    Yields.BECOMES_ADMIN,
    "set a password for a service account with an administrator's role and log in as it",
    ease=Ease.SPECIAL,
    needs="a service account holds an administrator's role",
)
async def _reset_service_accounts_password(who: Intruder) -> None:
    await who.call("PUT", "/users/{powerful-client.user}/reset-password", NEW)
    await who.becomes_admin(await who.log_in(f"service-account-powerful-{who.suffix}", NEW_PASSWORD))


@way("impersonate-administrator", Yields.BECOMES_ADMIN, "impersonate an administrator", ease=Ease.USUAL, needs=HAS_ADMINISTRATOR)
async def _impersonate_administrator(who: Intruder) -> None:
    await who.becomes_admin(await impersonated(who, "{administrator}"))


@way("impersonate-user", Yields.ACTS_AS_OTHER, "impersonate a user who is no administrator")
async def _impersonate_user(who: Intruder) -> None:
    await who.acts_as(await impersonated(who, "{user}"), await who.scope.get("user"))


async def impersonated(who: Intruder, user: str) -> str:
    """The token of a login with the session that an impersonation gives."""
    answer = await who.call("POST", f"/users/{user}/impersonation", {})
    async with who.browser() as browser:
        browser.take_cookies(answer.cookies)
        who.calls.append("log in with the session of the impersonation")
        return await who.log_in_by(await browser.start(), browser)


@way("reset-users-password", Yields.ACTS_AS_OTHER, "set a new password for a user and log in as them")
async def _reset_users_password(who: Intruder) -> None:
    await who.call("PUT", "/users/{user}/reset-password", NEW)
    await who.acts_as(await who.log_in(f"user-{who.suffix}", NEW_PASSWORD), await who.scope.get("user"))


@way("delete-user", Yields.DESTROYS, "delete users")
async def _delete_user(who: Intruder) -> None:
    await who.call("DELETE", "/users/{user}")
    await who.gone("/users/{user}")


@way("delete-group", Yields.DESTROYS, "delete groups")
async def _delete_group(who: Intruder) -> None:
    await who.call("DELETE", "/groups/{group}")
    await who.gone("/groups/{group}")


@way("delete-role", Yields.DESTROYS, "delete realm roles")
async def _delete_role(who: Intruder) -> None:
    await who.call("DELETE", "/roles-by-id/{role}")
    await who.gone("/roles-by-id/{role}")


@way("create-user", Yields.CHANGES, "create users")
async def _create_user(who: Intruder) -> None:
    await who.call("POST", "/users", user_body("made-{n}"))
    await who.log_in(f"made-{who.suffix}", PASSWORD)


@way("create-group", Yields.CHANGES, "create groups")
async def _create_group(who: Intruder) -> None:
    await who.call("POST", "/groups", {"name": "made-{n}"})


@way("read-users", Yields.READS, "read users")
async def _read_users(who: Intruder) -> None:
    who.found(f"user-{who.suffix}@localhost", (await who.call("GET", "/users/{user}")).body)


@way("count-users", Yields.READS, "count users")
async def _count_users(who: Intruder) -> None:
    await who.call("GET", "/users/count")


@way("read-groups", Yields.READS, "read the names of groups")
async def _read_groups(who: Intruder) -> None:
    await who.fixtures("group")
    who.found(f"group-{who.suffix}", (await who.call("GET", "/groups", query="search=group-{n}")).body)
