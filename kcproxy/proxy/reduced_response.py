"""Reduced responses: a 2xx of the Admin REST API that contains less than it could gets a notice.

If the reason may be an account's token that is older than a grant, the request may be repeated with a newer token.

Nearly all requests need nothing of this. Claims are read only for operations that show some callers less than others, and while a denial of the
same operation is unresolved.
"""

import logging
from collections.abc import Callable
from functools import lru_cache

from kcproxy.catalog import Catalog
from kcproxy.explain.notices.notice import is_by_token, is_thinned_by_permissions, is_thinned_otherwise, notice
from kcproxy.http1.headers import ResponseFields
from kcproxy.http1.methods import READ_METHODS
from kcproxy.model import Caller, Target
from kcproxy.observe.events import Observer
from kcproxy.proxy.denial_response import authorization
from kcproxy.proxy.evidence import request_facts
from kcproxy.proxy.exchange import Exchange

log = logging.getLogger("kcproxy.proxy")

ReadCaller = Callable[..., Caller]


class ReducedResponses:
    """Inspects successful exchanges. Bodies are not read."""

    def __init__(
        self,
        observer: Observer,
        *,
        catalog: Callable[[], Catalog],
        caller: ReadCaller,
        base_path: str,
        public_url: str,
        version: Callable[[], str | None] = lambda: None,
    ) -> None:
        """``caller`` reads claims and caches them: ``caller(authorization, injected=…)``. ``version``: the server's, if it is known."""
        self._observer = observer
        self._catalog = catalog
        self._version = version
        self._caller = caller
        self._keys_of: Catalog | None = None
        self._keys: frozenset[str] = frozenset()
        self._base_path = base_path
        self._public_url = public_url

    def applies_to(self, target: Target) -> bool:
        """Whether successes of this target are inspected."""
        operation = target.operation
        return operation is not None and (operation.key in self._reducible() or self._observer.awaits(target))

    def may_be_outdated(self, exchange: Exchange, status: int) -> bool:
        """Whether a reduced response may be due to roles that the account's token lacks because it is older than a grant.

        Never if Keycloak reads grants at the request, because another token shows no more then.
        """
        operation = exchange.target.operation
        if exchange.cached_token is None or status >= 300 or operation is None or exchange.target.method not in READ_METHODS:
            return False
        if operation.key not in _reducible_by_roles(self._catalog()):
            return False
        caller = self._caller(authorization(exchange), injected=True)
        return is_by_token(caller, self._catalog()) and self._notice(exchange, caller) is not None

    def has_same_roles(self, token: str, as_token: str) -> bool:
        """Whether two tokens of an account have the same roles."""
        one, other = (self._caller(f"Bearer {each}", injected=True) for each in (token, as_token))
        return (one.client_roles, one.realm_roles) == (other.client_roles, other.realm_roles)

    def _reducible(self) -> frozenset[str]:
        catalog = self._catalog()
        if catalog is not self._keys_of:
            self._keys_of, self._keys = catalog, _reducible(catalog)
        return self._keys

    def inspect(self, exchange: Exchange, fields: ResponseFields) -> None:
        """Add ``Kcproxy-Notice`` if the response may be reduced. A bug in here never breaks a response."""
        operation = exchange.target.operation
        if operation is None or not self.applies_to(exchange.target):
            return
        is_reducible = operation.key in self._reducible()
        try:
            exchange.caller = self._caller(authorization(exchange), injected=exchange.token is not None)
            if is_reducible:
                self._announce(exchange, exchange.caller, fields)
        except Exception:
            log.exception("a success could not be looked at")

    def _announce(self, exchange: Exchange, caller: Caller, fields: ResponseFields) -> None:
        text = self._notice(exchange, caller)
        exchange.reduced = text is not None if caller.has_roles_claims else None
        if text is not None:
            fields.lines.append(b"Kcproxy-Notice: %b\r\n" % text.encode("ascii"))
            self._observer.response_reduced(exchange.target, text)

    def _notice(self, exchange: Exchange, caller: Caller) -> str | None:
        request = request_facts(exchange, base_path=self._base_path, public_url=self._public_url)
        return notice(request, caller, self._catalog(), self._version())


def _reducible(catalog: Catalog) -> frozenset[str]:
    otherwise = {entry.operation.key for entry in catalog.operations if is_thinned_otherwise(entry.operation, catalog)}
    return _reducible_by_roles(catalog) | otherwise


@lru_cache(maxsize=4)
def _reducible_by_roles(catalog: Catalog) -> frozenset[str]:
    """Keys of operations that some roles, or fine-grained permissions, open without the full response."""
    by_roles = frozenset(
        entry.operation.key
        for entry in catalog.operations
        for requirement in (entry.requirement, *(variant.requirement for variant in entry.variants))
        if requirement.any_of != requirement.admits
    )
    return by_roles | {entry.operation.key for entry in catalog.operations if is_thinned_by_permissions(entry.operation, catalog)}
