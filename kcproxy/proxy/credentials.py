"""Whose token goes with a request: the caller's own, or that of the account configured for the realm, where the operator allows it.

An account's token is added only to plain Admin REST API requests that bring no credentials of their own. Never to ambiguous paths,
and never to what a web page in somebody's browser sends (a browser names the page's origin).
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from kcproxy.http1.headers import RequestFields
from kcproxy.http1.methods import API_METHODS
from kcproxy.model import Target, TargetKind, Withheld
from kcproxy.settings import AccountSettings

_API = frozenset({TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN})
_SERVER_WIDE_REALM = "master"


class Accounts:
    """The configured accounts, ready to be looked up by realm."""

    def __init__(self, accounts: Sequence[AccountSettings]) -> None:
        """The first account that names a realm serves it; ``*`` serves what nobody names."""
        self._by_realm: dict[str, AccountSettings] = {}
        self._limits: dict[tuple[tuple[str, ...], str], bool] = {}
        for account in accounts:
            for realm in account.realms:
                self._by_realm.setdefault(realm, account)

    def account_for(self, target: Target, head: RequestFields, raw_target: str = "") -> AccountSettings | None:
        """The account whose token to add; None where the request goes through as it is."""
        if brings_credentials_in_query(raw_target.partition("?")[2]):
            return None
        if not self._by_realm or target.kind not in _API or target.ambiguous is not None:
            return None
        picked = head.picked
        if b"authorization" in picked or target.method not in API_METHODS or _from_a_page(picked):
            return None
        realm = target.realm or _SERVER_WIDE_REALM
        account = self._by_realm.get(realm) or self._by_realm.get("*")
        return account if account is not None and self._within_limits(account, target) else None

    def withheld(self, target: Target, head: RequestFields) -> Withheld | None:
        """Why ``account_for`` gave none for a request without credentials, in words for its explanation; None where there are no accounts."""
        if not self._by_realm or target.kind not in _API or b"authorization" in head.picked:
            return None
        account = self._by_realm.get(target.realm or _SERVER_WIDE_REALM) or self._by_realm.get("*")
        if account is None:
            return Withheld.NO_ACCOUNT
        if target.ambiguous is not None:
            return Withheld.AMBIGUOUS
        if target.method not in API_METHODS:
            return Withheld.METHOD
        if _from_a_page(head.picked):
            return Withheld.BROWSER
        return None if self._within_limits(account, target) else Withheld.OPERATIONS

    def _within_limits(self, account: AccountSettings, target: Target) -> bool:
        if not account.operations:
            return True
        if target.operation is None:
            return False  # what the table does not know cannot be shown to be among the allowed ones
        operation = f"{target.operation.method} {target.operation.path}"
        key = (account.realms, operation)  # one client may serve several realms within different limits
        allowed = self._limits.get(key)
        if allowed is None:
            # As many entries as accounts times operations of the table: bounded.
            allowed = self._limits[key] = any(fnmatchcase(operation, pattern) for pattern in account.operations)
        return allowed


def brings_credentials_in_query(query: str) -> bool:
    """Whether a token comes as a query parameter (RFC 6750, section 2.3): such a request is not without credentials."""
    return "access_token=" in query


def _from_a_page(picked: dict[bytes, bytes]) -> bool:
    """A browser says so. Keycloak's own pages have tokens of their own to send; "none" is an address that somebody typed."""
    return b"origin" in picked or picked.get(b"sec-fetch-site", b"none") != b"none"
