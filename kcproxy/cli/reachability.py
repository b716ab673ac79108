"""Whether the settings work: Keycloak responds, the realms exist, each account gets a token. Everything is tried, even after a failure."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from kcproxy.catalog import Catalog, versions
from kcproxy.catalog.versions import key
from kcproxy.cli.history_place import shared_module
from kcproxy.errors import HistoryUnusable, KcproxyError, TokenFetchError, UpstreamError
from kcproxy.explain.claims import read_caller
from kcproxy.explain.fixes.own_client import is_built_in, own_client
from kcproxy.keycloak.representations import segment
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.keycloak.version_detection import detect
from kcproxy.observe.events import Observer
from kcproxy.settings import AccountSettings, HistorySettings, Settings, UpstreamSettings
from kcproxy.upstream.interface import Upstream
from kcproxy.upstream.pool import side_upstream

_MAX_RESPONSE_BYTES = 1 << 20
_MAX_SECONDS = 20.0
_ANY = "*"


class Finding(Struct, frozen=True, kw_only=True):
    """The result of one check. ``remedy`` is empty if it passed."""

    what: str
    ok: bool
    says: str
    remedy: str = ""
    versions: tuple[str, ...] = ()  # measured versions of Keycloak that fit, oldest first

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: value for name, value in asdict(self).items() if value not in {"", ()}}


async def reachability(settings: Settings, catalog: Catalog) -> list[Finding]:
    """All findings, in a fixed order: upstream and realms, then accounts, then their limits on operations, then the history."""
    upstream = side_upstream(settings.upstream)
    tokens = TokenSource(settings.upstream, upstream, Observer())
    try:
        realms = await asyncio.gather(*(_bounded(realm, _realm(settings.upstream, upstream, realm)) for realm in realms_of(settings)))
        reached = any(finding.ok or "Keycloak responds" in finding.says for finding in realms)
        grants = [_bounded(f"account {a.client_id}", _grant(tokens, a)) for a in accounts_of(settings)] if reached else []
        return [
            *realms,
            *version(settings, await _fitting(settings.upstream, upstream, realms)),
            *await asyncio.gather(*grants),
            *limits(settings, catalog),
            *([await _history(settings.history)] if settings.history.url is not None else []),
        ]
    finally:
        await tokens.close()
        await upstream.close()


def accounts_of(settings: Settings) -> tuple[AccountSettings, ...]:
    """All accounts that fetch tokens, including the inspector's."""
    return (*settings.accounts, settings.inspector.account) if settings.inspector else settings.accounts


def realms_of(settings: Settings) -> tuple[str, ...]:
    """All realms in the settings, without duplicates; master if there is none."""
    named = (realm for account in accounts_of(settings) for realm in (account.token_realm, *account.realms) if realm != _ANY)
    return tuple(dict.fromkeys(named)) or ("master",)


async def _bounded(what: str, work: Any) -> Finding:
    try:
        async with asyncio.timeout(_MAX_SECONDS):
            finding: Finding = await work
    except TimeoutError:
        return Finding(what=what, ok=False, says=f"no response within {_MAX_SECONDS:g} s", remedy="check whether Keycloak is overloaded")
    return finding


async def _realm(settings: UpstreamSettings, upstream: Upstream, realm: str) -> Finding:
    what = f"realm {realm}"
    try:
        status, answer = await _get(settings, upstream, settings.base_path + _discovery(realm))
    except UpstreamError as error:
        return Finding(what=what, ok=False, says=str(error), remedy=f"start Keycloak, or fix upstream.url ({settings.url})")
    issuer = str(answer.get("issuer", ""))
    if status == 200 and issuer.endswith(f"/realms/{segment(realm)}") and "token_endpoint" in answer:
        says = f"Keycloak responds at {settings.url}; the issuer of this realm is {issuer}"
        return Finding(what=what, ok=True, says=says)
    if status == 404 and "realm" in str(answer.get("error", "")).lower():
        remedy = f"create it, or fix the realm in the settings ({realm})"
        return Finding(what=what, ok=False, says=f"Keycloak responds at {settings.url}, but has no such realm", remedy=remedy)
    if status == 403 and answer.get("error"):
        return Finding(
            what=what,
            ok=False,
            says="Keycloak responds, but the realm is disabled",
            remedy="enable it, or remove its account from the settings",
        )
    return await _not_keycloak(settings, upstream, realm, status)


async def _fitting(settings: UpstreamSettings, upstream: Upstream, realms: Sequence[Finding]) -> tuple[str, ...]:
    """Measured versions that respond like this server, from what it shows of the first realm that exists. Empty if that is not known."""
    there = next((finding.what.removeprefix("realm ") for finding in realms if finding.ok), None)
    if there is None:
        return ()
    try:
        async with asyncio.timeout(_MAX_SECONDS):
            return await detect(upstream, host=settings.origin.partition("://")[2], base_path=settings.base_path, realm=there)
    except (UpstreamError, TimeoutError):
        return ()


async def _not_keycloak(settings: UpstreamSettings, upstream: Upstream, realm: str, status: int) -> Finding:
    other = "/auth" if not settings.base_path else ""
    remedy = f"fix upstream.url ({settings.url}); older or reconfigured servers have a path such as /auth"
    try:
        there, answer = await _get(settings, upstream, other + _discovery(realm))
    except UpstreamError:
        there, answer = 0, {}
    if there == 200 and "token_endpoint" in answer:
        remedy = f"write {settings.origin}{other} as upstream.url: Keycloak responds there"
    return Finding(what=f"realm {realm}", ok=False, says=f"{settings.url} responds with {status}, but not like Keycloak", remedy=remedy)


def _discovery(realm: str) -> str:
    return f"/realms/{segment(realm)}/.well-known/openid-configuration"


async def _get(settings: UpstreamSettings, upstream: Upstream, path: str) -> tuple[int, dict[str, Any]]:
    headers = [(b"Host", settings.origin.partition("://")[2].encode()), (b"Accept", b"application/json")]
    answer = await upstream.exchange("GET", path, headers, None)
    try:
        return answer.status, _object(await answer.read(_MAX_RESPONSE_BYTES))
    finally:
        answer.release()


def _object(body: bytes | None) -> dict[str, Any]:
    try:
        value = json.loads(body or b"")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


async def _grant(tokens: TokenSource, account: AccountSettings) -> Finding:
    what = f"account {account.client_id}"
    try:
        token = await tokens.token(account)
    except (TokenFetchError, OSError, ValueError) as error:
        says = str(error) if isinstance(error, KcproxyError) else f"its secret cannot be read ({type(error).__name__})"
        remedy = _no_token_remedy(account)
        return Finding(what=what, ok=False, says=says, remedy=remedy)
    caller = read_caller(f"Bearer {token}")
    owners = (client for client in caller.client_roles if client == "realm-management" or client.endswith("-realm"))
    named = [f"{', '.join(caller.client_roles[client])} of {client}" for client in sorted(owners)]
    roles = f"it contains {'; '.join(named)}" if named else "it contains no admin role; kcproxy roles METHOD PATH shows the least one"
    return Finding(what=what, ok=True, says=f"gets a token from realm {account.token_realm}; {roles}")


async def _history(history: HistorySettings) -> Finding:
    what = "history.url"
    try:
        migration = shared_module("migration")
        version, tls = await migration.look(history)
    except HistoryUnusable as error:
        says, _, remedy = str(error).partition("; ")
        return Finding(what=what, ok=False, says=says, remedy=remedy or "see docs/shared-history.md")
    prepared = f"its tables are of version {version}" if version else "it has no tables yet: the first instance creates them"
    return Finding(what=what, ok=True, says=f"the database responds {'over TLS' if tls else 'without TLS'}; {prepared}")


def _no_token_remedy(account: AccountSettings) -> str:
    realm = account.token_realm
    if is_built_in(account.client_id, realm):
        create = "; ".join(own_client(realm, account.client_id).kcadm)
        return f"use a client of your own in realm {realm} instead of the built-in {account.client_id}: {create}"
    return f"compare client id, secret and service account (is it on?) with the client in realm {realm}"


def version(settings: Settings, fitting: Sequence[str]) -> Iterator[Finding]:
    """What the server's public documents show about its version, and whether the settings contradict it."""
    if not fitting:
        return
    like = fitting[0] if len(fitting) == 1 else f"{fitting[0]} to {fitting[-1]}"
    stated = settings.explain.keycloak_version
    if stated is None or _fits(stated, fitting):
        yield Finding(what="version", ok=True, says=f"it responds like Keycloak {like}", versions=tuple(fitting))
        return
    remedy = "fix explain.keycloak_version, or remove it; the named roles depend on it"
    says = f"it responds like Keycloak {like}, but the settings say {stated}"
    yield Finding(what="version", ok=False, says=says, remedy=remedy, versions=tuple(fitting))


def _fits(stated: str, fitting: Sequence[str]) -> bool:
    """Compare minor versions. Versions newer than all measured ones look like the newest."""
    minor, first, last = (key(each)[:2] for each in (stated, fitting[0], fitting[-1]))
    return first <= minor <= last or (minor > last >= key(versions()[-1])[:2])


def limits(settings: Settings, catalog: Catalog) -> Iterator[Finding]:
    """Find patterns of operations that match nothing: such an account may do less than intended."""
    known = [f"{entry.operation.method} {entry.operation.path}" for entry in catalog.operations]
    for account in settings.accounts:
        for pattern in account.operations:
            if not any(fnmatchcase(name, pattern) for name in known):
                says = f'operations: "{pattern}" matches no operation of Keycloak {catalog.version}'
                remedy = "compare it with kcproxy roles; patterns use the parameter names of the table"
                yield Finding(what=f"account {account.client_id}", ok=False, says=says, remedy=remedy)
