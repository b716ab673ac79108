"""What a reload keeps of the plane before, and what it forgets.

docs/reload.md has the table of all state that outlasts a request, and what a reload does with it.

A kept token serves until shortly before it expires, or until Keycloak refuses it. Where the content of the account's secret, key or assertion
changed, a new token is fetched beside it, at once; if that fails, nothing is lost but that request to the token endpoint. An account that is
removed, or of which any setting changed, loses its token with the reload.
"""

from collections import defaultdict
from collections.abc import Iterator

from kcproxy.keycloak.token_cache import AccountKey, token_key
from kcproxy.proxy.runtime import Runtime
from kcproxy.settings import AccountSettings, Settings


def hand_over(before: Runtime, runtime: Runtime) -> None:
    """Let a new plane go on with what is kept. Both are of one process, on its event loop."""
    if keeps_version(before.settings, runtime.settings):
        runtime.catalog, runtime.version = before.catalog, before.version
    runtime.tokens.take_over(before.tokens, unchanged_accounts(before.settings, runtime.settings))
    if runtime.admission.jwt_verifier is not None and before.admission.jwt_verifier is not None:
        runtime.admission.jwt_verifier.take_over(before.admission.jwt_verifier)


def keeps_version(before: Settings, settings: Settings) -> bool:
    """Whether what was found out about the server holds: it is the same one, and the settings do not say otherwise."""
    return settings.upstream.url == before.upstream.url and settings.explain.keycloak_version is None


def unchanged_accounts(before: Settings, settings: Settings) -> tuple[AccountSettings, ...]:
    """One account for each token that may be kept: the same Keycloak, and the accounts that share the token have the same settings.

    Files count by their path. Several accounts may be one client, with the same token for different realms and operations.
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
