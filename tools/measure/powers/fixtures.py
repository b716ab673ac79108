"""Fixtures for ways to power: objects of others in the realm that an intruder can use."""

from tools.measure.fixtures_clients import client_body
from tools.measure.powers.browser import Browser
from tools.measure.powers.sinks import Provider
from tools.measure.powers.ways_realm import planted_ldap
from tools.measure.stage import Scope, fixture

PROVIDER_PORT = "own-provider-port"
"""The fact of a scope that names the port of the provider outside."""
OUTSIDE: dict[str, Provider] = {}
"""The providers that listen, by port."""


def _outside(scope: Scope) -> Provider:
    return OUTSIDE[scope.facts[PROVIDER_PORT]]


@fixture("outside-idp")
async def _outside_idp(scope: Scope) -> str:
    """An identity provider at which everyone can have an account."""
    alias = scope.facts["outside-idp.alias"] = f"outside-{scope.suffix}"
    body = {"alias": alias, "providerId": "oidc", "enabled": True, "trustEmail": True, "config": _outside(scope).config()}
    return (await scope.admin("POST", "/identity-provider/instances", body)).location.rsplit("/", 1)[1]


@fixture("full-client")
async def _full_client(scope: Scope) -> str:
    """A client with full scope whose secret its owner knows."""
    return await scope.make("/clients", client_body("full-{n}") | {"fullScopeAllowed": True})


@fixture("administrator+identity")
async def _administrator_identity(scope: Scope) -> str:
    """An administrator who logs in through the identity provider."""
    await scope.get("idp")
    link = {"identityProvider": "{idp.alias}", "userId": "remote-{n}", "userName": "remote-{n}"}
    await scope.admin("POST", "/users/{administrator}/federated-identity/{idp.alias}", link)
    return await scope.get("administrator")


@fixture("saml-client+key")
async def _saml_client_key(scope: Scope) -> str:
    """A client with a signing key of its own; the fact `saml-client.key` is the private key as far as Keycloak keeps it."""
    await scope.admin("POST", "/clients/{saml-client}/certificates/saml.signing/generate", {})
    attributes = (await scope.admin("GET", "/clients/{saml-client}")).body.get("attributes", {})
    scope.facts["saml-client.key"] = str(attributes.get("saml.signing.private.key", ""))
    return await scope.get("saml-client")


@fixture("planted-ldap")
async def _planted_ldap(scope: Scope) -> str:
    return await scope.make("/components", planted_ldap("ldap-{n}"))


@fixture("managed-member")
async def _managed_member(scope: Scope) -> str:
    """A user whom an organization manages: they came through its identity provider."""
    provider, alias = _outside(scope), f"managed-{scope.suffix}"
    config = provider.config() | {"kc.org.domain": f"{scope.suffix}.example"}
    body = {"alias": alias, "providerId": "oidc", "enabled": True, "trustEmail": True, "config": config}
    await scope.admin("POST", "/identity-provider/instances", body)
    await scope.get("organization")
    await scope.admin("POST", "/organizations/{organization}/identity-providers", alias)
    person = {"given_name": "Ada", "family_name": "Example", "preferred_username": alias}
    provider.claims = {"sub": f"managed-{scope.suffix}", "email": f"managed@{scope.suffix}.example", "email_verified": True, **person}
    async with Browser(base_url=scope.realm.server.base_url, realm=scope.realm.name) as browser:
        await browser.start(provider=alias)
    found = (await scope.realm.admin("GET", "/users", query=f"email=managed@{scope.suffix}.example")).body
    return str(found[0]["id"]) if found else ""
