"""The pure core at work in the proxy: claims, catalog and look-ups in, an explanation out, rendered as the settings allow."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol

from cachetools import LRUCache

from kcproxy.catalog import Catalog
from kcproxy.explain import render
from kcproxy.explain.claims import read_caller
from kcproxy.explain.engine import diagnose
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.json_template import compact
from kcproxy.model import Answer, Caller, Explanation, Facts, RequestFacts
from kcproxy.observe.events import Observer
from kcproxy.proxy.explanation_cache import ExplanationCache, key_of
from kcproxy.settings import ExplainSettings

_MAX_CALLERS_BYTES = 16 * 1024 * 1024
_CALLER_BYTES = 2048
_BYTES_READ = 8
"""What a byte of an Authorization field takes in memory at most, with the names that were read out of it."""
_ID_BYTES = 8


class Lookups(Protocol):
    """Finds out what claims and answer do not tell. Bounded in time and rate by itself; never raises."""

    async def facts(self, request: RequestFacts, caller: Caller, answer: Answer, authorization: str | None) -> Facts | None:
        """What could be found out; None where nothing was asked. ``authorization`` is the header itself, for its signature."""
        ...


class LiveExplainer:
    """``answer.Explainer`` of a running proxy."""

    def __init__(
        self,
        settings: ExplainSettings,
        observer: Observer,
        *,
        catalog: Callable[[], Catalog],
        version: Callable[[], str | None],
        lookups: Lookups | None = None,
        budget_seconds: float = 0.3,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``catalog`` and ``version`` are asked each time, for a server may be upgraded; ``now`` gives seconds since the epoch."""
        self._settings = settings
        self._observer = observer
        self._catalog = catalog
        self._version = version
        self._lookups = lookups
        self._budget_seconds = budget_seconds
        self._now = now
        self._callers: LRUCache[str, tuple[Caller, int]] = LRUCache(_MAX_CALLERS_BYTES, getsizeof=itemgetter(1))
        self._recall = ExplanationCache()

    async def explain(self, request: RequestFacts, authorization: str | None, answer: Answer, *, injected: bool) -> Explanation | None:
        """Why; None where the rules know nothing of it."""
        caller = self.caller(authorization, injected=injected)
        facts = await self._facts(request, caller, answer, authorization)
        catalog, version, now, settings = self._catalog(), self._version(), self._now(), self._settings
        key = key_of(request, answer, authorization=authorization, caller=caller, catalog=catalog, now_epoch_seconds=now)
        inputs = Inputs(
            request=request,
            caller=caller,
            answer=answer,
            catalog=catalog,
            facts=facts,
            now_epoch_seconds=now,
            keycloak_version=version,
            require_audience=settings.require_audience,
            console_base_url=settings.console_url,
            docs_url=settings.docs_url,
        )
        diagnosis = known = self._recall.find(key, facts, catalog, version)
        if diagnosis is None:
            diagnosis = diagnose(inputs)
            if diagnosis is None:
                return None
            self._recall.keep(key, diagnosis, facts)
        return diagnosis.explanation(secrets.token_hex(_ID_BYTES), inputs, again=known is not None)

    def caller(self, authorization: str | None, *, injected: bool) -> Caller:
        """The caller by his claims, read once for a token."""
        key = authorization or ""
        known = self._callers.get(key)
        if known is not None and known[0].injected == injected:
            return known[0]
        caller = read_caller(authorization, injected=injected)
        self._callers[key] = (caller, _CALLER_BYTES + _BYTES_READ * len(key))
        return caller

    def rewrites(self, explanation: Explanation) -> bool:
        """Whether the body is to be enriched; otherwise only headers are added."""
        return render.rewrites(explanation)

    def body(self, explanation: Explanation, original: Mapping[str, Any] | None) -> dict[str, Any]:
        """The JSON body."""
        return render.body(explanation, original, self._settings.detail)

    def body_json(self, explanation: Explanation, original: Mapping[str, Any] | None) -> str:
        """The JSON body as text."""
        if explanation.kept is None:
            return compact(self.body(explanation, original))
        return render.body_json(explanation, original, self._settings.detail)

    def problem(self, explanation: Explanation, original: Mapping[str, Any] | None) -> dict[str, Any]:
        """The RFC 9457 body."""
        return render.problem(explanation, original, self._settings.detail)

    def headers(self, explanation: Explanation) -> Sequence[tuple[str, str]]:
        """The header fields to add."""
        return render.headers(explanation, self._settings.detail)

    def failed(self, error: Exception) -> None:  # noqa: ARG002 - the log has it; the count needs only that it happened
        """Count an explanation that could not be made."""
        self._observer.looked_up("explanation", "failed", 0.0)

    async def _facts(self, request: RequestFacts, caller: Caller, answer: Answer, authorization: str | None) -> Facts | None:
        if self._lookups is None:
            return None
        began = self._now()
        try:
            async with asyncio.timeout(self._budget_seconds):
                return await self._lookups.facts(request, caller, answer, authorization)
        except TimeoutError:
            self._observer.looked_up("facts", "late", self._now() - began)
            return None
