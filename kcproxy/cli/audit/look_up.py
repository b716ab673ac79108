"""``kcproxy audit --look-up``: asks Keycloak with the inspector's account how the callers hold their roles."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import click

from kcproxy.cli.terminal import talk
from kcproxy.model import CallerKind
from kcproxy.settings import Settings
from kcproxy.settings.load import load
from kcproxy.usage.audit import Audit, Owner
from kcproxy.usage.grants import Grants, GrantsByOwner
from kcproxy.usage.model import UseCaller

_UNREADABLE = "the grants of {client} in realm {realm} could not be looked up: those of its token are used"


def look_up_grants(chosen: Sequence[Audit], config: Path | None, *, username: str | None) -> GrantsByOwner:
    """The grants of the callers, those of users only if ``username`` names one. What cannot be read is said and left out."""
    settings = load(config, os.environ, {})
    if settings.inspector is None:
        raise click.UsageError(
            "--look-up needs an [inspector] in the settings; to create one: kcproxy doctor --create-inspector --realm REALM"
        )
    return asyncio.run(_look_up(settings, [audit for audit in chosen if username or audit.caller.kind is not CallerKind.USER], username))


async def _look_up(settings: Settings, chosen: Sequence[Audit], username: str | None) -> GrantsByOwner:
    from kcproxy.keycloak.account_grants import AccountGrants  # noqa: PLC0415 - aiohttp is imported only if it is needed
    from kcproxy.keycloak.inspector import lookups_of  # noqa: PLC0415 - the same

    found: dict[tuple[UseCaller, Owner], Grants] = {}
    async with lookups_of(settings) as lookups:
        for audit in chosen:
            caller, grants = audit.caller, AccountGrants(lookups, audit.caller.token_realm)
            account = None
            if lookups.covers(caller.token_realm):
                is_user = caller.kind is CallerKind.USER
                account = await (grants.user(username or "") if is_user else grants.service_account(caller.client))
            known = None if account is None else await grants.of(account, audit.owner.client)
            if known is None:
                talk(f"kcproxy: {_UNREADABLE.format(client=caller.client, realm=caller.token_realm)}")
            else:
                found[caller, audit.owner] = known
    return found
