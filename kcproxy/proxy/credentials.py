"""Chooses the credentials of a request: the caller's own, or the token of the account that is configured for the realm.

An account's token is added only to Admin REST API requests without credentials of their own. It is never added to ambiguous paths, nor to
requests of web pages (a browser names the origin of the page).
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from kcproxy.denial.evidence import brings_credentials_in_query
from kcproxy.http1.headers import RequestFields
from kcproxy.http1.methods import API_METHODS
from kcproxy.model import AccountEntry, Target, TargetKind, Withheld
from kcproxy.settings import AccountSettings, LimitMode

_API = frozenset({TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN})
_SERVER_WIDE_REALM = "master"


class Accounts:
    """The configured accounts by realm."""

    def __init__(self, accounts: Sequence[AccountSettings]) -> None:
        """The first account that names a realm serves it. ``*`` serves all realms that no account names."""
        self._by_realm: dict[str, AccountSettings] = {}
        self._entries: dict[str, AccountEntry] = {}
        self._limits: dict[tuple[tuple[str, ...], str], bool] = {}
        self.are_observed = any(account.mode is LimitMode.OBSERVE for account in accounts)
        """Whether the limit of one of them is only observed."""
        for index, account in enumerate(accounts):
            for realm in account.realms:
                self._by_realm.setdefault(realm, account)
                entry = AccountEntry(position=f"accounts[{index}]", realm=realm, token_realm=account.token_realm)
                self._entries.setdefault(realm, entry)

    def account_for(self, target: Target, head: RequestFields, raw_target: str = "") -> AccountSettings | None:
        """The account whose token is added. None if the request is forwarded as it is."""
        if brings_credentials_in_query(raw_target.partition("?")[2]):
            return None
        if not self._by_realm or target.kind not in _API or target.ambiguous is not None:
            return None
        picked = head.picked
        if b"authorization" in picked or target.method not in API_METHODS or _is_from_page(picked):
            return None
        realm = target.realm or _SERVER_WIDE_REALM
        account = self._by_realm.get(realm) or self._by_realm.get("*")
        return account if account is not None and self._serves(account, target) else None

    def entry(self, target: Target) -> AccountEntry | None:
        """The entry of the settings that serves the realm of a request."""
        return self._entries.get(target.realm or _SERVER_WIDE_REALM) or self._entries.get("*")

    def withheld(self, target: Target, head: RequestFields) -> Withheld | None:
        """Why ``account_for`` gave none for a request without credentials, for its explanation. None if there are no accounts."""
        if not self._by_realm or target.kind not in _API or b"authorization" in head.picked:
            return None
        account = self._by_realm.get(target.realm or _SERVER_WIDE_REALM) or self._by_realm.get("*")
        if account is None:
            return Withheld.NO_ACCOUNT
        if target.ambiguous is not None:
            return Withheld.AMBIGUOUS
        if target.method not in API_METHODS:
            return Withheld.METHOD
        if _is_from_page(head.picked):
            return Withheld.BROWSER
        return None if self._serves(account, target) else Withheld.OPERATIONS

    def _serves(self, account: AccountSettings, target: Target) -> bool:
        return account.mode is LimitMode.OBSERVE or self.within_limits(account, target)

    def within_limits(self, account: AccountSettings, target: Target) -> bool:
        """Whether the account's ``operations`` have the operation of a request, or are no limit."""
        if not account.operations:
            return True
        if target.operation is None:
            return False  # an unknown operation cannot be shown to be an allowed one
        operation = f"{target.operation.method} {target.operation.path}"
        key = (account.realms, operation)  # one client may serve several realms with different limits
        allowed = self._limits.get(key)
        if allowed is None:
            # Bounded: at most the number of accounts times the number of operations.
            allowed = self._limits[key] = any(fnmatchcase(operation, pattern) for pattern in account.operations)
        return allowed


def _is_from_page(picked: dict[bytes, bytes]) -> bool:
    """Whether a web page sent the request, as browsers say. "none" means that a user entered the address. Keycloak's pages send own tokens."""
    return b"origin" in picked or picked.get(b"sec-fetch-site", b"none") != b"none"
