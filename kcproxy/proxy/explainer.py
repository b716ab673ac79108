"""Explains the refusals of a running proxy: from claims, catalog and look-ups to an explanation, rendered as configured."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from kcproxy.catalog import Catalog
from kcproxy.denial.explainer import CachingExplainer
from kcproxy.model import Answer, Caller, Explanation, Facts, RequestFacts
from kcproxy.observe.events import Observer
from kcproxy.settings import ExplainSettings


class Lookups(Protocol):
    """Looks up facts that claims and response do not contain. Limits its own time and rate. Never raises."""

    async def facts(self, request: RequestFacts, caller: Caller, answer: Answer, authorization: str | None) -> Facts | None:
        """The facts found. None if there were no look-ups. ``authorization`` is the field itself, for the signature of the token."""
        ...


class LiveExplainer(CachingExplainer):
    """An ``Explainer`` with look-ups."""

    def __init__(
        self,
        settings: ExplainSettings,
        observer: Observer,
        *,
        catalog: Callable[[], Catalog],
        version: Callable[[], str | None],
        lookups: Lookups | None = None,
        permissions_are_on: Callable[[str | None], bool | None] = lambda _: None,
        budget_seconds: float = 0.3,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``catalog`` and ``version`` are called each time, because a server may be upgraded. ``now`` gives seconds since the epoch.

        ``permissions_are_on``: whether a realm has fine-grained admin permissions, as a response showed it; None if that is not known.
        """
        super().__init__(settings)
        self._observer = observer
        self._catalog = catalog
        self._version = version
        self._lookups = lookups
        self._permissions_are_on = permissions_are_on
        self._budget_seconds = budget_seconds
        self._now = now

    async def explain(self, request: RequestFacts, authorization: str | None, answer: Answer, *, injected: bool) -> Explanation | None:
        """The explanation. None if no rule applies."""
        caller = self.caller(authorization, injected=injected)
        facts = self._with_switch(request.target.realm, await self._facts(request, caller, answer, authorization))
        return self.explanation(
            request,
            caller,
            answer,
            authorization=authorization,
            facts=facts,
            catalog=self._catalog(),
            version=self._version(),
            now_epoch_seconds=self._now(),
        )

    def failed(self, error: Exception) -> None:  # noqa: ARG002 - the log has it; the count needs only that it happened
        """Count an explanation that could not be made."""
        self._observer.looked_up("explanation", "failed", 0.0)

    def _with_switch(self, realm: str | None, facts: Facts | None) -> Facts | None:
        """The facts, with the realm's switch as a response showed it, if no look-up did."""
        are_on = self._permissions_are_on(realm)
        if are_on is None or (facts is not None and facts.admin_permissions_enabled is not None):
            return facts
        return replace(facts or Facts(), admin_permissions_enabled=are_on)

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
