"""What is done about a 2xx of the Admin REST API: a word where it may be thinner than it could be, and who got it, where he was refused before.

Where an account's token may be the reason, having been fetched before a grant, the answer may be asked for again with a newer one.

Nothing, for nearly all requests: claims are read only for operations that let some callers in to less than all, and while a denial of the
same operation waits for its end.
"""

import logging
from collections.abc import Callable
from functools import lru_cache

from kcproxy.catalog import Catalog
from kcproxy.explain.notice import is_by_token, notice
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
    """Looks at requests that passed; their bodies are never touched."""

    def __init__(self, observer: Observer, *, catalog: Callable[[], Catalog], caller: ReadCaller, base_path: str, public_url: str) -> None:
        """``caller`` reads claims and keeps what it has read: ``caller(authorization, injected=…)``."""
        self._observer = observer
        self._catalog = catalog
        self._caller = caller
        self._seen: Catalog | None = None
        self._thin: frozenset[str] = frozenset()
        self._base_path = base_path
        self._public_url = public_url

    def concerns(self, target: Target) -> bool:
        """Whether a success of this target is to be looked at."""
        operation = target.operation
        return operation is not None and (operation.key in self._thinnable() or self._observer.awaits(target))

    def may_be_outdated(self, exchange: Exchange, status: int) -> bool:
        """Whether a read got less than all for want of roles in the account's token, which may be older than a grant.

        Never where Keycloak reads grants at the call: there another token shows no more.
        """
        operation = exchange.target.operation
        if exchange.held is None or status >= 300 or operation is None or exchange.target.method not in READ_METHODS:
            return False
        if operation.key not in self._thinnable():
            return False
        caller = self._caller(authorization(exchange), injected=True)
        return is_by_token(caller, self._catalog()) and self._notice(exchange, caller) is not None

    def shows_as_much(self, token: str, as_token: str) -> bool:
        """Whether two tokens of an account name the same roles."""
        one, other = (self._caller(f"Bearer {each}", injected=True) for each in (token, as_token))
        return (one.client_roles, one.realm_roles) == (other.client_roles, other.realm_roles)

    def _thinnable(self) -> frozenset[str]:
        catalog = self._catalog()
        if catalog is not self._seen:
            self._seen, self._thin = catalog, _thinnable(catalog)
        return self._thin

    def look(self, exchange: Exchange, fields: ResponseFields) -> None:
        """Add ``Kcproxy-Notice`` where the answer may be reduced. A bug in here never breaks an answer."""
        operation = exchange.target.operation
        if operation is None or not self.concerns(exchange.target):
            return
        may_be_thin = operation.key in self._thinnable()
        try:
            exchange.caller = self._caller(authorization(exchange), injected=exchange.token is not None)
            if may_be_thin:
                self._announce(exchange, exchange.caller, fields)
        except Exception:
            log.exception("a success could not be looked at")

    def _announce(self, exchange: Exchange, caller: Caller, fields: ResponseFields) -> None:
        text = self._notice(exchange, caller)
        if text is not None:
            fields.lines.append(b"Kcproxy-Notice: %b\r\n" % text.encode("ascii"))
            self._observer.response_reduced(exchange.target, text)

    def _notice(self, exchange: Exchange, caller: Caller) -> str | None:
        return notice(request_facts(exchange, base_path=self._base_path, public_url=self._public_url), caller, self._catalog())


@lru_cache(maxsize=4)
def _thinnable(catalog: Catalog) -> frozenset[str]:
    """Keys of operations that some roles open without giving all of the answer."""
    return frozenset(
        entry.operation.key
        for entry in catalog.operations
        for requirement in (entry.requirement, *(variant.requirement for variant in entry.variants))
        if requirement.any_of != requirement.admits
    )
