"""Explains the refusals of one Keycloak server to a program. Shared by any number of clients, threads and event loops.

response ─ status, address: concerned? ── no ─▶ left alone, its body is not read
                                       └─ yes ─▶ body (bounded) ─▶ look-ups (bounded) ─▶ explanation ─▶ log, counters, callback
                                                                                                     └─▶ fields and body
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Unpack

from kcproxy.middleware.accounts import DEFAULT_BUDGET_SECONDS
from kcproxy.middleware.address import address_of, path_has_keycloak
from kcproxy.middleware.locks import Lock
from kcproxy.middleware.options import Options, check
from kcproxy.middleware.refusal import Explained, Refusal

if TYPE_CHECKING:
    from concurrent.futures import Future

    from kcproxy.middleware.counters import DenialCounters
    from kcproxy.middleware.engine import Case, Engine, LookedUp
    from kcproxy.middleware.lookups import BackgroundLookups
    from kcproxy.model import Explanation

log = logging.getLogger("kcproxy.middleware")

MAX_BODY_BYTES = 65536
_STATUS_CODES = frozenset({400, 401, 403, 404, 405, 431, 500, 501})
_REFUSED = frozenset({401, 403})
"""Those of ``denial.decisions``, which is not imported yet when most responses arrive."""


class RefusalExplainer:
    """Explains refusals. A failure inside never breaks a response: the original is returned, and the failure is logged."""

    observes = False
    """Whether ``observed`` wants to see each response, also those that need no explanation."""

    def __init__(self, **options: Unpack[Options]) -> None:
        """Raises TypeError for an unknown option, and ValueError for a wrong value, or if look-ups are asked for without ``base_url``, because an inspector's secret must reach no other server."""
        check(options)
        base_url = options.get("base_url")
        self._looks_up = options.get("inspector") is not None or options.get("public_documents", False)
        if self._looks_up and base_url is None:
            raise ValueError("An inspector needs base_url, and so does public_documents: look-ups are sent to this address only.")
        self._options = options
        self._origin: str | None = None
        self._base_path: str | None = None
        if base_url is not None:
            self._origin, self._base_path = address_of(base_url)
        self.max_body_bytes = options.get("max_body_bytes", MAX_BODY_BYTES)
        self._has_noted_address = False
        self._lock = Lock()
        self._engine: Engine | None = None
        self._lookups: BackgroundLookups | None = None
        self._counters = self._new_counters()
        if options.get("preload", True):
            self._loaded()
            if self._looks_up:
                from kcproxy.middleware.lookups import load  # noqa: PLC0415 - only programs with an inspector need asyncio

                load()

    def __getstate__(self) -> dict[str, Any]:
        """A copy has the options, and loads the rest again."""
        return {**vars(self), "_engine": None, "_lookups": None, "_counters": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As it was made."""
        vars(self).update(state)
        self._counters = self._new_counters()

    def concerns(self, status: int, method: str, origin: str, raw_target: bytes) -> bool:
        """Whether a response may be explained, so that its body is to be read. Cheap for responses of other servers."""
        if status not in _STATUS_CODES:
            return False
        if self._origin is not None and status in _REFUSED:
            self._note_other_address(origin, raw_target)
        if not self._is_keycloak(origin, raw_target):
            return False
        return self._loaded().may_explain(status, method, raw_target)

    def observed(self, exchange: Refusal) -> None:
        """Called with each response if ``observes``; its body is empty, because it is not read. A subclass records it."""

    def explain(self, refusal: Refusal) -> Explained | None:
        """The explained response. None if there is nothing to explain. Waits for look-ups, at most as long as the inspector's budget."""
        try:
            case = self._loaded().case(refusal)
            return None if case is None else self._concluded(case, self._result(self._start_lookups(case), self._budget_seconds))
        except Exception:
            log.exception("a refusal could not be explained")
            return None

    async def explain_async(self, refusal: Refusal, wait: "Callable[[Future[LookedUp], float], Awaitable[object]]") -> Explained | None:
        """As ``explain``. ``wait`` waits for a future, at most so many seconds, as the library's event loop requires. It never raises its errors."""
        try:
            case = self._loaded().case(refusal)
            future = None if case is None else self._start_lookups(case)
            if future is not None:
                await wait(future, self._budget_seconds)
            return None if case is None else self._concluded(case, self._result(future, 0.0))
        except Exception:
            log.exception("a refusal could not be explained")
            return None

    def close(self) -> None:
        """End look-ups. The explainer can still be used, and starts them again."""
        with self._lock:
            lookups, self._lookups = self._lookups, None
        if lookups is not None:
            lookups.close()

    def _is_keycloak(self, origin: str, raw_target: bytes) -> bool:
        return origin == self._origin if self._origin is not None else path_has_keycloak(raw_target)

    def _note_other_address(self, origin: str, raw_target: bytes) -> None:
        """Say once that a refusal of the Admin REST API is not at base_url: probably another spelling of the host, or the base path is missing."""
        base_path, found, _ = raw_target.partition(b"?")[0].partition(b"/admin/realms/")
        called = origin + base_path.decode("latin-1")
        if self._has_noted_address or not found or called == f"{self._origin}{self._base_path}":
            return
        self._has_noted_address = True
        log.warning(
            "refusals of %s are not explained, because base_url is %s%s. Give the address that the program calls, with its base path.",
            _visible(called),
            self._origin,
            self._base_path,
        )

    def _loaded(self) -> "Engine":
        if self._engine is None:
            from kcproxy.middleware.engine import Engine  # noqa: PLC0415 - most of kcproxy, which an import must not load

            with self._lock:
                self._engine = self._engine or Engine(self._options, base_path=self._base_path)
        return self._engine

    def _start_lookups(self, case: "Case") -> "Future[LookedUp] | None":
        inspector, base_url = self._options.get("inspector"), self._options.get("base_url")
        if not self._looks_up or base_url is None:
            return None
        from kcproxy.middleware.lookups import BackgroundLookups  # noqa: PLC0415 - only programs with an inspector need asyncio

        with self._lock:
            if self._lookups is None or self._lookups.is_over:
                self._lookups = BackgroundLookups(base_url, inspector, detects=self._options.get("keycloak_version") is None)
            return self._lookups.start(case)

    @property
    def _budget_seconds(self) -> float:
        inspector = self._options.get("inspector")
        return DEFAULT_BUDGET_SECONDS if inspector is None else inspector.budget_seconds

    @staticmethod
    def _result(future: "Future[LookedUp] | None", wait_seconds: float) -> "LookedUp | None":
        try:
            return None if future is None else future.result(timeout=wait_seconds)
        except TimeoutError:
            return None

    def _concluded(self, case: "Case", looked_up: "LookedUp | None") -> Explained | None:
        explained = self._loaded().explained(case, looked_up)
        if explained is not None:
            self._report(explained.explanation.operator or explained.explanation)
        return explained

    def _report(self, explanation: "Explanation") -> None:
        log.warning("%s (denial %s)", _visible(explanation.summary), explanation.id, extra={"explanation": explanation})
        if self._counters is not None:
            self._counters.denied(explanation)
        on_denial = self._options.get("on_denial")
        if on_denial is not None:
            try:
                on_denial(explanation)
            except Exception:
                log.exception("the callback on_denial failed")

    def _new_counters(self) -> "DenialCounters | None":
        registry: Any = self._options.get("metrics")
        if registry is None:
            return None
        from kcproxy.middleware.counters import DenialCounters  # noqa: PLC0415 - loads prometheus_client

        return DenialCounters(registry)


def explainer_of(explainer: RefusalExplainer | None, options: Options) -> RefusalExplainer:
    """The explainer of a client. Raises TypeError if one is given together with options, which it would ignore."""
    if explainer is None:
        return RefusalExplainer(**options)
    if options:
        raise TypeError(f"Give either explainer or options: {', '.join(options)} would have no effect. Pass them to the RefusalExplainer.")
    return explainer


def _visible(text: str) -> str:
    """Text from outside, made safe for a terminal."""
    from kcproxy.visible import visible  # noqa: PLC0415 - see above

    return visible(text)
