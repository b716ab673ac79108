"""Explains refusals with cached claims and diagnoses, and renders the explanations as configured. Pure: the clock and the facts are given."""

import secrets
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from cachetools import LRUCache

from kcproxy.catalog import Catalog
from kcproxy.denial.explanation_cache import ExplanationCache, key_of
from kcproxy.explain import render
from kcproxy.explain.claims import read_caller
from kcproxy.explain.engine import diagnose, with_operators_view
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.json_template import compact
from kcproxy.model import Answer, Caller, Explanation, Facts, RequestFacts
from kcproxy.settings import ExplainSettings

_MAX_CALLERS_BYTES = 16 * 1024 * 1024
_CALLER_BYTES = 2048
_BYTES_READ = 8
"""Memory for each byte of an Authorization field, with the names read from it."""
_ID_BYTES = 8


class CachingExplainer:
    """The explanations of one server. Not for several threads at once."""

    def __init__(self, settings: ExplainSettings) -> None:
        """``settings``: how much callers see, and what is known about the server."""
        self._settings = settings
        self._callers: LRUCache[str, tuple[Caller, int]] = LRUCache(_MAX_CALLERS_BYTES, getsizeof=itemgetter(1))
        self._cache = ExplanationCache()

    def explanation(
        self,
        request: RequestFacts,
        caller: Caller,
        answer: Answer,
        *,
        authorization: str | None,
        facts: Facts | None,
        catalog: Catalog,
        version: str | None,
        now_epoch_seconds: float,
    ) -> Explanation | None:
        """The explanation of one response. None if no rule applies. ``version``: of the server, if it is known."""
        settings = self._settings
        key = key_of(request, answer, authorization=authorization, caller=caller, catalog=catalog, now_epoch_seconds=now_epoch_seconds)
        inputs = Inputs(
            request=request,
            caller=caller,
            answer=answer,
            catalog=catalog,
            facts=facts,
            now_epoch_seconds=now_epoch_seconds,
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
