"""The state that a reload takes over from the previous runtime.

docs/reload.md has a table of all state that outlives a request, and what a reload does with it.

A token that is taken over is used until shortly before it expires, or until Keycloak refuses it. If the content of the account's secret, key
or assertion changed, a new token is fetched at once; if that fails, the old one stays in use. An account that is removed or has a changed
setting loses its token.
"""

from collections import defaultdict
from collections.abc import Iterator

from kcproxy.keycloak.token_cache import AccountKey, token_key
from kcproxy.proxy.runtime import Runtime
from kcproxy.settings import AccountSettings, Settings


def hand_over(before: Runtime, runtime: Runtime) -> None:
    """Transfer state to a new runtime. Both belong to one process and its event loop."""
    if keeps_version(before.settings, runtime.settings):
        runtime.catalog, runtime.version, runtime.noted_version = before.catalog, before.version, before.noted_version
    runtime.tokens.take_over(before.tokens, unchanged_accounts(before.settings, runtime.settings))
    if runtime.admission.jwt_verifier is not None and before.admission.jwt_verifier is not None:
        runtime.admission.jwt_verifier.take_over(before.admission.jwt_verifier)


def keeps_version(before: Settings, settings: Settings) -> bool:
    """True if the detected version stays valid: the server is the same, and the settings do not name a version."""
    return settings.upstream.url == before.upstream.url and settings.explain.keycloak_version is None


def unchanged_accounts(before: Settings, settings: Settings) -> tuple[AccountSettings, ...]:
    """One account for each token that stays valid: Keycloak is the same, and so are the settings of all accounts that share the token.

    Files are compared by path. Several accounts can have the same client, and so the same token, for different realms and operations.
    """
    if settings.upstream.url != before.upstream.url:
        return ()
    old, new = (_by_token(each) for each in (before, settings))
    return tuple(next(iter(accounts)) for key, accounts in new.items() if old.get(key) == accounts)


def _by_token(settings: Settings) -> dict[AccountKey, set[AccountSettings]]:
    found: defaultdict[AccountKey, set[AccountSettings]] = defaultdict(set)
    for account in _accounts(settings):
        found[token_key(account)].add(account)
    return dict(found)


def _accounts(settings: Settings) -> Iterator[AccountSettings]:
    yield from settings.accounts
    if settings.inspector is not None:
        yield settings.inspector.account
