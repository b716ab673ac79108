"""Explains the refusals of a running proxy: from claims, catalog and look-ups to an explanation, rendered as configured."""

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
from kcproxy.explain.engine import diagnose, with_operators_view
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.json_template import compact
from kcproxy.model import Answer, Caller, Explanation, Facts, RequestFacts
from kcproxy.observe.events import Observer
from kcproxy.proxy.explanation_cache import ExplanationCache, key_of
from kcproxy.settings import ExplainSettings

_MAX_CALLERS_BYTES = 16 * 1024 * 1024
_CALLER_BYTES = 2048
_BYTES_READ = 8
"""Memory for each byte of an Authorization field, with the names read from it."""
_ID_BYTES = 8


class Lookups(Protocol):
    """Looks up facts that claims and response do not contain. Limits its own time and rate. Never raises."""

    async def facts(self, request: RequestFacts, caller: Caller, answer: Answer, authorization: str | None) -> Facts | None:
        """The facts found. None if there were no look-ups. ``authorization`` is the field itself, for the signature of the token."""
        ...


class LiveExplainer:
    """An ``Explainer`` with cached claims and diagnoses."""

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
        """``catalog`` and ``version`` are called each time, because a server may be upgraded. ``now`` gives seconds since the epoch."""
        self._settings = settings
        self._observer = observer
        self._catalog = catalog
        self._version = version
        self._lookups = lookups
        self._budget_seconds = budget_seconds
        self._now = now
        self._callers: LRUCache[str, tuple[Caller, int]] = LRUCache(_MAX_CALLERS_BYTES, getsizeof=itemgetter(1))
        self._cache = ExplanationCache()

    async def explain(self, request: RequestFacts, authorization: str | None, answer: Answer, *, injected: bool) -> Explanation | None:
        """The explanation. None if no rule applies."""
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
        diagnosis = known = self._cache.find(key, facts, catalog, version)
        if diagnosis is None:
            diagnosis = diagnose(inputs)
            if diagnosis is None:
                return None
            self._cache.store(key, diagnosis, facts)
        explanation = diagnosis.explanation(secrets.token_hex(_ID_BYTES), inputs, again=known is not None)
        return with_operators_view(explanation, inputs)

    def caller(self, authorization: str | None, *, injected: bool) -> Caller:
        """The caller by the claims of the token, which are read once for each token."""
        key = authorization or ""
        known = self._callers.get(key)
        if known is not None and known[0].injected == injected:
            return known[0]
        caller = read_caller(authorization, injected=injected)
        self._callers[key] = (caller, _CALLER_BYTES + _BYTES_READ * len(key))
        return caller

    def rewrites(self, explanation: Explanation) -> bool:
        """Whether the body is enriched. Otherwise only header fields are added."""
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
