"""Records what a program calls through the middleware, without a proxy.

recorded = recording_in_process("https://login.example.com")
client = httpx.Client(transport=ExplainingTransport(explainer=recorded.explainer))
"""

from collections.abc import Awaitable, Callable
from concurrent.futures import Future

from kcproxy.denial.decisions import REFUSED
from kcproxy.explain.notices.notice import notice
from kcproxy.middleware.address import address_of
from kcproxy.middleware.engine import Case, Engine, LookedUp
from kcproxy.middleware.explainer import RefusalExplainer
from kcproxy.middleware.options import Options
from kcproxy.middleware.refusal import Explained, Refusal
from kcproxy.proxy.caller_identity import admin_roles, named
from kcproxy.proxy.request_variant import variant_shown
from kcproxy.testing.recorded_calls import Recording
from kcproxy.usage.model import UseCaller, outcome_of
from kcproxy.usage.tally import KnownCaller


class ProgramRecording(Recording):
    """What was called by clients that have the middleware with this ``explainer``."""

    def __init__(self, base_url: str, keycloak_version: str | None) -> None:
        """Made by ``recording_in_process``."""
        options: Options = {"base_url": base_url, "keycloak_version": keycloak_version}
        self._engine = Engine(options, base_path=address_of(base_url)[1])
        super().__init__(self._engine.catalog)
        self.explainer: RefusalExplainer = _ObservingExplainer(self, options)
        self._accepted: set[UseCaller] = set()

    def settle(self) -> None:
        """Nothing to wait for: a call is counted before the program gets its response."""

    def count(self, exchange: Refusal) -> None:
        """Count a call, if its caller is known: Keycloak has accepted a token of it, or the middleware has added the token."""
        case = self._engine.case(exchange)
        operation = None if case is None else case.request.target.operation
        known = None if case is None else self._caller(case)
        if case is None or operation is None or known is None:
            return
        target = case.request.target
        variant = variant_shown(target, exchange.raw_target.decode("utf-8", "replace"), exchange.request_body, self.catalog)
        outcome = outcome_of(exchange.status, reduced=self._is_reduced(case))
        self.tally.count(known, target.realm, operation.key, variant, outcome)

    def _caller(self, case: Case) -> KnownCaller | None:
        user = named(case.caller)
        if user is None:
            return None
        if case.refusal.status < 400 or case.refusal.injected:
            self._accepted.add(user)
            self.tally.name_roles(user, dict(admin_roles(case.caller)))
        return self.tally.know(user) if user in self._accepted else None

    def _is_reduced(self, case: Case) -> bool | None:
        if not case.caller.has_roles_claims:
            return None
        return notice(case.request, case.caller, self.catalog, self._engine.version) is not None


class _ObservingExplainer(RefusalExplainer):
    """Shows each response of Keycloak to a recording."""

    observes = True

    def __init__(self, recorded: ProgramRecording, options: Options) -> None:
        super().__init__(**options)
        self._recorded = recorded

    def observed(self, exchange: Refusal) -> None:
        """Count a call to Keycloak."""
        if self._is_keycloak(exchange.origin, exchange.raw_target):
            self._recorded.count(exchange)

    def explain(self, refusal: Refusal) -> Explained | None:
        """As always, and keep the sentence."""
        explained = super().explain(refusal)
        self._note(refusal, explained)
        return explained

    async def explain_async(self, refusal: Refusal, wait: Callable[[Future[LookedUp], float], Awaitable[object]]) -> Explained | None:
        """As always, and keep the sentence."""
        explained = await super().explain_async(refusal, wait)
        self._note(refusal, explained)
        return explained

    def _note(self, refusal: Refusal, explained: Explained | None) -> None:
        if explained is not None and refusal.status in REFUSED:
            self._recorded.note_refusal(refusal.status, explained.explanation.operator or explained.explanation)


def recording_in_process(base_url: str, *, keycloak_version: str | None = None) -> ProgramRecording:
    """A recording for clients with the middleware. ``base_url``: Keycloak's address. ``keycloak_version``: default: the newest measured one.

    Give ``explainer`` to ``ExplainingTransport``, ``ExplainingAdapter``, ``ExplainingMiddleware`` or ``explained``. Raises ValueError if the
    address is no URL.
    """
    return ProgramRecording(base_url, keycloak_version)
