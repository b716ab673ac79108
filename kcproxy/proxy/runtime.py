"""One request to Keycloak and back: with the caller's token or an account's, and once more where an account's was too old for a grant."""

import asyncio
import time
from collections.abc import Callable

from kcproxy.catalog import Catalog
from kcproxy.errors import RequestRefused, UpstreamError
from kcproxy.http1.headers import RequestHead, addressed, read_request, unforwarded
from kcproxy.keycloak.inspector import Inspector
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.model import Target
from kcproxy.observe.events import Observer
from kcproxy.proxy.admission import Admission, withdrawn
from kcproxy.proxy.credentials import Accounts, brings_credentials_in_query
from kcproxy.proxy.denial_response import DenialEnricher
from kcproxy.proxy.exchange import Exchange
from kcproxy.proxy.reduced_response import ReducedResponses
from kcproxy.proxy.token_retry import TokenRetry
from kcproxy.server.request import InboundRequest
from kcproxy.server.request_body import ClientDisconnected, awaited_body
from kcproxy.settings import AccountSettings, ForwardedFields, Settings
from kcproxy.upstream.interface import RawHeaders, Upstream, UpstreamResponse
from kcproxy.upstream.pool import PoolUpstream


class Runtime:
    """All that one set of settings amounts to; a reload makes a new one and lets the old one finish."""

    def __init__(
        self,
        settings: Settings,
        *,
        catalog: Catalog,
        upstream: Upstream,
        side: Upstream,
        tokens: TokenSource,
        observer: Observer,
        denial_enricher: DenialEnricher | None = None,
        inspector: Inspector | None = None,
        reduced_responses: ReducedResponses | None = None,
        admission: Admission | None = None,
        clock: Callable[[], float] = time.perf_counter,
        token_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``side`` carries token requests and look-ups; ``clock`` measures durations; ``token_clock`` is the one that ``tokens`` uses."""
        self.settings = settings
        self.catalog = catalog
        self.version = settings.explain.keycloak_version
        self.upstream = upstream
        self.pool = upstream if isinstance(upstream, PoolUpstream) else None
        self.side = side
        self.tokens = tokens
        self.denial_enricher = denial_enricher
        self.inspector = inspector
        self.reduced_responses = reduced_responses
        self.admission = admission or Admission()
        self.clock = clock
        self.accounts = Accounts(settings.accounts)
        self.upstream_origin = settings.upstream.origin.encode()
        self.upstream_host = settings.upstream.origin.partition("://")[2].encode()
        self._drops_forwarded = settings.upstream.forwarded is ForwardedFields.DROP
        self._preserves_host = settings.upstream.preserve_host
        self.base_path = settings.upstream.base_path
        self.token_clock = token_clock
        self.token_retry = TokenRetry(tokens, observer, reduced_responses, clock=token_clock)
        self._users = 0
        self._empty: asyncio.Event | None = None

    def enter(self) -> None:
        """A request begins that uses this plane."""
        self._users += 1

    def leave(self) -> None:
        """It has ended."""
        self._users -= 1
        if self._empty is not None and not self._users:
            self._empty.set()

    async def unused(self) -> None:
        """Wait until no request uses this plane. To be called once no new ones can come."""
        if self._users:
            self._empty = asyncio.Event()
            await self._empty.wait()

    def read(self, raw: RawHeaders) -> RequestHead:
        """A request's fields as these settings send them on. RequestRefused as ``read_request``."""
        head = read_request(raw, None if self._preserves_host else self.upstream_host)
        if self._drops_forwarded:
            head.fields = unforwarded(head.fields)
        return head

    def addressed(self, fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The fields for a request with an account's token: Host is always the one under which that token was fetched, its issuer."""
        return addressed(fields, self.upstream_host) if self._preserves_host else fields

    def public_origin(self, head: RequestHead, *, tls: bool) -> bytes | None:
        """The origin by which the caller knows us, ``tls`` on his connection; None where Location is to stay as it is."""
        host = head.picked.get(b"host")
        if host is None or not self.settings.upstream.rewrite_location:
            return None
        return (b"https://" if tls else b"http://") + host

    async def prepare(self, inbound: InboundRequest, exchange: Exchange) -> None:
        """All that is needed before Keycloak is asked: whose token, and the body as far as it is small. A slow caller holds up only himself.

        TokenFetchError, RequestRefused, CallerGone.
        """
        exchange.arrived_at = self.token_clock()
        exchange.account = self.account(exchange.target, exchange.head, exchange.raw_target)
        if exchange.account is not None:
            if not self.admission.open:
                exchange.admitted = await self.admission.check(exchange.target, exchange.head)
            exchange.held = await self.tokens.hold(exchange.account)
            exchange.token = exchange.held.token
        await self.gather(inbound, exchange)

    async def gather(self, inbound: InboundRequest, exchange: Exchange) -> None:
        """The body, as far as it is small. RequestRefused, CallerGone."""
        exchange.body = awaited_body(inbound, exchange.head, self.settings.limits)
        if exchange.body is None:
            return
        began = self.clock()
        try:
            await exchange.body.gather()
        finally:
            exchange.waited_seconds = self.clock() - began

    async def exchange(self, inbound: InboundRequest, exchange: Exchange) -> UpstreamResponse:
        """Keycloak's answer to a prepared request, or to one that is under way. UpstreamError, RequestRefused, CallerGone."""
        if inbound.protocol.transport is None and exchange.begun is None:
            raise ClientDisconnected
        if inbound.protocol.withdrawn and exchange.account is not None and exchange.begun is None:
            raise withdrawn()
        answer = await self._send(exchange)
        return answer if exchange.held is None else await self.token_retry.better(exchange, answer, self._send)

    def account(self, target: Target, head: RequestHead, raw_target: str) -> AccountSettings | None:
        """The account whose token goes with a request; None where it goes as it came."""
        account = self.accounts.account_for(target, head)
        if account is not None and brings_credentials_in_query(raw_target.partition("?")[2]):
            return None
        return account

    async def _send(self, exchange: Exchange) -> UpstreamResponse:
        head, body = exchange.head, exchange.body
        fields = head.fields
        if exchange.token is not None:
            fields = [*self.addressed(fields), (b"Authorization", b"Bearer " + exchange.token.encode())]
        begun, exchange.begun = exchange.begun, None
        request = (exchange.target.method, exchange.raw_target, fields, body.outgoing() if body is not None else None)
        began = self.clock()
        try:
            if begun is not None and self.pool is not None:
                answer: UpstreamResponse = await self.pool.finish(begun, *request)
            else:
                answer = await self.upstream.exchange(*request)
        except (UpstreamError, ClientDisconnected, RequestRefused) as error:
            failure = body.failure if body is not None else None
            if failure is not None and failure is not error:
                raise failure from error  # the caller broke off, not Keycloak
            raise
        finally:
            exchange.upstream_seconds += self.clock() - began
        exchange.retried = exchange.retried or answer.retried
        return answer
