"""One request to Keycloak and back: with the caller's token or an account's, and once more where an account's was too old for a grant."""

import asyncio
import time
from collections.abc import Callable

from kcproxy.catalog import Catalog
from kcproxy.errors import RequestRefused, UpstreamError
from kcproxy.keycloak.inspector import Inspector
from kcproxy.keycloak.pool import PoolUpstream
from kcproxy.keycloak.tokens import TokenSource
from kcproxy.keycloak.upstream import RawHeaders, Upstream, UpstreamAnswer
from kcproxy.model import Target
from kcproxy.observe.events import Observer
from kcproxy.proxy.answer import Refusals
from kcproxy.proxy.authorize import Accounts, brings_credentials_in_query
from kcproxy.proxy.bodies import CallerGone, awaited_body
from kcproxy.proxy.headers import RequestHead, addressed, read_request, unforwarded
from kcproxy.proxy.inbound import Admission, withdrawn
from kcproxy.proxy.passage import Passage
from kcproxy.proxy.renewal import Renewal
from kcproxy.proxy.successes import Successes
from kcproxy.proxy.turn import Inbound
from kcproxy.settings import AccountSettings, ForwardedFields, Settings


class Plane:
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
        refusals: Refusals | None = None,
        inspector: Inspector | None = None,
        successes: Successes | None = None,
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
        self.refusals = refusals
        self.inspector = inspector
        self.successes = successes
        self.admission = admission or Admission()
        self.clock = clock
        self.accounts = Accounts(settings.accounts)
        self.upstream_origin = settings.upstream.origin.encode()
        self.upstream_host = settings.upstream.origin.partition("://")[2].encode()
        self._drops_forwarded = settings.upstream.forwarded is ForwardedFields.DROP
        self._preserves_host = settings.upstream.preserve_host
        self.base_path = settings.upstream.base_path
        self.token_clock = token_clock
        self.renewal = Renewal(tokens, observer, successes, clock=token_clock)
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

    async def prepare(self, inbound: Inbound, passage: Passage) -> None:
        """All that is needed before Keycloak is asked: whose token, and the body as far as it is small. A slow caller holds up only himself.

        TokenFetchError, RequestRefused, CallerGone.
        """
        passage.arrived_at = self.token_clock()
        passage.account = self.account(passage.target, passage.head, passage.raw_target)
        if passage.account is not None:
            if not self.admission.open:
                passage.admitted = await self.admission.check(passage.target, passage.head)
            passage.held = await self.tokens.hold(passage.account)
            passage.token = passage.held.token
        await self.gather(inbound, passage)

    async def gather(self, inbound: Inbound, passage: Passage) -> None:
        """The body, as far as it is small. RequestRefused, CallerGone."""
        passage.body = awaited_body(inbound, passage.head, self.settings.limits)
        if passage.body is None:
            return
        began = self.clock()
        try:
            await passage.body.gather()
        finally:
            passage.waited_seconds = self.clock() - began

    async def exchange(self, inbound: Inbound, passage: Passage) -> UpstreamAnswer:
        """Keycloak's answer to a prepared request, or to one that is under way. UpstreamError, RequestRefused, CallerGone."""
        if inbound.protocol.transport is None and passage.begun is None:
            raise CallerGone
        if inbound.protocol.withdrawn and passage.account is not None and passage.begun is None:
            raise withdrawn()
        answer = await self._send(passage)
        return answer if passage.held is None else await self.renewal.better(passage, answer, self._send)

    def account(self, target: Target, head: RequestHead, raw_target: str) -> AccountSettings | None:
        """The account whose token goes with a request; None where it goes as it came."""
        account = self.accounts.account_for(target, head)
        if account is not None and brings_credentials_in_query(raw_target.partition("?")[2]):
            return None
        return account

    async def _send(self, passage: Passage) -> UpstreamAnswer:
        head, body = passage.head, passage.body
        fields = head.fields
        if passage.token is not None:
            fields = [*self.addressed(fields), (b"Authorization", b"Bearer " + passage.token.encode())]
        begun, passage.begun = passage.begun, None
        request = (passage.target.method, passage.raw_target, fields, body.outgoing() if body is not None else None)
        began = self.clock()
        try:
            if begun is not None and self.pool is not None:
                answer: UpstreamAnswer = await self.pool.finish(begun, *request)
            else:
                answer = await self.upstream.exchange(*request)
        except (UpstreamError, CallerGone, RequestRefused) as error:
            failure = body.failure if body is not None else None
            if failure is not None and failure is not error:
                raise failure from error  # the caller broke off, not Keycloak
            raise
        finally:
            passage.upstream_seconds += self.clock() - began
        passage.retried = passage.retried or answer.retried
        return answer
