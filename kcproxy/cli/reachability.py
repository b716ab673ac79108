"""Whether the settings work: Keycloak answers, the realms are there, each account gets a token. All of it, whatever fails first."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from kcproxy.catalog import Catalog, versions
from kcproxy.catalog.versions import key
from kcproxy.errors import KcproxyError, TokenFetchError, UpstreamError
from kcproxy.explain.claims import read_caller
from kcproxy.keycloak.representations import segment
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.keycloak.version_detection import detect
from kcproxy.observe.events import Observer
from kcproxy.settings import AccountSettings, Settings, UpstreamSettings
from kcproxy.upstream.interface import Upstream
from kcproxy.upstream.pool import side_upstream

_MAX_RESPONSE_BYTES = 1 << 20
_MAX_SECONDS = 20.0
_ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was tried. ``remedy`` is empty where it is fine."""

    what: str
    ok: bool
    says: str
    remedy: str = ""
    versions: tuple[str, ...] = ()  # of Keycloak, oldest first: the measured ones that would have answered so

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: value for name, value in asdict(self).items() if value not in {"", ()}}


async def reachability(settings: Settings, catalog: Catalog) -> list[Finding]:
    """Every finding, in a fixed order: upstream and realms, then accounts, then their limits on operations."""
    upstream = side_upstream(settings.upstream)
    tokens = TokenSource(settings.upstream, upstream, Observer())
    try:
        realms = await asyncio.gather(*(_bounded(realm, _realm(settings.upstream, upstream, realm)) for realm in realms_of(settings)))
        reached = any(finding.ok or "Keycloak answers" in finding.says for finding in realms)
        grants = [_bounded(f"account {a.client_id}", _grant(tokens, a)) for a in accounts_of(settings)] if reached else []
        return [
            *realms,
            *version(settings, await _fitting(settings.upstream, upstream, realms)),
            *await asyncio.gather(*grants),
            *limits(settings, catalog),
        ]
    finally:
        await tokens.close()
        await upstream.close()


def accounts_of(settings: Settings) -> tuple[AccountSettings, ...]:
    """Every account that fetches tokens, the inspector's included."""
    return (*settings.accounts, settings.inspector.account) if settings.inspector else settings.accounts


def realms_of(settings: Settings) -> tuple[str, ...]:
    """Every realm that the settings name, once; master where they name none."""
    named = (realm for account in accounts_of(settings) for realm in (account.token_realm, *account.realms) if realm != _ANY)
    return tuple(dict.fromkeys(named)) or ("master",)


async def _bounded(what: str, work: Any) -> Finding:
    try:
        async with asyncio.timeout(_MAX_SECONDS):
            finding: Finding = await work
    except TimeoutError:
        return Finding(what=what, ok=False, says=f"no answer within {_MAX_SECONDS:g} s", remedy="see whether Keycloak is overloaded")
    return finding


async def _realm(settings: UpstreamSettings, upstream: Upstream, realm: str) -> Finding:
    what = f"realm {realm}"
    try:
        status, answer = await _get(settings, upstream, settings.base_path + _discovery(realm))
    except UpstreamError as error:
        return Finding(what=what, ok=False, says=str(error), remedy=f"start Keycloak, or correct upstream.url ({settings.url})")
    issuer = str(answer.get("issuer", ""))
    if status == 200 and issuer.endswith(f"/realms/{segment(realm)}") and "token_endpoint" in answer:
        says = f"Keycloak answers at {settings.url}; tokens of this realm are issued by {issuer}"
        return Finding(what=what, ok=True, says=says)
    if status == 404 and "realm" in str(answer.get("error", "")).lower():
        remedy = f"create it, or correct the realm in the settings ({realm})"
        return Finding(what=what, ok=False, says=f"Keycloak answers at {settings.url}, but has no such realm", remedy=remedy)
    if status == 403 and answer.get("error"):
        return Finding(
            what=what, ok=False, says="Keycloak answers, but the realm is disabled", remedy="enable it, or leave its account out"
        )
    return await _not_keycloak(settings, upstream, realm, status)


async def _fitting(settings: UpstreamSettings, upstream: Upstream, realms: Sequence[Finding]) -> tuple[str, ...]:
    """The measured versions that answer as this server does, by what it shows of the first realm that is there; empty if it cannot be told."""
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
    remedy = f"correct upstream.url ({settings.url}); older or renamed Keycloaks have a path such as /auth"
    try:
        there, answer = await _get(settings, upstream, other + _discovery(realm))
    except UpstreamError:
        there, answer = 0, {}
    if there == 200 and "token_endpoint" in answer:
        remedy = f"write {settings.origin}{other} as upstream.url: Keycloak answers there"
    return Finding(what=f"realm {realm}", ok=False, says=f"{settings.url} answers {status}, but not as Keycloak does", remedy=remedy)


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
        remedy = f"compare client id, secret and service account (switched on?) with the client in realm {account.token_realm}"
        return Finding(what=what, ok=False, says=says, remedy=remedy)
    caller = read_caller(f"Bearer {token}")
    owners = (client for client in caller.client_roles if client == "realm-management" or client.endswith("-realm"))
    named = [f"{', '.join(caller.client_roles[client])} of {client}" for client in sorted(owners)]
    roles = f"it names {'; '.join(named)}" if named else "it names no admin role; kcproxy roles METHOD PATH tells the least one"
    return Finding(what=what, ok=True, says=f"gets a token from realm {account.token_realm}; {roles}")


def version(settings: Settings, fitting: Sequence[str]) -> Iterator[Finding]:
    """What the server's public documents tell about its version, and whether the settings say something else."""
    if not fitting:
        return
    like = fitting[0] if len(fitting) == 1 else f"{fitting[0]} to {fitting[-1]}"
    stated = settings.explain.keycloak_version
    if stated is None or _fits(stated, fitting):
        yield Finding(what="version", ok=True, says=f"it answers as Keycloak {like} does", versions=tuple(fitting))
        return
    remedy = "correct explain.keycloak_version, or leave it out; the roles that are named depend on it"
    says = f"it answers as Keycloak {like} does, and the settings say {stated}"
    yield Finding(what="version", ok=False, says=says, remedy=remedy, versions=tuple(fitting))


def _fits(stated: str, fitting: Sequence[str]) -> bool:
    """By minor version; what is newer than all that was measured cannot be told from the newest."""
    minor, first, last = (key(each)[:2] for each in (stated, fitting[0], fitting[-1]))
    return first <= minor <= last or (minor > last >= key(versions()[-1])[:2])


def limits(settings: Settings, catalog: Catalog) -> Iterator[Finding]:
    """Findings on patterns of operations that match nothing: such an account may do less than was meant."""
    known = [f"{entry.operation.method} {entry.operation.path}" for entry in catalog.operations]
    for account in settings.accounts:
        for pattern in account.operations:
            if not any(fnmatchcase(name, pattern) for name in known):
                says = f'operations: "{pattern}" matches no operation of Keycloak {catalog.version}'
                remedy = "compare it with kcproxy roles; patterns are written with the table's own parameter names"
                yield Finding(what=f"account {account.client_id}", ok=False, says=says, remedy=remedy)
