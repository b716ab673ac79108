"""Ways through identity providers."""

from contextlib import suppress
from typing import Any

from tools.measure.fixtures_realm import idp_body
from tools.measure.powers.intruder import Intruder
from tools.measure.powers.way import Ease, Fruitless, Yields, way
from tools.measure.powers.ways_users import HAS_ADMINISTRATOR, through_provider

MASKED = "**********"
HAS_PROVIDER = "an identity provider is configured"
PLANTED = "broker-secret"


def role_mapper(alias: str) -> dict[str, Any]:
    """A mapper that gives realm-admin to everyone who comes from the provider."""
    config = {"syncMode": "FORCE", "role": "realm-management.realm-admin"}
    return {
        "name": "role-{n}",
        "identityProviderAlias": alias,
        "identityProviderMapper": "oidc-hardcoded-role-idp-mapper",
        "config": config,
    }


def provider_body(who: Intruder, alias: str, **config: str) -> dict[str, Any]:
    """An identity provider that points at the holder's own."""
    return {"alias": alias, "providerId": "oidc", "enabled": True, "trustEmail": True, "config": who.sinks.provider.config(**config)}


@way(
    "own-identity-provider",
    Yields.BECOMES_ADMIN,
    "create an identity provider of their own with a mapper that gives realm-admin, and log in through it",
    listens=True,
)
async def _own_provider(who: Intruder) -> None:
    await who.call("POST", "/identity-provider/instances", provider_body(who, "own-{n}"))
    await who.call("POST", "/identity-provider/instances/own-{n}/mappers", role_mapper("own-{n}"))
    await who.becomes_admin(await through_provider(who, f"own-{who.suffix}", f"mine-{who.suffix}"))


@way(
    "mapper-on-provider",
    Yields.BECOMES_ADMIN,
    "add a mapper that gives realm-admin to an identity provider, and log in through it",
    ease=Ease.SPECIAL,
    needs=f"{HAS_PROVIDER} at which the holder has an account",
    listens=True,
)
async def _mapper_on_provider(who: Intruder) -> None:
    await who.fixtures("outside-idp")
    await who.call("POST", "/identity-provider/instances/{outside-idp.alias}/mappers", role_mapper("{outside-idp.alias}"))
    await who.becomes_admin(await through_provider(who, f"outside-{who.suffix}", f"mine-{who.suffix}"))


@way(
    "swap-provider",
    Yields.BECOMES_ADMIN,
    "point an identity provider at a server of their own and log in as an administrator through it",
    ease=Ease.SPECIAL,
    needs=f"{HAS_ADMINISTRATOR} and logs in through an identity provider",
    listens=True,
)
async def _swap_provider(who: Intruder) -> None:
    await who.fixtures("administrator+identity")
    await who.call("PUT", "/identity-provider/instances/{idp.alias}", provider_body(who, "{idp.alias}"))
    await who.becomes_admin(await through_provider(who, f"idp-{who.suffix}", f"remote-{who.suffix}"))


@way(
    "swap-provider-of-user",
    Yields.ACTS_AS_OTHER,
    "point an identity provider at a server of their own and log in as any user who comes from it",
    ease=Ease.SPECIAL,
    needs="users log in through an identity provider",
    listens=True,
)
async def _swap_provider_of_user(who: Intruder) -> None:
    await who.fixtures("user+identity")
    await who.call("PUT", "/identity-provider/instances/{idp.alias}", provider_body(who, "{idp.alias}"))
    await who.acts_as(await through_provider(who, f"idp-{who.suffix}", f"remote-{who.suffix}"), await who.scope.get("user"))


@way(
    "provider-secret-by-own-server",
    Yields.READS_SECRETS,
    "have an identity provider's secret sent to a server of their own by changing the token address",
    ease=Ease.USUAL,
    needs=HAS_PROVIDER,
    listens=True,
)
async def _provider_secret_by_own_server(who: Intruder) -> None:
    await who.fixtures("idp")
    who.sinks.provider.received.clear()
    await who.call("PUT", "/identity-provider/instances/{idp.alias}", provider_body(who, "{idp.alias}", clientSecret=MASKED))
    with suppress(Fruitless):
        await through_provider(who, f"idp-{who.suffix}", f"mine-{who.suffix}")
    who.found(PLANTED, who.sinks.provider.received)


@way("provider-secret-in-provider", Yields.READS_SECRETS, "read the secrets of identity providers", ease=Ease.USUAL, needs=HAS_PROVIDER)
async def _provider_secret(who: Intruder) -> None:
    await who.fixtures("idp")
    who.found(PLANTED, (await who.call("GET", "/identity-provider/instances/{idp.alias}")).body)


@way(
    "provider-secret-in-list",
    Yields.READS_SECRETS,
    "read the secrets of identity providers in their list",
    ease=Ease.USUAL,
    needs=HAS_PROVIDER,
)
async def _provider_secret_in_list(who: Intruder) -> None:
    await who.fixtures("idp")
    who.found(PLANTED, (await who.call("GET", "/identity-provider/instances")).body)


@way(
    "provider-secret-in-realm",
    Yields.READS_SECRETS,
    "read the secrets of identity providers in the realm's settings",
    ease=Ease.USUAL,
    needs=HAS_PROVIDER,
)
async def _provider_secret_in_realm(who: Intruder) -> None:
    await who.fixtures("idp")
    who.found(PLANTED, (await who.call("GET", "")).body)


@way(
    "provider-secret-in-export",
    Yields.READS_SECRETS,
    "read the secrets of identity providers in an export of the realm",
    ease=Ease.USUAL,
    needs=HAS_PROVIDER,
)
async def _provider_secret_in_export(who: Intruder) -> None:
    await who.fixtures("idp")
    who.found(PLANTED, (await who.call("POST", "/partial-export", {})).body)


@way("delete-provider", Yields.DESTROYS, "delete identity providers")
async def _delete_provider(who: Intruder) -> None:
    await who.fixtures("idp")
    await who.call("DELETE", "/identity-provider/instances/{idp.alias}")
    await who.gone("/identity-provider/instances/{idp.alias}")


@way("create-provider", Yields.CHANGES, "create identity providers")
async def _create_provider(who: Intruder) -> None:
    await who.call("POST", "/identity-provider/instances", idp_body("made-{n}"))


@way("read-providers", Yields.READS, "read identity providers")
async def _read_providers(who: Intruder) -> None:
    await who.fixtures("idp")
    who.found(f"idp-{who.suffix}", (await who.call("GET", "/identity-provider/instances/{idp.alias}")).body)
