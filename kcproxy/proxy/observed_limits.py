"""Limits in mode ``observe``: they refuse nothing, and this says which requests they would have refused. Pure."""

from kcproxy.proxy.admission import KEY_FIELD, Admission, key_in
from kcproxy.proxy.credentials import Accounts
from kcproxy.proxy.exchange import Exchange
from kcproxy.settings import LimitMode

_OBSERVE = LimitMode.OBSERVE


class ObservedLimits:
    """The limits of accounts and keys that are only observed."""

    def __init__(self, accounts: Accounts, admission: Admission) -> None:
        """``active``: whether there is such a limit at all."""
        self._accounts = accounts
        self._keys = admission.keys if admission.keys is not None and admission.keys.are_observed else None
        self.active = accounts.are_observed or self._keys is not None

    def exceeded(self, exchange: Exchange) -> tuple[str, ...]:
        """Names of the limits that a request with an injected token exceeded: ``account REALM/CLIENT``, ``key NAME``."""
        account = exchange.account
        if account is None or exchange.token is None:
            return ()
        found = []
        if account.mode is _OBSERVE and not self._accounts.within_limits(account, exchange.target):
            found.append(f"account {account.label}")
        shown = exchange.head.picked.get(KEY_FIELD)
        key = None if self._keys is None or shown is None else self._keys.find(key_in(shown))
        if key is not None and key.mode is _OBSERVE and not key.within_operations(exchange.target):
            found.append(f"key {key.name}")
        return tuple(found)
