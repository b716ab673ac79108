"""Look-ups for a 401: is the token the realm's own, and what has ended since: account, session, client or realm?"""

import asyncio
from collections.abc import Mapping
from typing import Any

from kcproxy.keycloak.caller_lookups import CallerLookups, is_offline
from kcproxy.keycloak.jwks import is_signed_by, key_ids
from kcproxy.keycloak.lookup_client import NONE, Fields, Lookup
from kcproxy.keycloak.representations import segment, text, writes_sub
from kcproxy.model import RequestFacts

_CLOCK_DIFFERENCE_SECONDS = 30
_NO_REALM = "Realm does not exist"


async def look_up_rejected_token(lookups: CallerLookups, *, now_epoch_seconds: float) -> None:
    """Public documents for any token; the inspector's account only for one that the realm signed, so that a forged one learns nothing."""
    realm = lookups.caller.realm
    if realm is None:
        return
    keys = await _look_up_documents(lookups, realm)
    signed = is_signed_by(lookups.token, keys.object) if lookups.token and keys.object else None
    lookups.facts.signature_valid = signed
    expires = lookups.caller.expires_at_epoch_seconds
    expired = expires is not None and now_epoch_seconds - expires > _CLOCK_DIFFERENCE_SECONDS
    if signed and not expired and lookups.covers(realm):
        await _look_up_account(lookups, realm)


async def _look_up_documents(lookups: CallerLookups, realm: str) -> Lookup:
    path = f"/realms/{segment(realm)}/.well-known/openid-configuration"
    discovery, own, keys = await asyncio.gather(
        lookups.client.get(path, "discovery", public=True, fields=addressing(lookups.request)),
        lookups.client.get(path, "discovery", public=True),
        lookups.keys(realm),
    )
    facts = lookups.facts
    facts.own_issuer, facts.issuer = text(own.object, "issuer"), text(discovery.object, "issuer")
    facts.realm_known = _realm_known(discovery)
    facts.key_ids = key_ids(keys.object) if keys is not NONE else None
    return keys


def addressing(request: RequestFacts) -> Fields:
    """The fields from which Keycloak derives its own address, and so the issuer: as in the request, or the document would be another one.

    Nothing if the request names Keycloak as the settings do.
    """
    own_host = (request.public_url or "").partition("://")[2]
    return tuple(
        (name, value)
        for name, value in sorted(request.headers.items())
        if name == "forwarded" or name.startswith("x-forwarded-") or (name == "host" and value != own_host)
    )


def _realm_known(discovery: Lookup) -> bool | None:
    if discovery.status == 200:
        return True
    # Only Keycloak's own words count: a gateway may hide the document too.
    absent = discovery.status == 404 and isinstance(discovery.json, dict) and discovery.json.get("error") == _NO_REALM
    return False if absent else None


async def _look_up_account(lookups: CallerLookups, realm: str) -> None:
    caller = lookups.caller
    if caller.subject is None or is_offline(caller):
        client, _ = await asyncio.gather(lookups.look_up_client(realm), lookups.look_up_realm(realm))
        await lookups.look_up_session_of_client(realm, client)
        await lookups.look_up_account(realm)
        return
    client, *_ = await asyncio.gather(
        lookups.look_up_client(realm), lookups.look_up_realm(realm), lookups.look_up_account(realm), lookups.look_up_session(realm)
    )
    if lookups.facts.account_known is False and caller.session_id is not None:
        await _look_up_account_of_session(lookups, realm, client)


async def _look_up_account_of_session(lookups: CallerLookups, realm: str, client: Mapping[str, Any]) -> None:
    """``sub`` is no account's id: the account is gone, or a mapper put another ``sub`` into the token (pairwise) and the session names it."""
    await lookups.look_up_session_of_client(realm, client)
    if lookups.facts.account_id is not None:
        lookups.facts.account_known = None  # what was found out is about ``sub``
        await lookups.look_up_account(realm)
    elif any(writes_sub(mapper) for mapper in await lookups.mappers(realm, client) or []):
        lookups.facts.account_known = None
